import { expect, it } from 'vitest';
import type { Stream, Visibility } from '../src/api.ts';
import { PublishDetails } from '../src/elements/publish-details.ts';
import type { CopyField } from '../src/elements/copy-field.ts';

async function fields(visibility: Visibility, rtmps: string | null = null): Promise<Map<string, CopyField>> {
  const details = new PublishDetails();
  const urls = { watch: '', hls: '', rtmp: 'rtmp://h/live/mine', rtmps };
  const stream: Stream = {
    name: 'mine', title: '', visibility, state: 'offline', started_at: null, viewers: 0, renditions: [], urls,
  };
  details.stream = stream;
  details.key = 'k3y';
  document.body.append(details);
  await details.updateComplete;
  const found = [...details.renderRoot.querySelectorAll<CopyField>('ms-copy-field')];
  details.remove();
  return new Map(found.map((field) => [field.label, field]));
}

it('shows the key nowhere until it is asked for', async () => {
  for (const [label, field] of await fields('public')) {
    expect(field.secret, label).toBe(field.value.includes('k3y'));
  }
});

it('gives no link to watch a private stream that would not let anyone in', async () => {
  expect([...(await fields('public')).keys()]).toContain('Watch link');
  expect([...(await fields('private')).keys()]).not.toContain('Watch link');
});

it('offers the encrypted server beside the other, where there is one', async () => {
  expect([...(await fields('public')).keys()]).not.toContain('Server, encrypted');
  const encrypted = (await fields('public', 'rtmps://h/live/mine')).get('Server, encrypted');
  expect(encrypted?.value).toBe('rtmps://h/live');
});
