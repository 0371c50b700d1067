"""Reads init segments and fragments back: for tests, tools and bench. Not for hostile input at speed.

Any bytes give a value or :class:`BoxError`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from transcoder.cmaf.fragment import ProducerTime, Sample
from transcoder.codecs.picture import Colour

_NTP_EPOCH_S: Final = 2_208_988_800
_NON_SYNC: Final = 0x1_0000
_VISUAL_ENTRY_BYTES: Final = 78
_AUDIO_ENTRY_BYTES: Final = 28
_AUDIO_ENTRIES: Final = frozenset({"mp4a", "Opus"})
_MOST_SAMPLES: Final = 1 << 20


class BoxError(ValueError):
    """The bytes are no boxes, or not the ones that were asked for."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its type, where it starts in what was read, and what is in it."""

    kind: str
    start: int
    size: int
    body: memoryview

    def children(self, skip: int = 0) -> Iterator[Box]:
        """The boxes in it, after ``skip`` bytes of its own fields."""
        return boxes(self.body[skip:])

    def child(self, *path: str) -> Box:
        """The first box on a path of types below this one. Raises :class:`BoxError`."""
        box = self
        for kind in path:
            found = box.find(kind)
            if found is None:
                raise BoxError(f"{box.kind} has no {kind}")
            box = found
        return box

    def find(self, kind: str, skip: int = 0) -> Box | None:
        """The first child of a type, or None."""
        return next((child for child in self.children(skip) if child.kind == kind), None)

    def fields(self, layout: str, offset: int = 0) -> tuple[int, ...]:
        """Fields of the body by :mod:`struct` layout. Raises :class:`BoxError` past the end."""
        try:
            return struct.unpack_from(layout, self.body, offset)
        except struct.error as error:
            raise BoxError(f"{self.kind} is too short") from error

    @property
    def version(self) -> int:
        """Of a FullBox."""
        return self.fields(">B")[0]

    @property
    def flags(self) -> int:
        """Of a FullBox."""
        return self.fields(">I")[0] & 0xFF_FFFF


def boxes(data: bytes | memoryview) -> Iterator[Box]:
    """The boxes in ``data``, one after the other. Raises :class:`BoxError` if the last is not whole."""
    view = memoryview(data)
    position, end = 0, len(view)
    while position < end:
        if position + 8 > end:
            raise BoxError("a box header is cut short")
        size, header_bytes = int.from_bytes(view[position : position + 4], "big"), 8
        if size == 1:
            size, header_bytes = int.from_bytes(view[position + 8 : position + 16], "big"), 16
        elif size == 0:
            size = end - position
        if size < header_bytes or position + size > end:
            raise BoxError(f"a box of {size} bytes does not fit in {end - position}")
        kind = bytes(view[position + 4 : position + 8]).decode("latin-1")
        yield Box(kind, position, size, view[position + header_bytes : position + size])
        position += size


@dataclass(frozen=True, slots=True, kw_only=True)
class Init:
    """What an init segment of one track says."""

    brands: tuple[str, ...]
    """The major brand, then the compatible ones."""
    track_id: int
    timescale: int
    language: str
    """Three letters of ``mdhd``."""
    entry: str
    """Sample entry: ``avc1``, ``mp4a``, …"""
    config: bytes
    """Body of the configuration box; for ``esds`` the DecoderSpecificInfo."""
    width: int = 0
    height: int = 0
    displayed_width: int = 0
    """Of ``tkhd``."""
    sample_aspect: Fraction = Fraction(1)
    colour: Colour | None = None
    channels: int = 0
    sample_rate: int = 0
    object_type: int = 0
    """objectTypeIndication of ``esds``."""
    default_sample_flags: int = 0
    has_edit_list: bool = False


def read_init(data: bytes) -> Init:
    """Read an init segment. Raises :class:`BoxError`."""
    top = {box.kind: box for box in boxes(data)}
    if "ftyp" not in top or "moov" not in top:
        raise BoxError("an init segment has ftyp and moov")
    names = bytes(top["ftyp"].body).decode("latin-1")
    track = top["moov"].child("trak")
    header, media = track.child("tkhd"), track.child("mdia")
    timescale, _, language = media.child("mdhd").fields(">IIH", 12)
    description = media.child("minf", "stbl", "stsd")
    entry = next(description.children(8), None)
    if entry is None:
        raise BoxError("stsd is empty")
    init = Init(
        brands=(names[:4], *(names[at : at + 4] for at in range(8, len(names), 4))),
        track_id=header.fields(">I", 12)[0],
        timescale=timescale,
        language="".join(chr(0x60 + (language >> shift & 31)) for shift in (10, 5, 0)),
        entry=entry.kind,
        config=b"",
        displayed_width=header.fields(">I", 76)[0] >> 16,
        default_sample_flags=top["moov"].child("mvex", "trex").fields(">I", 20)[0],
        has_edit_list=track.find("edts") is not None,
    )
    return _with_audio_entry(init, entry) if entry.kind in _AUDIO_ENTRIES else _with_visual_entry(init, entry)


