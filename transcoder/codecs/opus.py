"""Opus: its identification header in Ogg and MP4 form (RFC 7845 5.1, Opus in ISOBMFF 4.3.2), its packets."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from transcoder.codecs.error import CodecError

SAMPLE_RATE: Final = 48_000
"""Opus decodes at any rate; its timestamps always count at 48 kHz."""
_MAGIC: Final = b"OpusHead"
_LONGEST_PACKET: Final = 5760
"""120 ms (RFC 6716 3.4 [R5])."""
_LONGEST_FRAME_BYTES: Final = 1275

# RFC 6716 table 2: samples of one frame by the configuration number in the TOC byte.
_FRAME_SAMPLES: Final = (
    *(480, 960, 1920, 2880) * 3,  # SILK
    *(480, 960) * 2,  # hybrid
    *(120, 240, 480, 960) * 4,  # CELT
)


@dataclass(frozen=True, slots=True)
class OpusConfig:
    """OpusSpecificBox: the body of ``dOps``."""

    channels: int
    pre_skip: int
    """Samples at 48 kHz to throw away at the start."""
    input_sample_rate: int
    output_gain: int
    """In 1/256 dB."""
    mapping_family: int = 0
    mapping_table: bytes = b""
    """Stream count, coupled count, and one byte for each channel; empty for family 0."""

    @classmethod
    def parse(cls, data: bytes) -> OpusConfig:
        """Parse a ``dOps`` body, or an ``OpusHead`` packet as enhanced RTMP sends. Raises CodecError."""
        is_ogg = data.startswith(_MAGIC)
        body = data[len(_MAGIC) :] if is_ogg else data
        if len(body) < 11:
            raise CodecError("Opus header is too short")
        # RFC 7845 5.1: versions whose upper four bits are 0 are compatible. dOps has version 0.
        if body[0] >> 4:
            raise CodecError(f"Opus header version {body[0]} is not known")
        layout = "<BHIhB" if is_ogg else ">BHIhB"
        channels, pre_skip, rate, gain, family = struct.unpack_from(layout, body, 1)
        table = b"" if family == 0 else body[11 : 13 + channels]
        if not channels or (family == 0 and channels > 2):
            raise CodecError(f"Opus mapping family {family} cannot have {channels} channels")
        if family and (len(table) != 2 + channels or not table[0] or table[1] > table[0]):
            raise CodecError("Opus channel mapping table is wrong")
        return cls(channels, pre_skip, rate, gain, family, table)

    def serialize(self) -> bytes:
        """The ``dOps`` body, big endian."""
        fields = (0, self.channels, self.pre_skip, self.input_sample_rate, self.output_gain)
        return struct.pack(">BBHIhB", *fields, self.mapping_family) + self.mapping_table

    def serialize_head(self) -> bytes:
        """The ``OpusHead`` packet, little endian."""
        fields = (1, self.channels, self.pre_skip, self.input_sample_rate, self.output_gain)
        return _MAGIC + struct.pack("<BBHIhB", *fields, self.mapping_family) + self.mapping_table


def packet_samples(packet: bytes) -> int:
    """Samples at 48 kHz that a packet lasts (RFC 6716 3.1). Raises :class:`CodecError`.

    RFC 6716 3.4 [R1]: "Packets are at least one byte."
    """
    if not packet:
        raise CodecError("Opus packet is empty")
    toc = packet[0]
    count = (1, 2, 2)[toc & 3] if toc & 3 < 3 else _frame_count(packet)
    samples = count * _FRAME_SAMPLES[toc >> 3]
    if samples > _LONGEST_PACKET:
        raise CodecError("Opus packet lasts longer than 120 ms")
    return samples


def _frame_count(packet: bytes) -> int:
    """RFC 6716 3.4 [R5]: "Code 3 packets contain at least one frame, but no more than 120 ms of audio
    total."
    """
    if len(packet) < 2 or not packet[1] & 0x3F:
        raise CodecError("Opus packet holds no frame")
    return packet[1] & 0x3F


def clean(payload: bytes) -> bytes:
    """One packet whose TOC, count and sizes make sense. Raises :class:`CodecError`."""
    packet_samples(payload)
    if payload[0] & 3 == 1 and not len(payload) & 1:
        # RFC 6716 3.4 [R3]: "Code 1 packets have an odd total length, N, so that (N-1)/2 is an integer."
        raise CodecError("Opus packet has two frames of unequal size")
    if payload[0] & 3 == 0 and len(payload) > 1 + _LONGEST_FRAME_BYTES:
        # RFC 6716 3.4 [R2]: "No implicit frame length is larger than 1275 bytes."
        raise CodecError("Opus frame is longer than 1275 bytes")
    return payload
