"""What a source turns out to be, from its first units. Pure.

Ladder and part target are chosen once for a publication, so they wait until the tracks and the length of
their frames are known; that takes less time than the first part.
"""

from __future__ import annotations

from dataclasses import dataclass

from transcoder.media import AccessUnit, Kind, Track

SETTLE_S = 0.7
"""Media time after which a kind of track that nobody has announced is taken not to exist."""
SLOW_SETTLE_S = 3.0
"""The same for a track that was announced and has sent nothing, and for a second picture: below 2 pictures
a second the frame length is not known earlier."""
MIN_PICTURES = 4
"""Pictures whose mean distance tells the frame length well enough (RTMP rounds to milliseconds)."""


@dataclass(frozen=True, slots=True)
class SourceProfile:
    """The tracks of a publication and the typical duration of their frames in seconds."""

    tracks: dict[int, Track]
    frame_durations_s: dict[int, float]
    first_dts_s: float
    first_arrival_s: float
    """Monotonic clock at which the unit with ``first_dts_s`` came in."""

    @property
    def leader(self) -> Track:
        """The track that says where segments begin: the picture, or the sound where there is none."""
        by_kind = {track.kind: track for track in reversed(list(self.tracks.values()))}
        return by_kind.get(Kind.VIDEO) or by_kind[Kind.AUDIO]


class SourceProbe:
    """Watches the first units until :meth:`profile` has an answer."""

    def __init__(self) -> None:
        self._tracks: dict[int, Track] = {}
        self._dts_s: dict[int, list[float]] = {}
        self._first: dict[int, AccessUnit] = {}

    def set_track(self, track: Track) -> None:
        self._tracks[track.track_id] = track

    def see(self, unit: AccessUnit) -> None:
        self._first.setdefault(unit.track_id, unit)
        self._dts_s.setdefault(unit.track_id, []).append(unit.dts_s)

    def profile(self) -> SourceProfile | None:
        """The answer, or None while more units are needed."""
        video = self._of(Kind.VIDEO)
        audio = self._of(Kind.AUDIO)
        elapsed_s = self._elapsed_s()
        if elapsed_s < SETTLE_S and not (video and audio):
            return None
        if elapsed_s < SLOW_SETTLE_S and any(not self._dts_s.get(track_id) for track_id in self._tracks):
            return None
        pictures = len(self._dts_s[video.track_id]) if video else 0
        if video and pictures < MIN_PICTURES and elapsed_s < SETTLE_S:
            return None
        if video and pictures < 2 and elapsed_s < SLOW_SETTLE_S:
            return None
        tracks = {
            track_id: track for track_id, track in sorted(self._tracks.items()) if track_id in self._dts_s
        }
        if not tracks:
            return None
        first = min((self._first[track_id] for track_id in tracks), key=lambda unit: unit.dts_s)
        return SourceProfile(
            tracks=tracks,
            frame_durations_s={track_id: self._frame_s(track_id) for track_id in tracks},
            first_dts_s=first.dts_s,
            first_arrival_s=first.arrival_s,
        )

    def _of(self, kind: Kind) -> Track | None:
        """The first track of a kind that has sent units: a header alone is not a track."""
        return next(
            (t for t in self._tracks.values() if t.kind is kind and self._dts_s.get(t.track_id)), None
        )

    def _elapsed_s(self) -> float:
        times = [dts_s for seen in self._dts_s.values() for dts_s in (seen[0], seen[-1])]
        return max(times) - min(times) if times else 0.0

    def _frame_s(self, track_id: int) -> float:
        dts_s = self._dts_s[track_id]
        measured = (dts_s[-1] - dts_s[0]) / (len(dts_s) - 1) if len(dts_s) > 1 else 0.0
        track = self._tracks[track_id]
        if track.frame_rate:
            told = float(1 / track.frame_rate)
            # An encoder may tell twice its rate (fields), or the rate it was set to and does not reach.
            if not measured or abs(told - measured) < 0.2 * measured:
                return told
        return measured
