"""From FFmpeg's packets and extradata to our tracks and payloads.

FFmpeg's encoders and demuxers speak several dialects of one codec (Annex B or length-prefixed, ADTS or
raw); the rest of this program speaks one (:class:`transcoder.media.AccessUnit`).
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from transcoder.codecs import aac, av1, avc, clean, hevc, nal, opus, track_from_config, vp9
from transcoder.codecs.error import CodecError
from transcoder.media import Codec, Track


class ElementaryStream:
    """One stream of FFmpeg's: its track as soon as that is known, and its packets' payloads as ours."""

    def __init__(
        self,
        track_id: int,
        codec: Codec,
        *,
        extradata: bytes = b"",
        width: int = 0,
        height: int = 0,
        frame_rate: Fraction | None = None,
    ) -> None:
        """``extradata`` as libavcodec keeps it. Raises :class:`CodecError` if it is broken.

        ``width`` and ``height`` count for VP9, whose configuration tells no size.
        """
        self.codec = codec
        self._track_id = track_id
        self._size = width, height
        self._frame_rate = frame_rate
        self._is_annexb = codec in _NAL_CODECS and not _is_record(extradata)
        self.track: Track | None = None
        config = _config_from_extradata(codec, extradata)
        if config is not None:
            self._set_track(config)

    def payload(self, packet: bytes) -> bytes:
        """The packet in this program's form. The first one may complete the track.

        Raises :class:`CodecError` if the packet is broken, or lacks what the track still needs.
        """
        if self.track is None:
            self._set_track(_config_from_packet(self.codec, packet, self._frame_rate))
        track = self.track
        if track is None:  # for the type checker: _set_track sets it or raises
            raise CodecError(f"{self.codec.value} stream without a configuration")
        return clean(track, nal.from_annexb(packet) if self._is_annexb else packet)

    def _set_track(self, config: bytes) -> None:
        track = track_from_config(self._track_id, self.codec, config, frame_rate=self._frame_rate)
        if self.codec is Codec.VP9 and not track.width:
            track = replace(track, width=self._size[0], height=self._size[1])
        self.track = track


_NAL_CODECS = frozenset({Codec.H264, Codec.H265})


def _is_record(extradata: bytes) -> bool:
    """Whether it is a configuration record: avcC and hvcC start with version 1, Annex B with zeros."""
    return extradata[:1] == b"\x01"


def _config_from_extradata(codec: Codec, extradata: bytes) -> bytes | None:
    if not extradata:
        return None
    match codec:
        case Codec.H264 | Codec.H265 if not _is_record(extradata):
            return _config_from_packet(codec, extradata, None)
        case Codec.AV1:
            return av1.config_from(extradata)
        case Codec.OPUS:
            return opus.OpusConfig.parse(extradata).serialize()
        case Codec.VP9 | Codec.MP3:
            # What Matroska keeps for VP9 is another record, and MP3 has none: the first packet tells.
            return None
    return extradata


def _config_from_packet(codec: Codec, packet: bytes, frame_rate: Fraction | None) -> bytes:
    match codec:
        case Codec.H264:
            return avc.config_from_annexb(packet)
        case Codec.H265:
            return hevc.config_from_annexb(packet)
        case Codec.AV1:
            return av1.config_from(packet)
        case Codec.VP9:
            return vp9.Vp9Config.of_key_frame(vp9.parse_key_frame(packet), frame_rate).serialize()
        case Codec.AAC:
            return aac.config_from_adts(packet)
        case Codec.MP3:
            return packet
        case Codec.OPUS | Codec.FLAC:
            raise CodecError(f"{codec.name} stream without its header")
        case Codec.AC3 | Codec.EAC3:
            return packet
