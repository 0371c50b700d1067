/** What a form of settings asks the server to change. Pure. */
import type { Ladder, Stream, StreamChanges, Visibility } from '../api.ts';

export interface Settings {
  title: string;
  visibility: Visibility;
  /** null: as it is. */
  ladder: Ladder | null;
  takeover: boolean;
}

/** Only what differs: what another operator has changed meanwhile stays as it is. */
export function changesOf(stream: Stream, wanted: Settings): StreamChanges {
  const changes: StreamChanges = {};
  if (wanted.title !== stream.title) changes.title = wanted.title;
  if (wanted.visibility !== stream.visibility) changes.visibility = wanted.visibility;
  if (wanted.ladder !== null && JSON.stringify(wanted.ladder) !== JSON.stringify(stream.ladder ?? 'auto')) {
    changes.ladder = wanted.ladder;
  }
  if (wanted.takeover !== (stream.takeover ?? false)) changes.takeover = wanted.takeover;
  return changes;
}
