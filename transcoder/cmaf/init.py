"""The init segment of a track: ``ftyp`` and ``moov`` (ISO 14496-12, CMAF 7.3.2)."""

from __future__ import annotations

import struct
from typing import Final

from transcoder.cmaf.box import box, full_box
from transcoder.cmaf.language import packed_language
from transcoder.cmaf.sample_entry import sample_entry
from transcoder.media import Codec, Kind, Track

TRACK_ID: Final = 1
"""Every init segment holds one track, and this is its number, whatever the publisher's was."""

NON_SYNC_FLAGS: Final = 0x0101_0000
"""sample_depends_on 1 (others), sample_is_non_sync_sample (ISO 14496-12 8.8.3.1)."""
SYNC_FLAGS: Final = 0x0200_0000
"""sample_depends_on 2 (no other)."""

_MATRIX: Final = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_NO_TABLES: Final = b"".join(
    (
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
)
_DATA_IN_THIS_FILE: Final = box(b"dinf", full_box(b"dref", 0, 0, b"\0\0\0\1", full_box(b"url ", 0, 1)))


def init_segment(track: Track) -> bytes:
    """The bytes that a player needs before the track's first fragment.

    There is no edit list: composition times are presentation times. Raises
    :class:`transcoder.codecs.CodecError` if the track's configuration cannot be read.
    """
    brands = [b"iso6", b"cmfc"]
    if track.codec is Codec.AV1:
        brands.append(b"av01")
    return box(b"ftyp", b"cmfc", bytes(4), *brands) + box(
        b"moov", _movie_header(), _track(track), box(b"mvex", _track_extends(track))
    )


def _movie_header() -> bytes:
    """``mvhd`` (8.2.2). Duration 0: the movie is in its fragments."""
    return full_box(
        b"mvhd",
        0,
        0,
        struct.pack(">IIIIIH10x", 0, 0, 1000, 0, 0x10000, 0x0100),
        _MATRIX,
        bytes(24),
        struct.pack(">I", TRACK_ID + 1),
    )


def _track(track: Track) -> bytes:
    media = box(b"mdia", _media_header(track), *_handler(track), _media_information(track))
    return box(b"trak", _track_header(track), media)


def _track_header(track: Track) -> bytes:
    """``tkhd`` (8.3.2), enabled and in the movie. Its size is the displayed one, in 16.16."""
    is_sound = track.kind is Kind.AUDIO
    width = round(track.width * track.sample_aspect)
    return full_box(
        b"tkhd",
        0,
        3,
        struct.pack(">IIIII8xhhHH", 0, 0, TRACK_ID, 0, 0, 0, 0, 0x0100 if is_sound else 0, 0),
        _MATRIX,
        struct.pack(">II", min(width, 0xFFFF) << 16, track.height << 16),
    )


def _media_header(track: Track) -> bytes:
    language = packed_language(track.language)
    return full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, track.timescale, 0, language, 0))


def _handler(track: Track) -> tuple[bytes, ...]:
    """``hdlr``, and ``elng`` (8.4.6) with the whole language tag where there is one."""
    kind = b"soun" if track.kind is Kind.AUDIO else b"vide"
    handler = full_box(b"hdlr", 0, 0, bytes(4), kind, bytes(12), (track.name or "").encode(), b"\0")
    if not track.language:
        return (handler,)
    return handler, full_box(b"elng", 0, 0, track.language.encode("ascii", "replace"), b"\0")


def _media_information(track: Track) -> bytes:
    if track.kind is Kind.AUDIO:
        header = full_box(b"smhd", 0, 0, bytes(4))
    else:
        header = full_box(b"vmhd", 0, 1, bytes(8))
    description = full_box(b"stsd", 0, 0, b"\0\0\0\1", sample_entry(track))
    return box(b"minf", header, _DATA_IN_THIS_FILE, box(b"stbl", description, _NO_TABLES))


def _track_extends(track: Track) -> bytes:
    """``trex`` (8.8.3): what fragments take for granted."""
    flags = SYNC_FLAGS if track.kind is Kind.AUDIO else NON_SYNC_FLAGS
    return full_box(b"trex", 0, 0, struct.pack(">IIIII", TRACK_ID, 1, 0, 0, flags))
