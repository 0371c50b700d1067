"""From FLV tags to tracks and access units: configuration changes, timeline, clean bitstreams.

One :class:`Intake` serves one publish, from accept to its end. Pure: arrival times are arguments.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from ingest.allowance import Allowance
from ingest.publication import Remark, TrackUpdate
from ingest.rtmp import colour_info, flv, track_info
from ingest.rtmp.amf0 import Value
from ingest.rtmp.caption_data import caption_data
from ingest.rtmp.spoken import spoken
from ingest.timeline import Timeline, TimelineConfig, TimelineStatistics
from transcoder import codecs
from transcoder.codecs import sei
from transcoder.hdr import Hdr
from transcoder.media import AccessUnit, Codec, Kind, Track

VIDEO_TRACK_ID: Final = 1
"""Of the default track; a publisher's track ``n`` of a kind stands ``2 * n`` behind its kind's first."""
AUDIO_TRACK_ID: Final = 2

Item = TrackUpdate | AccessUnit


def track_id_of(kind: Kind, number: int) -> int:
    """The publication's id for the publisher's track ``number`` of a kind."""
    return (VIDEO_TRACK_ID if kind is Kind.VIDEO else AUDIO_TRACK_ID) + 2 * number


class SourceRefused(Exception):
    """Nothing of this publish will ever play. ``str()`` may be shown to the publisher."""


class ConfigRefused(SourceRefused):
    """The picture's format cannot be used."""


class ClockStandsStill(SourceRefused):
    """Media comes and comes, but its time does not pass: no segment would ever end."""


CONFIG_LIMIT_BYTES: Final = 64 << 10
"""Of a sequence header. Real ones have less than a hundredth of it."""
SECOND_LIMIT_BYTES: Final = 64 << 20
"""Half a gigabit a second: far above what the largest picture here needs."""
SECOND_LIMIT_UNITS: Final = 5_000
"""Far above 480 pictures, or 400 packets of 2.5 ms of Opus."""
REMARKS_PER_S: Final = 10.0
REMARKS_BURST: Final = 50
MOST_WAITING_CAPTIONS: Final = 8
_SELF_DESCRIBING: Final = frozenset({Codec.MP3, Codec.AC3, Codec.EAC3})
"""Sound without a configuration: a frame's own header says what the track is."""


@dataclass(slots=True)
class _Second:
    """What came of a track since its timeline last moved on by a second."""

    since_s: float
    units: int = 0
    bytes: int = 0


class _Source:
    """One of the publisher's tracks."""

    __slots__ = ("hdr", "is_new", "kind", "number", "second", "seen", "told_anew", "track", "track_id")

    def __init__(self, kind: Kind, number: int) -> None:
        self.kind = kind
        self.number = number
        self.track_id = track_id_of(kind, number)
        self.track: Track | None = None
        self.seen: tuple[Codec, bytes] | None = None
        """The sequence header as it came, to see at once that one repeats."""
        self.hdr: Hdr | None = None
        self.told_anew = False
        """Something that is said beside the bitstream waits for the next unit to begin with."""
        self.is_new = True
        """No unit has come since the last configuration."""
        self.second: _Second | None = None

    @property
    def codec(self) -> Codec | None:
        return None if self.track is None else self.track.codec


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
    tracks: int = 0
    tracks_refused: int = 0
    """Messages of tracks above the limit of their kind."""
    remarks_refused: int = 0
    """Captions and cue points that came too fast."""


