/** What the player needs of the library that fetches the media, whichever it is. */
import type { Fault } from '../recovery.ts';

export type Technology = 'hls' | 'dash';

/** One picture quality that can be chosen. */
export interface Level {
  index: number;
  /** The server's name for it. */
  rendition: string | null;
  width: number;
  height: number;
  frameRate: number;
  bitrate_bps: number;
}

/** One sound that can be chosen. */
export interface AudioTrack {
  index: number;
  name: string;
  /** BCP 47, or empty. */
  language: string;
}

/** The newest moment that the server has published, as far as the player knows. */
export interface Edge {
  /** On the video element's own clock, carried on to now. */
  at_s: number;
  /** How long ago something new was last learnt of it. */
  age_s: number;
}

/** What an engine tells. */
export interface EngineHandlers {
  onFault: (fault: EngineFault) => void;
  /** Only of an engine that must not be played before: it may be now. */
  onReady: () => void;
  /** Qualities, sounds or what is on the screen have changed. */
  onChange: () => void;
  /** The source has changed: a discontinuity, after which there may be other renditions. */
  onBreak: () => void;
  /** Once per playlist that says it: the duration of a part, or of a segment where there are no parts. */
  onPartTarget: (part_s: number) => void;
}

/** A frozen picture is seen from outside, by the player. */
export type EngineFault = Exclude<Fault, 'frozen'>;

export interface Engine {
  /** Whether its distance from the live edge is ours to steer. */
  readonly steerable: boolean;
  readonly levels: Level[];
  /** The level on the screen, -1 while none is. */
  readonly level: number;
  /** `index` of `levels`, or -1 for automatic. */
  chooseLevel(index: number): void;
  readonly audioTracks: AudioTrack[];
  readonly audioTrack: number;
  chooseAudioTrack(index: number): void;
  readonly edge: Edge | null;
  /** The server has nothing to show at its edge: it fills its playlist with gaps. */
  readonly gap: boolean;
  /** When the picture on the screen was taken, by the server's clock: Unix milliseconds. */
  readonly shown_at_ms: number | null;
  /** Measured speed of the link. */
  readonly bandwidth_bps: number | null;
  /** Where to go when the library itself has to choose a place near the live edge. */
  aim(target_s: number): void;
  /** Load on, from the live edge. */
  resume(): void;
  /** Give the picture a new decoder. */
  renewMedia(): void;
  destroy(): void;
}
