"""One CMAF chunk: ``[styp] [prft] moof mdat`` (ISO 14496-12 8.8, 8.16; CMAF 7.3.2.3).

This runs several times a second for each rendition of each stream: fixed layouts packed at once, and
payload bytes joined exactly once, into the answer.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from transcoder.cmaf.box import box
from transcoder.cmaf.init import NON_SYNC_FLAGS, SYNC_FLAGS, TRACK_ID
from transcoder.media import Kind, Track

# ISO 14496-12 8.16.2 and CMAF 7.3.3.1: a media segment (msdh) that is a CMAF segment, of fragments, of
# chunks. Not msix, which promises a segment index.
_STYP: Final = box(b"styp", b"msdh", bytes(4), b"msdh", b"cmfs", b"cmff", b"cmfl")

_PRFT: Final = struct.Struct(">I4sIIQQ")
# ISO 14496-12 8.16.5.4, flags 8: the association of media time and UTC "is arbitrary but consistent
# between multiple occurrences of this box in the same track": it is the arrival at this server.
_PRFT_HEADER: Final = (1 << 24) | 8
_NTP_EPOCH_S: Final = 2_208_988_800
"""From 1900 to 1970."""

_MOOF: Final = struct.Struct(">I4sI4sIII4s")
"""moof header, mfhd (16 bytes), traf header."""
_TFHD: Final = struct.Struct(">I4sII")
_TFHD_DURATION: Final = struct.Struct(">I4sIII")
_TFDT_TRUN: Final = struct.Struct(">I4sIQI4sIII")
"""tfdt (20 bytes), trun up to its data offset."""

_DEFAULT_BASE_IS_MOOF: Final = 0x02_0000
_DEFAULT_DURATION: Final = 0x00_0008
_TRUN_DATA_OFFSET: Final = 0x001
_TRUN_FIRST_FLAGS: Final = 0x004
_TRUN_DURATION: Final = 0x100
_TRUN_SIZE: Final = 0x200
_TRUN_FLAGS: Final = 0x400
_TRUN_CTS: Final = 0x800
_VERSION_1: Final = 1 << 24
_U32: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Sample:
    """One access unit in a fragment. Times are in the track's timescale."""

    duration: int
    cts_offset: int
    """pts - dts; may be negative."""
    sync: bool
    payload: bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.payload)


@dataclass(frozen=True, slots=True)
class ProducerTime:
    """When the picture or sound at ``media_ticks`` reached us, in seconds since 1970 (UTC)."""

    ntp_unix_s: float
    media_ticks: int


def fragment(
    track: Track,
    *,
    sequence_number: int,
    base_decode_time: int,
    samples: Sequence[Sample],
    producer_time: ProducerTime | None = None,
    segment_start: bool = False,
) -> bytes:
    """The bytes of one chunk. ``base_decode_time`` is the first sample's dts in the track's timescale.

    ``segment_start`` puts ``styp`` first. Raises ValueError for no samples and for times and sizes that
    the boxes cannot hold: the caller's fault.
    """
    if not samples:
        raise ValueError("a fragment needs a sample")
    count = len(samples)
    flags = _TRUN_DATA_OFFSET | _TRUN_SIZE
    first_duration = samples[0].duration
    same_duration = all(sample.duration == first_duration for sample in samples)
    if not same_duration:
        flags |= _TRUN_DURATION
    if any(sample.cts_offset for sample in samples):
        flags |= _TRUN_CTS
    first_flags = b""
    if track.kind is Kind.VIDEO:
        if any(sample.sync for sample in samples[1:]):
            flags |= _TRUN_FLAGS
        elif samples[0].sync:
            flags |= _TRUN_FIRST_FLAGS
            first_flags = SYNC_FLAGS.to_bytes(4, "big")

    # duration, size, flags, signed composition time offset: those of them that the flags announce.
    layout = ("" if same_duration else "I") + ("II" if flags & _TRUN_FLAGS else "I")
    if flags & _TRUN_CTS:
        layout += "i"
    fields: list[int] = []
    media_bytes = 0
    for sample in samples:
        size = len(sample.payload)
        media_bytes += size
        if not same_duration:
            fields.append(sample.duration)
        fields.append(size)
        if flags & _TRUN_FLAGS:
            fields.append(SYNC_FLAGS if sample.sync else NON_SYNC_FLAGS)
        if flags & _TRUN_CTS:
            fields.append(sample.cts_offset)

    tfhd_bytes = _TFHD_DURATION.size if same_duration else _TFHD.size
    trun_bytes = 20 + len(first_flags) + 4 * len(fields)
    traf_bytes = 8 + tfhd_bytes + 20 + trun_bytes
    moof_bytes = 8 + 16 + traf_bytes
    try:
        if same_duration:
            tfhd_flags = _DEFAULT_BASE_IS_MOOF | _DEFAULT_DURATION
            tfhd = _TFHD_DURATION.pack(tfhd_bytes, b"tfhd", tfhd_flags, TRACK_ID, first_duration)
        else:
            tfhd = _TFHD.pack(tfhd_bytes, b"tfhd", _DEFAULT_BASE_IS_MOOF, TRACK_ID)
        head = (
            _STYP if segment_start else b"",
            b"" if producer_time is None else _producer_time(producer_time),
            _MOOF.pack(moof_bytes, b"moof", 16, b"mfhd", 0, sequence_number & _U32, traf_bytes, b"traf"),
            tfhd,
            _TFDT_TRUN.pack(
                20,
                b"tfdt",
                _VERSION_1,
                base_decode_time,
                trun_bytes,
                b"trun",
                _VERSION_1 | flags,
                count,
                moof_bytes + 8,
            ),
            first_flags,
            struct.pack(">" + layout * count, *fields),
            struct.pack(">I4s", 8 + media_bytes, b"mdat"),
        )
    except struct.error as error:
        raise ValueError(f"a time or size of the fragment does not fit its box: {error}") from error
    return b"".join((*head, *[sample.payload for sample in samples]))


def _producer_time(time: ProducerTime) -> bytes:
    """``prft`` (8.16.5), version 1, with NTP's 32.32 fixed-point time (RFC 5905 6)."""
    ntp = int((time.ntp_unix_s + _NTP_EPOCH_S) * (1 << 32)) & 0xFFFF_FFFF_FFFF_FFFF
    return _PRFT.pack(_PRFT.size, b"prft", _PRFT_HEADER, TRACK_ID, ntp, time.media_ticks)
