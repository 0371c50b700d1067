"""FLAC: the STREAMINFO block and the frame header (RFC 9639, sections 8.2 and 9.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from transcoder.codecs.bits import BitReader
from transcoder.codecs.error import CodecError

STREAMINFO_BYTES: Final = 34
_MARKER: Final = b"fLaC"
_BLOCK_HEADER_BYTES: Final = 4
_COMMON_BLOCK_SIZES: Final = {1: 192, **{code: 144 << code for code in range(2, 6)}}


@dataclass(frozen=True, slots=True)
class FlacConfig:
    """What STREAMINFO says that a player needs.

    ``record`` is the block itself, without its header, as it can be known of a stream that goes on.
    """

    record: bytes
    sample_rate: int
    channels: int
    bits_per_sample: int

    @classmethod
    def parse(cls, config: bytes) -> FlacConfig:
        """A STREAMINFO block: bare, with its block header, or behind the ``fLaC`` marker too.

        Raises :class:`CodecError`.
        """
        record = config.removeprefix(_MARKER)
        # 8.1: the block type is in the lower seven bits, 0 for STREAMINFO; the length is 24 bits.
        if (
            len(record) >= _BLOCK_HEADER_BYTES + STREAMINFO_BYTES
            and not record[0] & 0x7F
            and int.from_bytes(record[1:4], "big") == STREAMINFO_BYTES
        ):
            record = record[_BLOCK_HEADER_BYTES:]
        if len(record) < STREAMINFO_BYTES:
            raise CodecError(f"FLAC STREAMINFO of {len(record)} bytes")
        record = record[:STREAMINFO_BYTES]
        reader = BitReader(record)
        smallest_block, largest_block = reader.bits(16), reader.bits(16)
        smallest_frame, largest_frame = reader.bits(24), reader.bits(24)
        # 8.2: block sizes are from 16 up; a frame size of 0 says that it is not known.
        if not 16 <= smallest_block <= largest_block or 0 < largest_frame < smallest_frame:
            raise CodecError("FLAC STREAMINFO contradicts itself")
        sample_rate = reader.bits(20)
        channels = reader.bits(3) + 1
        bits_per_sample = reader.bits(5) + 1
        # 8.2: "A sample rate of 0 MAY be used [...] when [...] the stream is not audio".
        if not sample_rate or bits_per_sample < 4:
            raise CodecError("FLAC STREAMINFO without a sample rate or a bit depth")
        return cls(_of_a_live_stream(record), sample_rate, channels, bits_per_sample)


def _of_a_live_stream(record: bytes) -> bytes:
    """The block without what only the end tells: encoders send it again then, and nothing has changed.

    8.2: for frame sizes, the number of samples and the MD5 sum, "a value of 0 signifies that the value is
    not known".
    """
    return record[:4] + bytes(6) + record[10:13] + bytes((record[13] & 0xF0,)) + bytes(20)


def frame_samples(payload: bytes) -> int:
    """Samples of each channel in the frame that ``payload`` is. Raises :class:`CodecError`.

    A frame does not tell its length, so that several in one payload could not be told apart: publishers
    send one.
    """
    _check_sync(payload)
    code = payload[2] >> 4
    if code in _COMMON_BLOCK_SIZES:
        return _COMMON_BLOCK_SIZES[code]
    if code >= 8:
        return 1 << code
    if not code:
        raise CodecError("FLAC frame header uses a reserved block size")
    at = 4 + _coded_number_bytes(payload[4])
    width = code - 5  # 6: one byte, 7: two bytes
    field = payload[at : at + width]
    if len(field) < width:
        raise CodecError("FLAC frame is too short")
    return int.from_bytes(field, "big") + 1


def clean(payload: bytes) -> bytes:
    """A payload that begins with a whole frame header. Raises :class:`CodecError`."""
    frame_samples(payload)
    return payload


def _check_sync(payload: bytes) -> None:
    # 9.1: "Each frame MUST start on a byte boundary and start with the 15-bit frame sync code
    # 0b111111111111100."
    if len(payload) < 6 or payload[0] != 0xFF or payload[1] & 0xFE != 0xF8:
        raise CodecError("not a FLAC frame")


def _coded_number_bytes(first: int) -> int:
    """9.1.5: the frame's number, in the way of UTF-8: the leading ones count its bytes."""
    for count in range(8):
        if not first & 0x80 >> count:
            return max(1, count)
    return 7