class Intake:
    """Give it every tag in order; it answers what to push into the publication."""

    def __init__(self, timeline: TimelineConfig | None = None, *, max_tracks: int = 8) -> None:
        """``max_tracks``: of each kind."""
        self._timeline = Timeline(timeline)
        self._max_tracks = max_tracks
        self._sources: dict[tuple[Kind, int], _Source] = {}
        self._told: dict[tuple[Kind, int], track_info.TrackInfo] = {}
        self._allowance = Allowance(REMARKS_PER_S, REMARKS_BURST)
        self._captions: deque[bytes] = deque(maxlen=MOST_WAITING_CAPTIONS)
        """Of the next picture. Where no picture comes for them, the oldest go."""
        self._units = 0
        self._bytes = 0
        self._dropped = 0
        self._skipped = 0
        self._tracks_refused = 0
        self._remarks_refused = 0
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
            sum(source.track is not None for source in self._sources.values()),
            self._tracks_refused,
            self._remarks_refused,
        )

    def corrections(self) -> int:
        """How many timestamps had to be corrected so far."""
        return self._timeline.statistics().corrections

    def take_remarks(self) -> list[str]:
        """What the log should say, each sentence once for a publish."""
        remarks, self._remarks = self._remarks, []
        return remarks

    def metadata(self, values: dict[str, Value]) -> None:
        """``onMetaData``: frame rates, languages and names; in force from a track's next sync unit on."""
        self._told = track_info.tracks_told(values)
        for source in self._sources.values():
            source.told_anew = True

    def spoken(
        self, timestamp_ms: int, handler: str, values: tuple[Value, ...], now_s: float
    ) -> Remark | None:
        """What a caption or cue point message says, on the publication's timeline.

        None too for caption bytes of a picture: they go into the next picture of the default track.
        """
        if (t35 := caption_data(handler, values)) is not None:
            self._captions.append(t35)
            return None
        time_s = self._timeline.moment_s(timestamp_ms, now_s)
        if time_s is None:
            return None
        remark = spoken(handler, values, time_s)
        if remark is None:
            self._skip(f"{handler} that says nothing we know")
        elif not self._allowance.take(now_s):
            self._remarks_refused += 1
            self._remark(f"ignored: more than {REMARKS_PER_S:g} captions or cue points a second")
            return None
        return remark

    def broken(self, reason: str) -> None:
        """A media message that could not even be parsed."""
        self._drop(reason)

    def video(self, timestamp_ms: int, tag: flv.Tag, now_s: float) -> list[Item]:
        """What to push, in order. Raises :class:`SourceRefused`."""
        source = self._source(Kind.VIDEO, tag.track)
        if source is None:
            return []
        match tag:
            case flv.Frame():
                return self._video_frame(source, timestamp_ms, tag, now_s)
            case flv.Config():
                update = self._config(source, tag)
                # VP9's record tells no size: its first key frame does, and then the track is announced.
                return [update] if update is not None and update.track.width else []
            case flv.VideoMetadata():
                self._colour(source, tag)
            case flv.Unsupported(reason) if not tag.track:
                raise ConfigRefused(reason)
            case flv.Unsupported(reason) | flv.Skipped(reason):
                self._skip(reason)
            case _:
                pass
        return []

    def audio(self, timestamp_ms: int, tag: flv.Tag, now_s: float) -> list[Item]:
        """What to push, in order. Raises :class:`ClockStandsStill`."""
        source = self._source(Kind.AUDIO, tag.track)
        if source is None:
            return []
        match tag:
            case flv.Frame():
                return self._audio_frame(source, timestamp_ms, tag, now_s)
            case flv.Config():
                update = None if tag.codec in _SELF_DESCRIBING else self._config(source, tag)
                return [update] if update else []
            case flv.Unsupported(reason) | flv.Skipped(reason):
                self._skip(reason)  # the picture goes on without sound
            case _:
                pass
        return []

    def _colour(self, source: _Source, tag: flv.VideoMetadata) -> None:
        is_told, hdr = colour_info.told(tag.values)
        if not is_told:
            return
        if source.track is not None and source.track.codec is not tag.codec:
            # FFmpeg 8 leaves the track's number off; the codec tells whose it is, where only one has it.
            same = [other for other in self._sources.values() if other.codec is tag.codec]
            if len(same) != 1:
                self._skip("colorInfo of another codec than its track's")
                return
            source = same[0]
        source.hdr, source.told_anew = hdr, True

    def _source(self, kind: Kind, number: int) -> _Source | None:
        source = self._sources.get((kind, number))
        if source is None:
            if sum(known is kind for known, _ in self._sources) >= self._max_tracks:
                self._tracks_refused += 1
                self._remark(f"ignored: {kind} track {number}: more than {self._max_tracks} tracks of a kind")
                return None
            source = self._sources[kind, number] = _Source(kind, number)
        return source

    def _config(self, source: _Source, tag: flv.Config, identity: bytes | None = None) -> TrackUpdate | None:
        seen = tag.codec, tag.config if identity is None else identity
        if source.seen == seen:
            return None
        try:
            if len(tag.config) > CONFIG_LIMIT_BYTES:
                raise codecs.CodecError(f"it has {len(tag.config)} bytes")
            track = codecs.track_from_config(
                source.track_id, tag.codec, tag.config, frame_rate=self._told_rate(source)
            )
        except codecs.CodecError as error:
            reason = f"{tag.codec.name} configuration cannot be read: {error}"
            if source.kind is Kind.VIDEO and not source.number:
                raise ConfigRefused(reason) from error
            self._drop(reason)
            return None
        source.seen = seen
        source.is_new = True
        described = self._described(source, track)
        if described == source.track:
            return None
        source.track = described
        return TrackUpdate(described)

    def _told_rate(self, source: _Source) -> Fraction | None:
        told = self._told.get((source.kind, source.number))
        return None if told is None else told.frame_rate

    def _described(self, source: _Source, track: Track) -> Track:
        """The track with what is said of it beside its bitstream."""
        info = self._told.get((source.kind, source.number), track_info.NOTHING)
        source.told_anew = False
        return replace(track, hdr=source.hdr, language=info.language, name=info.name)

    def _told_anew(self, source: _Source, track: Track, sync: bool) -> list[Item]:
        """What was said since the last unit, where a player can take it in: an init segment is for a whole
        group of pictures, so that in the middle of one it waits for the next."""
        if not source.told_anew or not (sync or source.is_new):
            return []
        described = self._described(source, track)
        source.track = described
        return [TrackUpdate(described)] if described != track and described.width else []

    def _video_frame(self, source: _Source, timestamp_ms: int, tag: flv.Frame, now_s: float) -> list[Item]:
        track = source.track
        if track is None or track.codec is not tag.codec:
            self._drop("picture before its configuration")
            return []
        # Stamped even if it is dropped below, so that the timeline sees every timestamp.
        stamp = self._timeline.video(source.track_id, timestamp_ms, tag.composition_ms, now_s, tag.offset_ns)
        items: list[Item] = []
        try:
            payload = codecs.clean(track, tag.payload)
            if self._captions and not source.number:
                payload = self._with_captions(track, payload)
            sync = codecs.is_sync(track, payload)
            if sync:
                seen = codecs.track_from_sync_unit(track, payload)
                if seen is not track:
                    source.track = track = seen
                    items.append(TrackUpdate(track))
        except codecs.CodecError as error:
            self._drop(f"broken picture: {error}")
            return []
        if not track.width:
            self._drop("picture before the first key frame, which tells its size")
            return []
        if told := self._told_anew(source, track, sync):
            items = told
        source.is_new = False
        self._count(source, stamp.dts / track.timescale, payload)
        items.append(
            AccessUnit(
                source.track_id,
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

    def _with_captions(self, track: Track, payload: bytes) -> bytes:
        messages = list(self._captions)
        self._captions.clear()
        if not sei.can_carry(track):
            self._skip(f"onCaptionInfo: {track.codec.name} pictures cannot carry it")
            return payload
        return sei.with_t35(track, payload, messages)

    def _audio_frame(self, source: _Source, timestamp_ms: int, tag: flv.Frame, now_s: float) -> list[Item]:
        items: list[Item] = []
        if not tag.payload:
            return items  # FFmpeg's way to bring a new sequence header, and no sound in any format
        if tag.codec in _SELF_DESCRIBING:
            identity = _format_of_frame(tag.codec, tag.payload)
            update = self._config(source, flv.Config(tag.codec, tag.payload, tag.track), identity)
            if update is not None:
                items.append(update)
        track = source.track
        if track is None or track.codec is not tag.codec:
            self._drop("sound before its configuration")
            return items
        try:
            payload = codecs.clean(track, tag.payload)
            samples = codecs.frame_samples(track, payload)
        except codecs.CodecError as error:
            self._drop(f"broken audio frame: {error}")
            return items
        if source.told_anew and (described := self._described(source, track)) != track:
            source.track = described
            items.append(TrackUpdate(described))
        stamp = self._timeline.audio(
            source.track_id, timestamp_ms, samples, track.timescale, now_s, tag.offset_ns
        )
        self._count(source, stamp.dts / track.timescale, payload)
        items.append(
            AccessUnit(
                source.track_id,
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

    def _count(self, source: _Source, time_s: float, payload: bytes) -> None:
        self._units += 1
        self._bytes += len(payload)
        second = source.second
        if second is None or time_s - second.since_s >= 1:
            second = source.second = _Second(time_s)
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


def _format_of_frame(codec: Codec, frame: bytes) -> bytes:
    """What of a self-describing frame stays the same from frame to frame.

    MP3 (ISO 11172-3, 2.4.2.3): sync, version, layer; sample rate; mono or not. Bit rate, padding and the
    kind of stereo may change with every frame. AC-3 (A/52 5.4): the sample rate and the bitstream
    information, without the frame's size and checksum.
    """
    head = frame[:7].ljust(7, b"\0")
    if codec is Codec.MP3:
        return bytes((head[0], head[1] & 0xFE, head[2] & 0x0C, head[3] >> 6 == 3))
    if codec is Codec.AC3:
        return bytes((head[0], head[1], head[4] & 0xC0, head[5], head[6]))
    return bytes((head[0], head[1], head[4], head[5]))
