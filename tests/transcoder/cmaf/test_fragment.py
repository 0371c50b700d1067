from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder import codecs
from transcoder.cmaf import ProducerTime, Sample, fragment
from transcoder.cmaf.reader import boxes, read_fragments
from transcoder.media import Codec, Track

VIDEO = Track(track_id=3, codec=Codec.H264, timescale=90_000)
SOUND = codecs.track_from_config(4, Codec.AAC, bytes.fromhex("1190"))
NON_SYNC = 0x0101_0000


def picture(sync: bool = False, *, duration: int = 3000, cts: int = 0, payload: bytes = b"picture") -> Sample:
    return Sample(duration, cts, sync, payload)


def run_flags(data: bytes) -> int:
    moof = next(box for box in boxes(data) if box.kind == "moof")
    return moof.child("traf", "trun").flags


def test_the_bytes_of_a_small_fragment() -> None:
    """Spelt out by ISO 14496-12 8.8, box by box."""
    data = fragment(
        VIDEO,
        sequence_number=7,
        base_decode_time=1 << 33,
        samples=[
            picture(True, cts=6000, payload=b"abc"),
            picture(duration=3003, cts=-3000, payload=b"defgh"),
        ],
    )
    u32 = struct.Struct(">I").pack
    mfhd = u32(16) + b"mfhd" + u32(0) + u32(7)
    tfhd = u32(16) + b"tfhd" + u32(0x02_0000) + u32(1)
    tfdt = u32(20) + b"tfdt" + u32(1 << 24) + struct.pack(">Q", 1 << 33)
    trun = u32(48) + b"trun" + u32(1 << 24 | 0xB05) + u32(2) + u32(8 + 16 + 8 + 16 + 20 + 48 + 8)
    trun += u32(0x0200_0000)
    trun += u32(3000) + u32(3) + u32(6000)
    trun += u32(3003) + u32(5) + struct.pack(">i", -3000)
    traf = u32(8 + len(tfhd + tfdt + trun)) + b"traf" + tfhd + tfdt + trun
    moof = u32(8 + len(mfhd + traf)) + b"moof" + mfhd + traf
    assert data == moof + u32(16) + b"mdat" + b"abcdefgh"


def test_styp_and_prft_come_first() -> None:
    data = fragment(
        VIDEO,
        sequence_number=1,
        base_decode_time=0,
        samples=[picture(True)],
        producer_time=ProducerTime(1_700_000_000.5, 12_345),
        segment_start=True,
    )
    top = list(boxes(data))
    assert [box.kind for box in top] == ["styp", "prft", "moof", "mdat"]
    brands = bytes(top[0].body)
    assert brands[:4] == b"msdh"
    assert b"cmfs" in brands
    prft = top[1]
    assert prft.version == 1
    assert prft.fields(">I", 4) == (1,)
    # NTP counts from 1900: 2,208,988,800 s before 1970 (RFC 5905 A.4); 0.5 s is the top bit of the fraction.
    assert prft.fields(">II", 8) == (1_700_000_000 + 2_208_988_800, 0x8000_0000)
    assert prft.fields(">Q", 16) == (12_345,)
    (read,) = read_fragments(data)
    assert read.segment_start
    assert read.producer_time == ProducerTime(1_700_000_000.5, 12_345)


def test_ntp_time_wraps_into_its_next_era() -> None:
    data = fragment(
        SOUND,
        sequence_number=1,
        base_decode_time=0,
        samples=[picture(True)],
        producer_time=ProducerTime(2_085_978_496.0 + 7, 0),
    )
    prft = next(boxes(data))
    assert prft.fields(">II", 8) == (7, 0)  # 2036-02-07T06:28:16Z + 7 s


@pytest.mark.parametrize(
    ("syncs", "flags"),
    [
        ([True, False, False], 0x205),  # first-sample-flags
        ([False, False], 0x201),  # trex has them
        ([True, True], 0x601),
        ([False, True, False], 0x601),
    ],
)
def test_sync_flags_are_written_once_where_they_can_be(syncs: list[bool], flags: int) -> None:
    samples = [picture(sync) for sync in syncs]
    data = fragment(VIDEO, sequence_number=1, base_decode_time=0, samples=samples)
    assert run_flags(data) == flags
    (read,) = read_fragments(data, default_sample_flags=NON_SYNC)
    assert [sample.sync for sample in read.samples] == syncs


def test_sound_of_even_frames_has_nothing_but_sizes() -> None:
    samples = [Sample(1024, 0, True, bytes(size)) for size in (5, 6, 7)]
    data = fragment(SOUND, sequence_number=1, base_decode_time=0, samples=samples)
    assert run_flags(data) == 0x201
    assert len(data) == 8 + 16 + 8 + 20 + 20 + 20 + 3 * 4 + 8 + 18


samples_strategy = st.lists(
    st.builds(
        Sample,
        st.integers(0, 0xFFFF_FFFF),
        st.integers(-(1 << 31), (1 << 31) - 1),
        st.booleans(),
        st.binary(min_size=1, max_size=30),
    ),
    min_size=1,
    max_size=12,
)


@given(
    samples=samples_strategy,
    sequence=st.integers(0, 0xFFFF_FFFF),
    time=st.integers(0, (1 << 64) - 1),
    start=st.booleans(),
)
def test_what_is_written_is_read(samples: list[Sample], sequence: int, time: int, start: bool) -> None:
    data = fragment(
        VIDEO, sequence_number=sequence, base_decode_time=time, samples=samples, segment_start=start
    )
    (read,) = read_fragments(data, default_sample_flags=NON_SYNC)
    assert list(read.samples) == samples
    assert (read.sequence_number, read.base_decode_time, read.segment_start) == (sequence, time, start)
    assert read.duration == sum(sample.duration for sample in samples)


def test_a_segment_is_its_parts_one_after_the_other() -> None:
    parts = [
        fragment(
            VIDEO,
            sequence_number=n,
            base_decode_time=3000 * n,
            samples=[picture(n == 0)],
            segment_start=n == 0,
        )
        for n in range(3)
    ]
    read = read_fragments(b"".join(parts), default_sample_flags=NON_SYNC)
    assert [part.segment_start for part in read] == [True, False, False]
    assert [part.base_decode_time for part in read] == [0, 3000, 6000]


@pytest.mark.parametrize(
    ("samples", "time"),
    [
        ([], 0),
        ([picture(duration=-1)], 0),
        ([picture(duration=1 << 32)], 0),
        ([picture(duration=1), picture(duration=-1)], 0),
        ([picture()], -1),
        ([picture()], 1 << 64),
        ([picture(cts=1 << 31)], 0),
        ([picture(cts=-(1 << 31) - 1)], 0),
    ],
)
def test_what_does_not_fit_is_the_callers_fault(samples: list[Sample], time: int) -> None:
    with pytest.raises(ValueError):
        fragment(VIDEO, sequence_number=1, base_decode_time=time, samples=samples)


def test_sequence_numbers_wrap() -> None:
    data = fragment(VIDEO, sequence_number=(1 << 32) + 5, base_decode_time=0, samples=[picture()])
    assert read_fragments(data)[0].sequence_number == 5


def test_size_of_a_sample() -> None:
    assert picture(payload=b"12345").size == 5
