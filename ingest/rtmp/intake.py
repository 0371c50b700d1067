"""From FLV tags to tracks and access units: configuration changes, timeline, clean bitstreams.

One :class:`Intake` serves one publish, from accept to its end. Pure: arrival times are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Final

from ingest.publication import TrackUpdate
from ingest.rtmp import flv
from ingest.rtmp.amf0 import Value
from ingest.timeline import Timeline, TimelineConfig, TimelineStatistics
from transcoder import codecs
from transcoder.media import AccessUnit, Codec, Kind, Track

VIDEO_TRACK_ID: Final = 1
AUDIO_TRACK_ID: Final = 2


def _mp3_format(frame: bytes) -> bytes:
    """What stays the same from frame to frame: sync, version, layer; sample rate; mono or not.

    Bit rate, padding and the kind of stereo may change with every frame (ISO 11172-3, 2.4.2.3).
    """
    header = frame[:4].ljust(4, b"\0")
    return bytes((header[0], header[1] & 0xFE, header[2] & 0x0C, header[3] >> 6 == 3))


class SourceRefused(Exception):
    """Nothing of this publish will ever play. ``str()`` may be shown to the publisher."""


class ConfigRefused(SourceRefused):
    """The picture's format cannot be used."""


class ClockStandsStill(SourceRefused):
    """Media comes and comes, but its time does not pass: no segment would ever end."""


CONFIG_LIMIT_BYTES: Final = 64 << 10
"""Of a sequence header. Real ones have less than a hundredth of it."""


@dataclass(slots=True)
class _Second:
    """What came of a track since its timeline last moved on by a second."""

    since_s: float
    units: int = 0
    bytes: int = 0


SECOND_LIMIT_BYTES: Final = 64 << 20
"""Half a gigabit a second: far above what the largest picture here needs."""
SECOND_LIMIT_UNITS: Final = 5_000
"""Far above 480 pictures, or 400 packets of 2.5 ms of Opus."""


@dataclass(frozen=True, slots=True)
class IntakeStatistics:
    units: int
    bytes: int
    dropped: int
    """Units refused: broken, or before their track's configuration."""
    skipped: int
    """Messages of kinds that we do not carry."""
    last_problem: str | None
    timeline: TimelineStatistics


