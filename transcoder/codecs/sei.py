"""Captions that came beside a picture, put into it: ITU-T T.35 messages as SEI (H.264 D.1.6, H.265 D.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from transcoder.codecs import avc, hevc
from transcoder.media import Codec, Track

_USER_DATA_REGISTERED_T35: Final = 4
_HEADS: Final = {Codec.H264: b"\x06", Codec.H265: b"\x4e\x01"}
"""NAL unit headers: SEI (type 6), and prefix SEI (type 39) of temporal layer 0."""
_EMULATED: Final = re.compile(rb"\x00\x00(?=[\x00-\x03])")


def can_carry(track: Track) -> bool:
    """Whether :func:`with_t35` knows this track's format."""
    return track.codec in _HEADS


def with_t35(track: Track, payload: bytes, messages: Sequence[bytes]) -> bytes:
    """The access unit with an SEI NAL unit for each message, in front of its first slice.

    The payload itself where there is no slice. The track is one that :func:`can_carry` says.
    """
    size = (avc if track.codec is Codec.H264 else hevc).length_size(track.config)
    at = _first_slice(track.codec, payload, size)
    if at is None:
        return payload
    units = [_sei(track.codec, message) for message in messages]
    # A length field of fewer bytes may not hold the message: then it is left out.
    made = b"".join(len(unit).to_bytes(size, "big") + unit for unit in units if len(unit) < 1 << 8 * size)
    return payload[:at] + made + payload[at:]


def _sei(codec: Codec, message: bytes) -> bytes:
    count, rest = divmod(len(message), 0xFF)
    rbsp = bytes((_USER_DATA_REGISTERED_T35,)) + b"\xff" * count + bytes((rest,)) + message + b"\x80"
    # 7.4.1: "three-byte sequences 0x000000 to 0x000003 shall not occur": emulation_prevention_three_byte.
    return _HEADS[codec] + _EMULATED.sub(b"\x00\x00\x03", rbsp)


def _first_slice(codec: Codec, payload: bytes, size: int) -> int | None:
    """Where the length field of the first slice stands."""
    position, end = 0, len(payload)
    while position + size < end:
        start = position + size
        kind = payload[start] & 0x1F if codec is Codec.H264 else payload[start] >> 1 & 0x3F
        if 1 <= kind <= 5 if codec is Codec.H264 else kind < 32:
            return position
        position = start + int.from_bytes(payload[position:start], "big")
    return None
