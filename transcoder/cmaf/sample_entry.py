"""Sample entries: what ``stsd`` says of a track (ISO 14496-12 8.5.2, 12.1.3, 12.2.3; ISO 14496-14, -15)."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Final

from transcoder import codecs
from transcoder.cmaf.box import box, full_box
from transcoder.codecs import hevc, mp3
from transcoder.codecs.picture import Colour
from transcoder.hdr import Hdr
from transcoder.media import Codec, Track

_OBJECT_TYPE_AAC: Final = 0x40


def sample_entry(track: Track) -> bytes:
    """The track's sample entry with its configuration box."""
    match track.codec:
        case Codec.H264:
            return _visual(b"avc1", track, box(b"avcC", track.config))
        case Codec.H265:
            return _visual(b"hvc1", track, box(b"hvcC", hevc.complete_config(track.config)))
        case Codec.AV1:
            return _visual(b"av01", track, box(b"av1C", track.config))
        case Codec.VP9:
            return _visual(b"vp09", track, full_box(b"vpcC", 1, 0, track.config))
        case Codec.AAC:
            return _audio(b"mp4a", track, _esds(_OBJECT_TYPE_AAC, track.config))
        case Codec.OPUS:
            return _audio(b"Opus", track, box(b"dOps", track.config))
        case Codec.MP3:
            return _audio(b"mp4a", track, _esds(mp3.object_type(track.sample_rate), b""))
        case Codec.FLAC | Codec.AC3 | Codec.EAC3:
            # The ladder encodes them: hardly a browser plays them.
            raise codecs.CodecError(f"{track.codec.name} is not put into segments")


def _visual(kind: bytes, track: Track, configuration: bytes) -> bytes:
    """VisualSampleEntry (12.1.3): 72 dpi, one frame a sample, 24 bit, no compressor name."""
    body = struct.pack(">6xH16xHHII4xH32xHh", 1, track.width, track.height, 0x480000, 0x480000, 1, 0x18, -1)
    colour = (_colour(codecs.colour(track)), _light(track.hdr))
    return box(kind, body, configuration, *colour, _pixel_aspect(track.sample_aspect))


def _colour(colour: Colour) -> bytes:
    """``colr`` (12.1.5), or nothing where the picture says nothing."""
    if not colour.known:
        return b""
    points = struct.pack(">HHHB", colour.primaries, colour.transfer, colour.matrix, colour.full_range << 7)
    return box(b"colr", b"nclx", points)


def _light(hdr: Hdr | None) -> bytes:
    """``mdcv`` (12.1.7: green, blue, red) and ``clli`` (12.1.6), where the publisher told them."""
    boxes = b""
    if hdr is not None and (display := hdr.mastering) is not None:
        points = (*display.green, *display.blue, *display.red, *display.white_point)
        boxes += box(b"mdcv", struct.pack(">8HII", *points, display.max_luminance, display.min_luminance))
    if hdr is not None and (light := hdr.light) is not None:
        boxes += box(b"clli", struct.pack(">HH", light.max_content, light.max_frame_average))
    return boxes


def _pixel_aspect(aspect: Fraction) -> bytes:
    """``pasp`` (12.1.4), or nothing where samples are square."""
    if aspect == 1:
        return b""
    return box(b"pasp", struct.pack(">II", aspect.numerator, aspect.denominator))


def _audio(kind: bytes, track: Track, configuration: bytes) -> bytes:
    """AudioSampleEntry (12.2.3), version 0. Its rate is 16.16: what does not fit is 0 (unknown)."""
    rate = track.sample_rate if track.sample_rate <= 0xFFFF else 0
    return box(kind, struct.pack(">6xH8xHH4xI", 1, track.channels, 16, rate << 16), configuration)


def _esds(object_type: int, specific: bytes) -> bytes:
    """``esds`` (ISO 14496-14 5.6): ES_Descriptor with its decoder and sync layer (ISO 14496-1 7.2.6)."""
    decoder = struct.pack(">BB3xII", object_type, 5 << 2 | 1, 0, 0)
    if specific:
        decoder += _descriptor(0x05, specific)
    elementary_stream = b"\0\0\0" + _descriptor(0x04, decoder) + _descriptor(0x06, b"\x02")
    return full_box(b"esds", 0, 0, _descriptor(0x03, elementary_stream))


def _descriptor(tag: int, body: bytes) -> bytes:
    """A descriptor with the length in the fewest 7-bit groups (ISO 14496-1 8.3.3)."""
    length = len(body)
    groups = [length & 0x7F]
    while length := length >> 7:
        groups.append(0x80 | length & 0x7F)
    return bytes((tag, *reversed(groups))) + body
