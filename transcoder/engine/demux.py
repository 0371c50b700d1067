"""A local file as tracks and access units in decoding order, for `mediaserver push`.

All pictures and sounds, the default one of a kind first. What RTMP can carry is copied; other codecs are
encoded again as H.264 and AAC.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from transcoder.codecs import CodecError
from transcoder.engine.elementary import ElementaryStream
from transcoder.engine.reencode import ReencodedPicture, ReencodedSound
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Codec, Track

# A file may name others (playlists, concatenations, data references): only plain containers are opened,
# and nothing but files. See docs/decisions.md on FFmpeg's probing.
_OPTIONS: Final = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,flv,avi,mpeg,mp3,aac,flac,wav,ogg",
}
_CODECS: Final = {
    "h264": Codec.H264,
    "hevc": Codec.H265,
    "av1": Codec.AV1,
    "vp9": Codec.VP9,
    "aac": Codec.AAC,
    "mp3": Codec.MP3,
    "opus": Codec.OPUS,
    "flac": Codec.FLAC,
    "ac3": Codec.AC3,
    "eac3": Codec.EAC3,
}
TRACKS_OF_A_KIND: Final = 8
"""As many as servers take; a film with every language of the world has more."""
_PROBE_PACKETS: Final = 5_000
"""Packets read in search of what a track needs before its first unit; a healthy file needs a few."""
_MERGE_UNITS: Final = 2_000
"""A file whose tracks lie further apart than this is sent as it comes."""


_Stream = TypeVar("_Stream", VideoStream, AudioStream)


class DemuxError(ValueError):
    """The file cannot be broadcast; the sentence says why."""


class MediaFile:
    """A file that is open and ready to be read. Its methods block: read it from a thread."""

    def __init__(self, path: Path, *, loop: bool = False) -> None:
        """Open and probe. Raises :class:`DemuxError`."""
        self._path = path
        self._loop = loop
        self._reading = _Reading(path)
        self.tracks: tuple[Track, ...] = self._reading.tracks
        self.notes: tuple[str, ...] = self._reading.notes
        """What a person should know: which streams are encoded again or left out."""
        self.duration_s: float | None = self._reading.duration_s

    def __iter__(self) -> Iterator[AccessUnit]:
        """Units in order of decoding time over all tracks, from 0; endless with ``loop``.

        Times go on over the seam of a loop, by the longest track. Raises :class:`DemuxError`.
        """
        offset_s = Fraction(0)
        while True:
            end_s = offset_s
            base_s: Fraction | None = None
            for unit in self._reading.units():
                if base_s is None:
                    base_s = Fraction(unit.dts, unit.timescale)
                shift = round((offset_s - base_s) * unit.timescale)
                moved = replace(unit, pts=max(0, unit.pts + shift), dts=max(0, unit.dts + shift))
                end_s = max(end_s, Fraction(moved.dts + unit.duration, unit.timescale))
                yield moved
            if not self._loop or end_s == offset_s:
                return
            offset_s = end_s
            self._reading.close()
            self._reading = _Reading(self._path)

    def close(self) -> None:
        """Idempotent."""
        self._reading.close()


class _CopiedStream:
    """A stream whose packets are carried as they are."""

    def __init__(self, track_id: int, codec: Codec, stream: VideoStream | AudioStream) -> None:
        extradata = stream.codec_context.extradata or b""
        self._track_id = track_id
        if isinstance(stream, VideoStream):
            self._out = ElementaryStream(
                track_id,
                codec,
                extradata=extradata,
                width=stream.width,
                height=stream.height,
                frame_rate=stream.average_rate,
            )
        else:
            self._out = ElementaryStream(track_id, codec, extradata=extradata)
        self._time_base = stream.time_base or Fraction(1, VIDEO_TIMESCALE)
        self._waiting: list[Packet[Any]] = []
        self._has_started = False
        self.dropped_units = 0

    @property
    def track(self) -> Track | None:
        return self._out.track

    def units(self, packet: Packet[Any]) -> Iterator[AccessUnit]:
        if not packet.size:
            return
        if packet.dts is None:
            # Matroska keeps presentation times only; libavformat knows the decoding times from the
            # third packet or so on, one frame apart.
            self._waiting.append(packet)
            return
        dts = packet.dts
        if self._waiting:
            step = packet.duration or 1
            for place, earlier in enumerate(self._waiting):
                yield from self._unit(earlier, dts - step * (len(self._waiting) - place))
            self._waiting.clear()
        yield from self._unit(packet, dts)

    def _unit(self, packet: Packet[Any], dts: int) -> Iterator[AccessUnit]:
        codec = self._out.codec
        if not self._has_started and not packet.is_keyframe:
            self.dropped_units += 1
            return
        try:
            payload = self._out.payload(bytes(packet))
        except CodecError:
            self.dropped_units += 1
            return
        self._has_started = True
        track = self._out.track
        if track is None:
            return
        pts = dts if packet.pts is None else packet.pts
        scale = self._time_base * track.timescale
        yield AccessUnit(
            track_id=self._track_id,
            codec=codec,
            timescale=track.timescale,
            pts=round(pts * scale),
            dts=round(dts * scale),
            duration=round((packet.duration or 0) * scale),
            sync=packet.is_keyframe,
            payload=payload,
            arrival_s=0.0,
        )


class _Reading:
    """One pass over the file."""

    def __init__(self, path: Path) -> None:
        self._container = _open(path)
        self._streams: dict[int, _CopiedStream | ReencodedPicture | ReencodedSound] = {}
        self._queues: dict[int, deque[AccessUnit]] = {}
        self._called: dict[int, tuple[str | None, str | None]] = {}
        """Language and title."""
        self.notes: tuple[str, ...] = ()
        try:
            for stream in self._chosen_streams():
                self._add(stream)
            if not self._streams:
                raise DemuxError(f"{path.name} holds neither pictures nor sound")
            self._packets = self._container.demux(list(self._container.streams[i] for i in self._streams))
            self._probe(path)
        except (CodecError, av.FFmpegError) as error:
            self.close()
            raise DemuxError(f"{path.name}: {_sentence(error)}") from error
        except DemuxError:
            self.close()
            raise
        duration = self._container.duration
        self.duration_s = None if duration is None else duration / av.time_base

    def _chosen_streams(self) -> Iterator[VideoStream | AudioStream]:
        """Pictures that are no cover art, then sounds; of each kind the default one first."""
        streams = self._container.streams
        yield from self._limited([s for s in streams.video if not s.disposition & Disposition.attached_pic])
        yield from self._limited(list(streams.audio))

    def _limited(self, streams: list[_Stream]) -> list[_Stream]:
        streams.sort(key=lambda stream: not stream.disposition & Disposition.default)
        for stream in streams[TRACKS_OF_A_KIND:]:
            self.notes += (f"stream {stream.index} is left out: {TRACKS_OF_A_KIND} of a kind are enough",)
        return streams[:TRACKS_OF_A_KIND]

    def _add(self, stream: VideoStream | AudioStream) -> None:
        track_id = len(self._streams) + 1
        name = stream.codec_context.codec.canonical_name
        codec = _CODECS.get(name)
        if codec is not None:
            self._streams[stream.index] = _CopiedStream(track_id, codec, stream)
        elif isinstance(stream, VideoStream):
            self._streams[stream.index] = ReencodedPicture(track_id, stream)
            self.notes += (f"RTMP cannot carry {name} pictures: they are encoded as H.264",)
        else:
            self._streams[stream.index] = ReencodedSound(track_id, stream)
            self.notes += (f"RTMP cannot carry {name} sound: it is encoded as AAC",)
        self._queues[stream.index] = deque()
        self._called[stream.index] = _language(stream), stream.metadata.get("title") or None

    def _probe(self, path: Path) -> None:
        for _ in range(_PROBE_PACKETS):
            if all(stream.track for stream in self._streams.values()):
                return
            packet = next(self._packets, None)
            if packet is None:
                break
            self._take(packet)
        for index in [index for index, stream in self._streams.items() if stream.track is None]:
            del self._streams[index], self._queues[index]
            self.notes += (f"stream {index} of {path.name} is left out: nothing in it can be decoded",)
        if not self._streams:
            raise DemuxError(f"nothing in {path.name} can be decoded")

    @property
    def tracks(self) -> tuple[Track, ...]:
        return tuple(
            replace(stream.track, language=self._called[index][0], name=self._called[index][1])
            for index, stream in self._streams.items()
            if stream.track is not None
        )

    def _take(self, packet: Packet[Any]) -> None:
        index = packet.stream.index
        if index in self._streams:
            self._queues[index].extend(self._streams[index].units(packet))

    def units(self) -> Iterator[AccessUnit]:
        """Units by decoding time over all tracks, on the file's own timeline."""
        try:
            for packet in self._packets:
                self._take(packet)
                while self._is_decided():
                    yield self._earliest().popleft()
        except av.FFmpegError as error:
            raise DemuxError(f"reading stopped: {_sentence(error)}") from error
        while any(self._queues.values()):
            yield self._earliest().popleft()

    def _is_decided(self) -> bool:
        queues = self._queues.values()
        return all(queues) or sum(map(len, queues)) > _MERGE_UNITS

    def _earliest(self) -> deque[AccessUnit]:
        return min(
            (queue for queue in self._queues.values() if queue),
            key=lambda queue: Fraction(queue[0].dts, queue[0].timescale),
        )

    def close(self) -> None:
        self._container.close()


def _open(path: Path) -> InputContainer:
    if not path.is_file():
        raise DemuxError(f"{path} is no file")
    try:
        return av.open(f"file:{path.absolute()}", options=dict(_OPTIONS))
    except av.FFmpegError as error:
        raise DemuxError(f"{path.name} cannot be opened as a media file: {_sentence(error)}") from error


def _sentence(error: Exception) -> str:
    """FFmpeg's own words, without the call that it names."""
    return (error.strerror if isinstance(error, av.FFmpegError) else None) or str(error)


def _language(stream: VideoStream | AudioStream) -> str | None:
    language = stream.language
    return language if language and language != "und" else None