class Intake:
    """Give it every tag in order; it answers what to push into the publication."""

    def __init__(self, timeline: TimelineConfig | None = None) -> None:
        self._timeline = Timeline(timeline)
        self._tracks: dict[Kind, Track] = {}
        self._configs: dict[Kind, tuple[Codec, bytes]] = {}
        """The sequence headers as they came, to see at once that one repeats."""
        self._seconds: dict[int, _Second] = {}
        self._frame_rate: Fraction | None = None
        self._units = 0
        self._bytes = 0
        self._dropped = 0
        self._skipped = 0
        self._last_problem: str | None = None
        self._remarks: list[str] = []
        self._remarked: set[str] = set()

    def statistics(self) -> IntakeStatistics:
        return IntakeStatistics(
            self._units,
            self._bytes,
            self._dropped,
            self._skipped,
            self._last_problem,
            self._timeline.statistics(),
        )

    def take_remarks(self) -> list[str]:
        """What the log should say, each sentence once for a publish."""
        remarks, self._remarks = self._remarks, []
        return remarks

    def metadata(self, values: dict[str, Value]) -> None:
        """``onMetaData``: only the frame rate is of use; everything else the bitstreams know better."""
        match values.get("framerate"):
            case float(rate) if isfinite(rate) and 1 <= rate <= 480:
                # 29.97 means 30000/1001: the nearest fraction with a denominator that video uses.
                whole = Fraction(round(rate))
                ntsc = Fraction(round(rate * 1.001) * 1000, 1001)
                nearest = min(whole, ntsc, key=lambda candidate: abs(candidate - Fraction(rate)))
                close = abs(nearest - Fraction(rate)) < Fraction(1, 100)
                self._frame_rate = nearest if close else Fraction(rate).limit_denominator(1001)
            case _:
                pass

    def broken(self, reason: str) -> None:
        """A media message that could not even be parsed."""
        self._drop(reason)

    def video(self, timestamp_ms: int, tag: flv.Tag, now_s: float) -> list[TrackUpdate | AccessUnit]:
        """What to push, in order. Raises :class:`SourceRefused`."""
        match tag:
            case flv.Frame():
                return self._video_frame(timestamp_ms, tag, now_s)
            case flv.Config():
                update = self._config(Kind.VIDEO, VIDEO_TRACK_ID, tag)
                # VP9's record tells no size: its first key frame does, and then the track is announced.
                return [update] if update is not None and update.track.width else []
            case flv.Unsupported(reason):
                raise ConfigRefused(reason)
            case flv.Skipped(reason):
                self._skip(reason)
            case _:
                pass
        return []

    def audio(self, timestamp_ms: int, tag: flv.Tag, now_s: float) -> list[TrackUpdate | AccessUnit]:
        """What to push, in order. Raises :class:`ClockStandsStill`."""
        match tag:
            case flv.Frame():
                return self._audio_frame(timestamp_ms, tag, now_s)
            case flv.Config():
                update = self._config(Kind.AUDIO, AUDIO_TRACK_ID, tag)
                return [update] if update else []
            case flv.Unsupported(reason) | flv.Skipped(reason):
                self._skip(reason)  # the picture goes on without sound
            case _:
                pass
        return []

    def _config(
        self, kind: Kind, track_id: int, tag: flv.Config, identity: bytes | None = None
    ) -> TrackUpdate | None:
        seen = tag.codec, tag.config if identity is None else identity
        if self._configs.get(kind) == seen:
            return None
        rate = self._frame_rate if kind is Kind.VIDEO else None
        try:
            if len(tag.config) > CONFIG_LIMIT_BYTES:
                raise codecs.CodecError(f"it has {len(tag.config)} bytes")
            track = codecs.track_from_config(track_id, tag.codec, tag.config, frame_rate=rate)
        except codecs.CodecError as error:
            reason = f"{tag.codec.name} configuration cannot be read: {error}"
            if kind is Kind.VIDEO:
                raise ConfigRefused(reason) from error
            self._drop(reason)
            return None
        self._configs[kind] = seen
        self._tracks[kind] = track
        return TrackUpdate(track)

    def _video_frame(self, timestamp_ms: int, tag: flv.Frame, now_s: float) -> list[TrackUpdate | AccessUnit]:
        track = self._tracks.get(Kind.VIDEO)
        if track is None or track.codec is not tag.codec:
            self._drop("picture before its configuration")
            return []
        # Stamped even if it is dropped below, so that the timeline sees every timestamp.
        stamp = self._timeline.video(VIDEO_TRACK_ID, timestamp_ms, tag.composition_ms, now_s)
        items: list[TrackUpdate | AccessUnit] = []
        try:
            payload = codecs.clean(track, tag.payload)
            sync = codecs.is_sync(track, payload)
            if sync:
                seen = codecs.track_from_sync_unit(track, payload)
                if seen is not track:
                    self._tracks[Kind.VIDEO] = track = seen
                    items.append(TrackUpdate(track))
        except codecs.CodecError as error:
            self._drop(f"broken picture: {error}")
            return []
        if not track.width:
            self._drop("picture before the first key frame, which tells its size")
            return []
        self._count(VIDEO_TRACK_ID, stamp.dts / track.timescale, payload)
        items.append(
            AccessUnit(
                VIDEO_TRACK_ID,
                track.codec,
                track.timescale,
                stamp.pts,
                stamp.dts,
                0,
                sync,
                payload,
                now_s,
            )
        )
        return items

    def _audio_frame(self, timestamp_ms: int, tag: flv.Frame, now_s: float) -> list[TrackUpdate | AccessUnit]:
        items: list[TrackUpdate | AccessUnit] = []
        if tag.codec is Codec.MP3:
            # MP3 has no configuration: a frame's own header says what the track is.
            seen = _mp3_format(tag.payload)
            update = self._config(Kind.AUDIO, AUDIO_TRACK_ID, flv.Config(Codec.MP3, tag.payload), seen)
            if update is not None:
                items.append(update)
        track = self._tracks.get(Kind.AUDIO)
        if track is None or track.codec is not tag.codec:
            self._drop("sound before its configuration")
            return items
        try:
            payload = codecs.clean(track, tag.payload)
            samples = codecs.frame_samples(track, payload)
        except codecs.CodecError as error:
            self._drop(f"broken audio frame: {error}")
            return items
        stamp = self._timeline.audio(AUDIO_TRACK_ID, timestamp_ms, samples, track.timescale, now_s)
        self._count(AUDIO_TRACK_ID, stamp.dts / track.timescale, payload)
        items.append(
            AccessUnit(
                AUDIO_TRACK_ID,
                track.codec,
                track.timescale,
                stamp.pts,
                stamp.dts,
                samples,
                True,
                payload,
                now_s,
            )
        )
        return items

    def _count(self, track_id: int, time_s: float, payload: bytes) -> None:
        self._units += 1
        self._bytes += len(payload)
        second = self._seconds.get(track_id)
        if second is None or time_s - second.since_s >= 1:
            second = self._seconds[track_id] = _Second(time_s)
        second.units += 1
        second.bytes += len(payload)
        if second.units > SECOND_LIMIT_UNITS or second.bytes > SECOND_LIMIT_BYTES:
            raise ClockStandsStill(
                f"the timestamps stand still: {second.units} units ({second.bytes >> 20} MiB) in one second"
            )

    def _drop(self, reason: str) -> None:
        self._dropped += 1
        self._last_problem = reason
        self._remark(f"dropped: {reason}")

    def _skip(self, reason: str) -> None:
        self._skipped += 1
        self._remark(f"ignored: {reason}")

    def _remark(self, text: str) -> None:
        # Error texts hold numbers from the peer's bytes: bound how many different ones it can make us log.
        if text not in self._remarked and len(self._remarked) < 20:
            self._remarked.add(text)
            self._remarks.append(text)
