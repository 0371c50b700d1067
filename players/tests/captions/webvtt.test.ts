import { describe, expect, it } from 'vitest';
import { readWebVtt } from '../../src/captions/webvtt.ts';

const HEAD = 'WEBVTT\nX-TIMESTAMP-MAP=LOCAL:01:00:00.000,MPEGTS:324000000\n\n';

describe('a document of captions', () => {
  it('tells times from its own beginning', () => {
    const [cue] = readWebVtt(`${HEAD}01:00:00.250 --> 01:00:01.750\nHello\n`);
    expect(cue).toMatchObject({ start_s: 0.25, end_s: 1.75, text: 'Hello' });
  });

  it('reads hours beyond two digits, and none', () => {
    expect(readWebVtt('WEBVTT\n\n00:01.000 --> 100:00:02.000\nx')[0]).toMatchObject({ start_s: 1, end_s: 360_002 });
  });

  it('keeps lines and tags, and what says where they stand', () => {
    const [cue] = readWebVtt(`${HEAD}id 7\n01:00:00.000 --> 01:00:01.000 line:10.5% position:20% align:start\n<i>one</i>\ntwo\n`);
    expect(cue).toMatchObject({ text: '<i>one</i>\ntwo', line_percent: 10.5, position_percent: 20, align: 'start' });
  });

  it('leaves the place to the browser where it is no percentage', () => {
    const [cue] = readWebVtt('WEBVTT\n\n00:00.000 --> 00:01.000 line:-1 position:120% align:middle\nx');
    expect(cue).toMatchObject({ line_percent: null, position_percent: null, align: null });
  });

  it('takes line ends of every kind and a byte order mark', () => {
    expect(readWebVtt('\uFEFFWEBVTT\r\n\r\n00:00.000 --> 00:01.000\r\none\r\n\r\n00:01.000 --> 00:02.000\r\ntwo')).toHaveLength(2);
  });

  it.each([
    ['no document', 'hello'],
    ['another word', 'WEBVTTX\n\n00:00.000 --> 00:01.000\nx'],
    ['an end before its start', 'WEBVTT\n\n00:02.000 --> 00:01.000\nx'],
    ['no words', 'WEBVTT\n\n00:00.000 --> 00:01.000\n'],
    ['no times', 'WEBVTT\n\nNOTE nothing\n\nSTYLE\n::cue { }\n'],
  ])('has no cues: %s', (_words, text) => expect(readWebVtt(text)).toEqual([]));

  it('is cut off where nobody could read it', () => {
    const many = Array.from({ length: 5000 }, () => '00:00.000 --> 00:01.000\nx').join('\n\n');
    expect(readWebVtt(`WEBVTT\n\n${many}`)).toHaveLength(200);
  });
});
