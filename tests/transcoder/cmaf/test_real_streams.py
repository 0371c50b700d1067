"""What real encoders make, through our boxes, must come back the same from FFmpeg's demuxers."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.transcoder.codecs.encoded import Encoded, audio, video
from transcoder import codecs
from transcoder.cmaf import Sample, fragment, init_segment
from transcoder.cmaf.reader import read_fragments, read_init
from transcoder.codecs import avc, hevc, nal
from transcoder.media import Codec, Kind, Track

PART_UNITS = 8


@dataclass(frozen=True)
class Stream:
    track: Track
    samples: tuple[Sample, ...]
    decode_times: tuple[int, ...]

    def bytes(self) -> bytes:
        parts = [init_segment(self.track)]
        for number, at in enumerate(range(0, len(self.samples), PART_UNITS)):
            parts.append(
                fragment(
                    self.track,
                    sequence_number=number,
                    base_decode_time=self.decode_times[at],
                    samples=self.samples[at : at + PART_UNITS],
                    segment_start=number % 4 == 0,
                )
            )
        return b"".join(parts)


def made(
    codec: Codec, encoded: Encoded, config: bytes, convert: Callable[[bytes], bytes] = bytes, **extra: Any
) -> Stream:
    track = codecs.track_from_config(9, codec, config, **extra)
    if track.kind is Kind.VIDEO:
        track = codecs.track_from_sync_unit(track, convert(encoded.packets[0].data))
        ticks = Fraction(90_000) / (track.frame_rate or 30)
    else:
        ticks = Fraction(1)
    start = encoded.packets[0].dts
    samples = []
    for packet in encoded.packets:
        payload = codecs.clean(track, convert(packet.data))
        duration = packet.duration if track.kind is Kind.VIDEO else codecs.frame_samples(track, payload)
        offset = int((packet.pts - packet.dts) * ticks)
        samples.append(Sample(int(duration * ticks), offset, codecs.is_sync(track, payload), payload))
    times = tuple(int((packet.dts - start) * ticks) for packet in encoded.packets)
    return Stream(track, tuple(samples), times)


def h264(**kwargs: Any) -> Stream:
    kwargs.setdefault("options", (("g", "12"), ("bf", "3")))
    encoded = video("libx264", **kwargs)
    return made(Codec.H264, encoded, avc.config_from_annexb(encoded.extradata), nal.from_annexb)


def h265(params: str = "keyint=12:min-keyint=12:bframes=3", **kwargs: Any) -> Stream:
    options = (("x265-params", f"log-level=none:pools=1:{params}"), ("preset", "ultrafast"))
    encoded = video("libx265", options=options, **kwargs)
    return made(Codec.H265, encoded, hevc.config_from_annexb(encoded.extradata), nal.from_annexb)


def av1(**kwargs: Any) -> Stream:
    encoded = video("libsvtav1", options=(("preset", "12"), ("svtav1-params", "keyint=12")), **kwargs)
    return made(Codec.AV1, encoded, encoded.extradata, frame_rate=Fraction(30))


def vp9(**kwargs: Any) -> Stream:
    encoded = video(
        "libvpx-vp9", options=(("deadline", "realtime"), ("cpu-used", "8"), ("g", "12")), **kwargs
    )
    return made(Codec.VP9, encoded, encoded.packets[0].data, frame_rate=Fraction(30))


def aac(**kwargs: Any) -> Stream:
    encoded = audio("aac", **kwargs)
    return made(Codec.AAC, encoded, encoded.extradata)


def opus() -> Stream:
    encoded = audio("libopus", sample_format="flt")
    return made(Codec.OPUS, encoded, encoded.extradata)


def mp3(rate: int) -> Stream:
    encoded = audio("libmp3lame", sample_rate=rate)
    return made(Codec.MP3, encoded, encoded.packets[0].data)


STREAMS: dict[str, Callable[[], Stream]] = {
    "h264": h264,
    "h264 without B-frames": lambda: h264(options=(("tune", "zerolatency"), ("g", "12"))),
    "h264 anamorphic, 10 bit": lambda: h264(
        pixel_format="yuv420p10le", sample_aspect=Fraction(4, 3), colour=(9, 16, 9)
    ),
    "h264 4:2:2 odd size": lambda: h264(pixel_format="yuv422p", width=322, height=181),
    "h265": h265,
    "h265 CRA": lambda: h265("keyint=12:min-keyint=12:open-gop=1:bframes=2"),
    "h265 10 bit HDR": lambda: h265(
        pixel_format="yuv420p10le", colour=(9, 18, 9), sample_aspect=Fraction(16, 11)
    ),
    "av1": av1,
    "av1 10 bit": lambda: av1(pixel_format="yuv420p10le", colour=(9, 16, 9)),
    "vp9": vp9,
    "aac": aac,
    "aac mono 8 kHz": lambda: aac(sample_rate=8_000, layout="mono"),
    "aac 5.1": lambda: aac(layout="5.1"),
    "aac 96 kHz": lambda: aac(sample_rate=96_000),
    "opus": opus,
    "mp3": lambda: mp3(44_100),
    "mp3 at a low rate": lambda: mp3(24_000),
}


@pytest.fixture(params=STREAMS)
def stream(request: pytest.FixtureRequest) -> Stream:
    return STREAMS[request.param]()


def test_ffmpeg_reads_the_same_packets(stream: Stream) -> None:
    with av.open(io.BytesIO(stream.bytes()), format="mp4") as container:
        found = container.streams[0]
        packets = [packet for packet in container.demux(found) if packet.size]
        assert found.codec_context.name.startswith(("libdav1d", "av1", "mp3float", stream.track.codec.value))
        if stream.track.codec is not Codec.MP3:
            expected = stream.track.config
            if stream.track.codec is Codec.OPUS:
                expected = codecs.opus.OpusConfig.parse(expected).serialize_head()
            elif stream.track.codec is Codec.VP9:
                expected = None  # FFmpeg reads vpcC and keeps nothing of it
            assert found.codec_context.extradata == expected
        assert found.time_base == Fraction(1, stream.track.timescale)
    assert [bytes(packet) for packet in packets] == [sample.payload for sample in stream.samples]
    assert [packet.dts for packet in packets] == list(stream.decode_times)
    assert [packet.pts for packet in packets] == [
        time + sample.cts_offset for time, sample in zip(stream.decode_times, stream.samples, strict=True)
    ]
    assert [packet.is_keyframe for packet in packets] == [sample.sync for sample in stream.samples]
    if stream.track.codec is not Codec.VP9:  # whose parser in FFmpeg 8 forgets them
        assert [packet.duration for packet in packets] == [sample.duration for sample in stream.samples]


def test_ffmpeg_decodes_every_picture_and_sample(stream: Stream) -> None:
    with av.open(io.BytesIO(stream.bytes()), format="mp4") as container:
        frames = list(container.decode(container.streams[0]))
    if stream.track.kind is Kind.VIDEO:
        assert len(frames) == len(stream.samples)
        assert {(frame.width, frame.height) for frame in frames} == {
            (stream.track.width, stream.track.height)
        }
    else:
        assert {frame.sample_rate for frame in frames} == {stream.track.sample_rate}
        assert {len(frame.layout.channels) for frame in frames} == {stream.track.channels}


def test_our_reader_reads_the_same(stream: Stream) -> None:
    data = stream.bytes()
    init = read_init(data)
    assert (init.track_id, init.timescale, init.has_edit_list) == (1, stream.track.timescale, False)
    assert (init.width, init.height) == (stream.track.width, stream.track.height)
    assert init.sample_aspect == stream.track.sample_aspect
    assert init.config == stream.track.config
    fragments = read_fragments(data, default_sample_flags=init.default_sample_flags)
    assert [sample for part in fragments for sample in part.samples] == list(stream.samples)
    assert [part.base_decode_time for part in fragments] == list(stream.decode_times[::PART_UNITS])
    assert [part.segment_start for part in fragments][:5] == [True, False, False, False, True][
        : len(fragments)
    ]


@pytest.mark.skipif(
    shutil.which("ffprobe") is None, reason="needs the system's ffprobe, another version than ours"
)
def test_ffprobe_of_the_system_agrees(stream: Stream, tmp_path: Path) -> None:
    file = tmp_path / "stream.mp4"
    file.write_bytes(stream.bytes())
    answer = subprocess.run(
        ["ffprobe", "-v", "error", "-show_streams", "-show_packets", "-of", "json", str(file)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert answer.stderr == ""
    found = json.loads(answer.stdout)
    info, packets = found["streams"][0], found["packets"]
    assert len(packets) == len(stream.samples)
    if stream.track.kind is Kind.VIDEO:
        assert (info["width"], info["height"]) == (stream.track.width, stream.track.height)
        aspect = stream.track.sample_aspect
        assert info.get("sample_aspect_ratio", "1:1") == f"{aspect.numerator}:{aspect.denominator}"
        expected_tag = {"h264": "avc1", "hevc": "hvc1", "av1": "av01", "vp9": "vp09"}[stream.track.codec]
        assert info["codec_tag_string"] == expected_tag
        colour = codecs.colour(stream.track)
        if colour.video_range != "SDR":
            transfer = {"PQ": "smpte2084", "HLG": "arib-std-b67"}[colour.video_range]
            assert (info["color_transfer"], info["color_primaries"]) == (transfer, "bt2020")
    else:
        assert int(info["sample_rate"]) == stream.track.sample_rate
        assert info["channels"] == stream.track.channels