def _with_visual_entry(init: Init, entry: Box) -> Init:
    width, height = entry.fields(">HH", 24)
    init = replace(init, width=width, height=height)
    for child in entry.children(_VISUAL_ENTRY_BYTES):
        match child.kind:
            case "avcC" | "hvcC" | "av1C":
                init = replace(init, config=bytes(child.body))
            case "vpcC":
                init = replace(init, config=bytes(child.body[4:]))
            case "pasp":
                across, down = child.fields(">II")
                init = replace(init, sample_aspect=Fraction(across, down or 1))
            case "colr":
                primaries, transfer, matrix, ranges = child.fields(">HHHB", 4)
                init = replace(init, colour=Colour(primaries, transfer, matrix, bool(ranges & 0x80)))
            case _:
                pass
    return init


def _with_audio_entry(init: Init, entry: Box) -> Init:
    channels, rate = entry.fields(">H6xI", 16)
    init = replace(init, channels=channels, sample_rate=rate >> 16)
    for child in entry.children(_AUDIO_ENTRY_BYTES):
        if child.kind == "dOps":
            init = replace(init, config=bytes(child.body))
        elif child.kind == "esds":
            decoder = _descriptor(_descriptor(child.body[4:], 3)[3:], 4)
            if len(decoder) < 13:
                raise BoxError("esds is too short")
            specific = bytes(_descriptor(decoder[13:], 5)) if len(decoder) > 13 else b""
            init = replace(init, object_type=decoder[0], config=specific)
    return init


def _descriptor(data: memoryview, tag: int) -> memoryview:
    """Body of the descriptor at the start (ISO 14496-1 8.3.3)."""
    if not data or data[0] != tag:
        raise BoxError(f"descriptor {tag} is missing")
    size = 0
    for index in range(1, min(5, len(data))):
        size = size << 7 | data[index] & 0x7F
        if data[index] < 0x80:
            return data[index + 1 : index + 1 + size]
    raise BoxError("descriptor is cut short")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """One ``moof`` with its ``mdat`` and what stood before it."""

    sequence_number: int
    track_id: int
    base_decode_time: int
    samples: tuple[Sample, ...]
    segment_start: bool
    """``styp`` came before."""
    producer_time: ProducerTime | None

    @property
    def duration(self) -> int:
        """Of all samples, in ticks."""
        return sum(sample.duration for sample in self.samples)


def read_fragments(data: bytes, *, default_sample_flags: int = 0) -> list[Fragment]:
    """Read all fragments of a part, a segment or a file (``ftyp`` and ``moov`` are passed over).

    ``default_sample_flags`` are those of the init's ``trex``. Raises :class:`BoxError`.
    """
    fragments: list[Fragment] = []
    starts, producer_time = False, None
    moof: Box | None = None
    for box in boxes(data):
        match box.kind:
            case "styp":
                starts = True
            case "prft":
                ntp, ticks = box.fields(">QQ", 8)
                producer_time = ProducerTime(ntp / (1 << 32) - _NTP_EPOCH_S, ticks)
            case "moof":
                moof = box
            case "mdat" if moof is not None:
                whole = memoryview(data)[moof.start :]
                fragments.append(_read_fragment(moof, whole, default_sample_flags, starts, producer_time))
                starts, producer_time, moof = False, None, None
            case _:
                pass
    return fragments


def _read_fragment(
    moof: Box, data: memoryview, default_flags: int, starts: bool, producer_time: ProducerTime | None
) -> Fragment:
    """``data`` begins at the ``moof``: the base of its data offset (default-base-is-moof)."""
    track = moof.child("traf")
    header, times, run = track.child("tfhd"), track.child("tfdt"), track.child("trun")
    defaults, offset = {}, 8
    for flag, layout in ((0x1, ">Q"), (0x2, ">I"), (0x8, ">I"), (0x10, ">I"), (0x20, ">I")):
        if header.flags & flag:
            defaults[flag] = header.fields(layout, offset)[0]
            offset += struct.calcsize(layout)
    default_flags = defaults.get(0x20, default_flags)
    count = run.fields(">I", 4)[0]
    if count > _MOST_SAMPLES:
        raise BoxError(f"{count} samples in one fragment")
    offset, position = 8, moof.size + 8
    first_flags = None
    if run.flags & 0x1:
        position = run.fields(">i", offset)[0]
        offset += 4
    if run.flags & 0x4:
        first_flags = run.fields(">I", offset)[0]
        offset += 4
    samples = []
    for index in range(count):
        duration, size = defaults.get(0x8, 0), defaults.get(0x10, 0)
        flags, cts = default_flags, 0
        if run.flags & 0x100:
            duration = run.fields(">I", offset)[0]
            offset += 4
        if run.flags & 0x200:
            size = run.fields(">I", offset)[0]
            offset += 4
        if run.flags & 0x400:
            flags = run.fields(">I", offset)[0]
            offset += 4
        if index == 0 and first_flags is not None:
            flags = first_flags
        if run.flags & 0x800:
            cts = run.fields(">i" if run.version else ">I", offset)[0]
            offset += 4
        payload = bytes(data[position : position + size])
        if len(payload) != size or position < 0:
            raise BoxError("a sample lies outside of the data")
        position += size
        samples.append(Sample(duration, cts, not flags & _NON_SYNC, payload))
    return Fragment(
        sequence_number=moof.child("mfhd").fields(">I", 4)[0],
        track_id=header.fields(">I", 4)[0],
        base_decode_time=times.fields(">Q" if times.version else ">I", 4)[0],
        samples=tuple(samples),
        segment_start=starts,
        producer_time=producer_time,
    )
