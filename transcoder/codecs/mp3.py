"""MP3: the frame header of MPEG audio layer III (ISO 11172-3 2.4.1.3, ISO 13818-3 2.4.2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from transcoder.codecs.error import CodecError

HEADER_BYTES: Final = 4
MOST_FRAMES: Final = 256
"""In one payload: some seconds."""


class Version(Enum):
    """The two ID bits. 2.5 is Fraunhofer's extension to lower rates."""

    MPEG2_5 = 0
    MPEG2 = 2
    MPEG1 = 3


_SAMPLE_RATES: Final = {
    Version.MPEG1: (44100, 48000, 32000),
    Version.MPEG2: (22050, 24000, 16000),
    Version.MPEG2_5: (11025, 12000, 8000),
}
_KBPS_1: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_2: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


@dataclass(frozen=True, slots=True)
class Mp3Header:
    """One frame's header."""

    version: Version
    bit_rate_bps: int
    """0: free format."""
    sample_rate: int
    channels: int
    padding: bool

    @property
    def frame_samples(self) -> int:
        """Samples of each channel."""
        return 1152 if self.version is Version.MPEG1 else 576

    @property
    def frame_bytes(self) -> int:
        """Bytes with the header (ISO 11172-3 2.4.3.1); 0 where the format is free."""
        return (
            self.frame_samples // 8 * self.bit_rate_bps // self.sample_rate + self.padding
            if self.bit_rate_bps
            else 0
        )

    @classmethod
    def parse(cls, data: bytes, position: int = 0) -> Mp3Header:
        """Parse the header at ``position``. Raises :class:`CodecError`."""
        if len(data) < position + HEADER_BYTES:
            raise CodecError("MP3 frame is too short")
        second, third = data[position + 1], data[position + 2]
        version_bits, layer = second >> 3 & 3, second >> 1 & 3
        if data[position] != 0xFF or second & 0xE0 != 0xE0 or layer != 1 or version_bits == 1:
            raise CodecError("not an MP3 frame")
        version = Version(version_bits)
        rate_index, kbps_index = third >> 2 & 3, third >> 4
        if rate_index == 3 or kbps_index == 15:
            raise CodecError("MP3 frame header uses a reserved value")
        kbps = (_KBPS_1 if version is Version.MPEG1 else _KBPS_2)[kbps_index]
        channels = 1 if data[position + 3] >> 6 == 3 else 2
        return cls(version, 1000 * kbps, _SAMPLE_RATES[version][rate_index], channels, bool(third & 2))


def object_type(sample_rate: int) -> int:
    """objectTypeIndication (ISO 14496-1 table 5): 0x6B for ISO 11172-3, 0x69 for the lower rates of
    ISO 13818-3."""
    return 0x6B if sample_rate >= 32_000 else 0x69


def rfc6381(sample_rate: int) -> str:
    """RFC 6381 3.3: ``mp4a.`` and the object type indication in hex."""
    return f"mp4a.{object_type(sample_rate):X}"


def frame_samples(payload: bytes) -> int:
    """Samples of a payload: of one frame, or of several where a publisher sends them together."""
    header = Mp3Header.parse(payload)
    samples, position = header.frame_samples, header.frame_bytes
    count = 1
    while position and position + HEADER_BYTES <= len(payload):
        try:
            header = Mp3Header.parse(payload, position)
        except CodecError:
            break
        count += 1
        if count > MOST_FRAMES:
            raise CodecError(f"MP3 payload of more than {MOST_FRAMES} frames")
        samples += header.frame_samples
        position = position + header.frame_bytes if header.frame_bytes else 0
    return samples


def clean(payload: bytes) -> bytes:
    """A payload that begins with a frame and holds all of it. Raises :class:`CodecError`."""
    header = Mp3Header.parse(payload)
    if len(payload) < header.frame_bytes:
        raise CodecError("MP3 frame is cut short")
    return payload
