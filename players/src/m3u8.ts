/** The attribute lists of playlists (RFC 8216bis 4.2), and what a multivariant playlist offers. Pure. */
import { renditionOf } from './address.ts';

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

/** One quality, as the server lists it now. */
export interface Variant {
  width: number;
  height: number;
  frameRate: number;
  bitrate_bps: number;
}

export interface Master {
  captions: TextRendition[];
  /** Everything with a picture or a sound, by address: what a player has to know to offer it. */
  offers: ReadonlySet<string>;
  /** By the name of their rendition. */
  variants: ReadonlyMap<string, Variant>;
}

export function readMaster(text: string): Master {
  const captions: TextRendition[] = [];
  const offers = new Set<string>();
  const variants = new Map<string, Variant>();
  let announced: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#EXT-X-MEDIA:')) {
      const { TYPE, NAME: name = '', LANGUAGE: language = '', URI: uri = '' } = attributesOf(line.slice(13));
      if (uri === '') continue;
      if (TYPE === 'SUBTITLES') captions.push({ name, language, uri });
      else if (TYPE === 'AUDIO') offers.add(uri);
    } else if (line.startsWith('#EXT-X-STREAM-INF:')) {
      announced = attributesOf(line.slice(18));
    } else if (line !== '' && !line.startsWith('#')) {
      offers.add(line);
      variants.set(renditionOf(`/${line}`) ?? line, variantOf(announced));
    }
  }
  return { captions, offers, variants };
}

function variantOf(announced: Record<string, string>): Variant {
  const [width = 0, height = 0] = (announced['RESOLUTION'] ?? '').split('x').map(Number);
  return {
    width,
    height,
    frameRate: Number(announced['FRAME-RATE'] ?? 0),
    bitrate_bps: Number(announced['AVERAGE-BANDWIDTH'] ?? announced['BANDWIDTH'] ?? 0),
  };
}

/** `later`, as a player knows it that goes on from `earlier`: what is listed no more is still fed by the server. */
export function withOffersOf(earlier: Master, later: Master): Master {
  return { ...later, offers: new Set([...earlier.offers, ...later.offers]) };
}

/**
 * Whether `later` has something to see or hear that is worth beginning anew for, to a player that knows `earlier`:
 * another sound, a larger picture, or more qualities. A rung in the place of another is not.
 */
export function offersMore(earlier: Master, later: Master): boolean {
  const fresh = [...later.offers].filter((address) => !earlier.offers.has(address)).map((uri) => renditionOf(`/${uri}`));
  if (fresh.length === 0) return false;
  const tallest = Math.max(0, ...[...earlier.variants.values()].map(({ height }) => height));
  return (
    later.variants.size > earlier.variants.size ||
    fresh.some((name) => {
      const variant = later.variants.get(name ?? '');
      return variant === undefined || variant.height > tallest;
    })
  );
}
