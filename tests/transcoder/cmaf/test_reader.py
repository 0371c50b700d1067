"""The reader on files that others wrote, and on files that nobody did."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import pytest

from tests.transcoder.codecs.encoded import video
from transcoder.cmaf.reader import BoxError, boxes, read_fragments, read_init


def written_by_ffmpeg(movflags: str) -> bytes:
    stream = video("libx264", options=(("g", "10"),))
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"movflags": movflags}) as container:
        target = container.add_stream("libx264", rate=30, options={"g": "10"})
        target.width, target.height = 320, 180
        target.pix_fmt = "yuv420p"
        for index in range(40):
            frame = av.VideoFrame(320, 180, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.pts, frame.time_base = index, Fraction(1, 30)
            container.mux(target.encode(frame))
        container.mux(target.encode(None))
    assert len(stream.packets) == 40
    return file.getvalue()


@pytest.mark.parametrize(
    "movflags", ["cmaf+frag_keyframe", "empty_moov+default_base_moof+frag_keyframe+negative_cts_offsets"]
)
def test_fragments_that_ffmpeg_wrote(movflags: str) -> None:
    data = written_by_ffmpeg(movflags)
    init = read_init(data)
    assert (init.entry, init.width, init.height) == ("avc1", 320, 180)
    fragments = read_fragments(data, default_sample_flags=init.default_sample_flags)
    assert len(fragments) == 4
    assert all(part.samples[0].sync and not any(s.sync for s in part.samples[1:]) for part in fragments)
    with av.open(io.BytesIO(data)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert [sample.payload for part in fragments for sample in part.samples] == packets
    ends = [part.base_decode_time + part.duration for part in fragments]
    assert ends[:-1] == [part.base_decode_time for part in fragments[1:]]


def test_sizes_of_64_bits_and_to_the_end() -> None:
    data = b"\0\0\0\1free" + (20).to_bytes(8, "big") + b"body" + b"\0\0\0\0mdatrest"
    found = list(boxes(data))
    assert [(box.kind, box.start, box.size, bytes(box.body)) for box in found] == [
        ("free", 0, 20, b"body"),
        ("mdat", 20, 12, b"rest"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"\0\0\0\7free",
        b"\0\0\0\x09free",
        b"\0\0\0\1free",
        b"\0\0\0\1free" + bytes(8),
        b"\0\0\0\x08free\0",
    ],
)
def test_wrong_boxes(data: bytes) -> None:
    with pytest.raises(BoxError):
        list(boxes(data))


def test_what_is_missing_is_named() -> None:
    with pytest.raises(BoxError, match="ftyp and moov"):
        read_init(b"")
    with pytest.raises(BoxError, match="traf"):
        read_fragments(b"\0\0\0\x08moof\0\0\0\x08mdat")
    with pytest.raises(BoxError, match="trak"):
        read_init(b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08moov")
