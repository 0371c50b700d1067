"""Captions that went through real encoders, and FFmpeg's decoder beside ours."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from tests.transcoder.captions.captioned import RATE, rolled_up, schedule, write_captioned
from tests.transcoder.captions.vectors import NULL, pairs
from transcoder.captions import CaptionExtractor, Cue
from transcoder.codecs import avc, hevc
from transcoder.media import AccessUnit, Codec, Track

FRAMES = 10 * RATE
CAPTIONS: list[tuple[float, str | None]] = [
    (2.0, "FIRST CAPTION"),
    (4.0, "SECOND ONE\nOF TWO LINES"),
    (6.0, None),
    (8.0, "LAST"),
]
EXPECTED = [
    (2.0, 4.0, "FIRST CAPTION"),
    (4.0, 6.0, "SECOND ONE\nOF TWO LINES"),
    (8.0, None, "LAST"),
]


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our bytes in x264's stream, with B pictures."""
    path = tmp_path_factory.mktemp("captions") / "captioned.mp4"
    write_captioned(path, schedule(CAPTIONS, FRAMES))
    return path


@pytest.fixture(scope="module")
def reencoded(captioned: Path) -> Path:
    """The same after FFmpeg decoded it and encoded it anew: the SEI messages are x264's own."""
    path = captioned.with_name("reencoded.mp4")
    command = ["ffmpeg", "-v", "error", "-i", str(captioned), "-c:v", "libx264", "-preset", "veryfast"]
    subprocess.run([*command, "-bf", "3", "-a53cc", "1", "-y", str(path)], check=True)
    return path


def extracted(path: Path) -> tuple[list[Cue], bool]:
    """All cues of a file, and whether any picture was decoded before one that is shown earlier."""
    extractor = CaptionExtractor()
    cues: list[Cue] = []
    reordered = False
    for track, unit in units(path):
        reordered |= unit.pts != unit.dts
        cues += extractor.push(track, unit)
    return cues, reordered


def units(path: Path) -> Iterator[tuple[Track, AccessUnit]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec = Codec(stream.codec_context.name.removeprefix("lib"))
        config = stream.codec_context.extradata or b""
        parse = avc.AvcConfig.parse if codec is Codec.H264 else hevc.HevcConfig.parse
        parse(config)
        track = Track(track_id=1, codec=codec, timescale=90_000, config=config)
        offset: int | None = None
        for packet in container.demux(stream):
            if packet.dts is None or packet.pts is None:
                continue
            pts, dts = (round(ticks * packet.time_base * 90_000) for ticks in (packet.pts, packet.dts))
            offset = -min(dts, 0) if offset is None else offset
            yield (
                track,
                AccessUnit(
                    1, codec, 90_000, pts + offset, dts + offset, 0, packet.is_keyframe, bytes(packet), 0.0
                ),
            )


def lasting(cues: list[Cue], zero_s: float) -> list[tuple[float, float | None, str]]:
    """(start, end, text) of each cue, by its last telling."""
    last = {cue.cue_id: cue for cue in cues}
    return [
        (
            round(cue.start_s - zero_s, 2),
            None if cue.end_s is None else round(cue.end_s - zero_s, 2),
            cue.text,
        )
        for cue in last.values()
    ]


def zero_s(path: Path) -> float:
    """When the first picture is shown, on the timeline of :func:`units`."""
    return min(unit.pts for _, unit in units(path)) / 90_000


def ffmpegs(path: Path) -> list[tuple[float, str]]:
    """(start, text) as FFmpeg's own CEA-608 decoder sees them."""
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"movie={path}[out0+subcc]"]
    made = subprocess.run([*command, "-map", "0:s", "-f", "srt", "-"], check=True, capture_output=True)
    found = []
    for block in made.stdout.decode().strip().split("\n\n"):
        _, timing, *lines = block.splitlines()
        hours, minutes, seconds = timing.split(" --> ")[0].replace(",", ".").split(":")
        text = re.sub(r"<[^>]+>|\{[^}]+\}|\\h", "", "\n".join(lines)).strip()
        found.append((int(hours) * 3600 + int(minutes) * 60 + float(seconds), text))
    return found


def test_our_bytes_in_a_stream_with_b_pictures(captioned: Path) -> None:
    cues, reordered = extracted(captioned)
    assert reordered
    assert lasting(cues, zero_s(captioned)) == EXPECTED


def test_after_a_decoder_and_an_encoder(reencoded: Path) -> None:
    cues, reordered = extracted(reencoded)
    assert reordered
    assert lasting(cues, zero_s(reencoded)) == EXPECTED


def test_ffmpegs_decoder_reads_the_same(reencoded: Path) -> None:
    cues, _ = extracted(reencoded)
    ours = [(start_s, text) for start_s, _, text in lasting(cues, zero_s(reencoded))]
    theirs = ffmpegs(reencoded)
    assert [text for _, text in theirs] == [text for _, text in ours][: len(theirs)]
    # FFmpeg tells a caption once the next one takes it away, so it may lack the last.
    assert len(theirs) >= len(ours) - 1
    for (our_s, _), (their_s, _) in zip(ours, theirs, strict=False):
        assert abs(our_s - their_s) < 0.1


def test_h265(captioned: Path, tmp_path: Path) -> None:
    path = tmp_path / "captioned.hevc.mp4"
    with av.open(str(captioned)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream("libx265", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.options = {"preset": "ultrafast", "x265-params": "log-level=none:pools=1", "a53cc": "1"}
        for frame in source.decode(video=0):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    cues, _ = extracted(path)
    assert lasting(cues, zero_s(path)) == EXPECTED


def test_roll_up_reads_as_lines(tmp_path: Path) -> None:
    line = [(NULL[0], NULL[1])] * (6 * RATE)
    for second, text in enumerate(("WELCOME TO THE SHOW", "TONIGHT WE TALK", "ABOUT THE WEATHER")):
        data = pairs(rolled_up(text))
        line[2 * second * RATE : 2 * second * RATE + len(data)] = data
    path = tmp_path / "rolled.mp4"
    write_captioned(path, line)
    cues, _ = extracted(path)
    texts = [cue.text for cue in cues if cue.end_s is None]
    assert "WELCOME TO THE SHOW" in texts
    assert "WELCOME TO THE SHOW\nTONIGHT WE TALK" in texts
    assert texts[-1] == "TONIGHT WE TALK\nABOUT THE WEATHER"
    assert len(texts) <= 10
