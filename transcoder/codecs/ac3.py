"""AC-3 and E-AC-3: the head of a syncframe (ATSC A/52, 5.3, 5.4.1, 5.4.2 and annex E 1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from transcoder.codecs.error import CodecError

MOST_FRAMES: Final = 64
"""In one payload: some two seconds."""
_HEADER_BYTES: Final = 7
_BLOCK_SAMPLES: Final = 256
_SAMPLE_RATES: Final = (48_000, 44_100, 32_000)
_CHANNELS: Final = (2, 1, 2, 3, 3, 4, 4, 5)
"""By acmod (table 5.8); 0 is two programmes of one channel each."""
_KBPS: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
"""By frmsizecod / 2 (table 5.18)."""
_BLOCKS: Final = (1, 2, 3, 6)
_LAST_AC3_BSID: Final = 10
_LAST_BSID: Final = 16
_DEPENDENT: Final = 1


@dataclass(frozen=True, slots=True)
class Ac3Header:
    """One syncframe."""

    sample_rate: int
    channels: int
    """The low-frequency channel included."""
    frame_bytes: int
    samples: int
    """Of each channel; 0 for a substream that only adds to another one."""

    @classmethod
    def parse(cls, data: bytes, position: int = 0) -> Ac3Header:
        """The syncframe at ``position``. Its bsid tells the two formats apart. Raises :class:`CodecError`."""
        if len(data) < position + _HEADER_BYTES:
            raise CodecError("AC-3 frame is too short")
        head = data[position : position + _HEADER_BYTES]
        if head[:2] != b"\x0b\x77":
            raise CodecError("not an AC-3 frame")
        bsid = head[5] >> 3
        if bsid <= _LAST_AC3_BSID:
            return cls._of_ac3(head, bsid)
        if bsid <= _LAST_BSID:
            return cls._of_eac3(head)
        raise CodecError(f"AC-3 frame of bitstream version {bsid}")

    @classmethod
    def _of_ac3(cls, head: bytes, bsid: int) -> Ac3Header:
        rate_code, size_code = head[4] >> 6, head[4] & 0x3F
        if rate_code == 3 or size_code >= 2 * len(_KBPS):
            raise CodecError("AC-3 frame header uses a reserved value")
        rate = _SAMPLE_RATES[rate_code]
        words = _KBPS[size_code // 2] * 1000 * 6 * _BLOCK_SAMPLES // rate // 16
        if rate == 44_100:
            words += size_code & 1
        mode = head[6] >> 5
        fields = int.from_bytes(head[6:7] + b"\0", "big") << 3 & 0xFFFF
        # 5.4.2: center mix, surround mix and surround mode stand in front of lfeon, two bits each.
        if mode & 1 and mode != 1:
            fields = fields << 2 & 0xFFFF
        if mode & 4:
            fields = fields << 2 & 0xFFFF
        if mode == 2:
            fields = fields << 2 & 0xFFFF
        # bsid 9 and 10 are the same format at a half and a quarter of the rate.
        return cls(rate >> max(0, bsid - 8), _CHANNELS[mode] + (fields >> 15), 2 * words, 6 * _BLOCK_SAMPLES)

    @classmethod
    def _of_eac3(cls, head: bytes) -> Ac3Header:
        kind, substream = head[2] >> 6, head[2] >> 3 & 7
        frame_bytes = 2 * (((head[2] & 7) << 8 | head[3]) + 1)
        rate_code, blocks_code = head[4] >> 6, head[4] >> 4 & 3
        if kind == 3 or (rate_code == 3 and blocks_code == 3) or frame_bytes < _HEADER_BYTES:
            raise CodecError("E-AC-3 frame header uses a reserved value")
        if rate_code == 3:  # E 1.3.1.4: half the rate, always six blocks
            rate, blocks = _SAMPLE_RATES[blocks_code] // 2, 6
        else:
            rate, blocks = _SAMPLE_RATES[rate_code], _BLOCKS[blocks_code]
        channels = _CHANNELS[head[4] >> 1 & 7] + (head[4] & 1)
        leads = kind != _DEPENDENT and not substream
        return cls(rate, channels, frame_bytes, blocks * _BLOCK_SAMPLES if leads else 0)


def frame_samples(payload: bytes) -> int:
    """Samples of a payload: of one syncframe, or of several, substreams included."""
    samples = position = 0
    for _ in range(MOST_FRAMES):
        header = Ac3Header.parse(payload, position)
        samples += header.samples
        position += header.frame_bytes
        if position + _HEADER_BYTES > len(payload):
            break
    else:
        raise CodecError(f"AC-3 payload of more than {MOST_FRAMES} frames")
    if not samples:
        raise CodecError("E-AC-3 payload without its first substream")
    return samples


def clean(payload: bytes) -> bytes:
    """A payload that begins with a whole syncframe and can be timed. Raises :class:`CodecError`."""
    if Ac3Header.parse(payload).frame_bytes > len(payload):
        raise CodecError("AC-3 frame is cut short")
    frame_samples(payload)
    return payload
