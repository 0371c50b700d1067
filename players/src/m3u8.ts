/** The attribute lists of playlists (RFC 8216bis 4.2), and what a multivariant playlist offers. Pure. */

/** `A=1,B="two, three"` as a record; quotes are taken off. */
export function attributesOf(list: string): Record<string, string> {
  const found = list.matchAll(/([A-Z0-9-]+)=(?:"([^"\n]*)"|([^",\s]+))/g);
  return Object.fromEntries([...found].map(([, name, quoted, plain]) => [name, quoted ?? plain ?? '']));
}

export interface TextRendition {
  name: string;
  /** BCP 47, or empty. */
  language: string;
  uri: string;
}

export interface Master {
  captions: TextRendition[];
  /** Everything with a picture or a sound, by address: what a player has to know to offer it. */
  offers: ReadonlySet<string>;
}

export function readMaster(text: string): Master {
  const captions: TextRendition[] = [];
  const offers = new Set<string>();
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#EXT-X-MEDIA:')) {
      const { TYPE, NAME: name = '', LANGUAGE: language = '', URI: uri = '' } = attributesOf(line.slice(13));
      if (uri === '') continue;
      if (TYPE === 'SUBTITLES') captions.push({ name, language, uri });
      else if (TYPE === 'AUDIO') offers.add(uri);
    } else if (line !== '' && !line.startsWith('#')) {
      offers.add(line);
    }
  }
  return { captions, offers };
}

/** Whether `later` has something to see or hear that `earlier` had not. What is gone is still fed by the server. */
export function offersMore(earlier: Master, later: Master): boolean {
  return [...later.offers].some((address) => !earlier.offers.has(address));
}
