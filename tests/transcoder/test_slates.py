"""Loops for publishers who are away: what a player decodes from them, and what the child may not do."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace
from fractions import Fraction

import av
import pytest

from tests.transcoder.test_packager import AVCC
from transcoder import framing, slates
from transcoder.codecs import track_from_config
from transcoder.framing import FramingError
from transcoder.hdr import Hdr
from transcoder.ladder import Rendition
from transcoder.media import AccessUnit, Codec, Kind, Track
from transcoder.slates import SlateMaker, StandIn, StillFailed

pytestmark = pytest.mark.tools("ffmpeg")

NOTICE = "We will be right back"


def video(name: str, width: int, height: int, **changes: object) -> Rendition:
    fields = {"codec": Codec.H264, "passthrough": False, "source_track_id": 1} | changes
    return Rendition(name=name, kind=Kind.VIDEO, width=width, height=height, **fields)


def audio(rate: int = 48_000, channels: int = 2) -> Rendition:
    return Rendition(
        name="audio",
        kind=Kind.AUDIO,
        codec=Codec.AAC,
        passthrough=True,
        source_track_id=2,
        sample_rate=rate,
        channels=channels,
    )


LADDER = (
    video("1080p", 1920, 1080),
    video("720p", 1280, 720),
    video("480p", 854, 480),
    video("360p", 640, 360),
    audio(),
)


def poster(colour: str = "orange") -> bytes:
    command = f"ffmpeg -v error -f lavfi -i color={colour}:s=640x360:d=1:r=1 -frames:v 1 -f mjpeg -"
    return subprocess.run(command.split(), capture_output=True, check=True).stdout


def decoded(stand_in: StandIn, laps: int = 1) -> list[av.VideoFrame]:
    context = av.CodecContext.create("h264", "r")
    context.extradata = stand_in.track.config
    frames = []
    for lap in range(laps):
        for unit in stand_in.units:
            packet = av.Packet(unit.payload)
            packet.pts = packet.dts = unit.pts + lap * stand_in.loop_ticks
            frames += context.decode(packet)
    return frames + context.decode(None)


def luma_rows(frame: av.VideoFrame) -> list[bytes]:
    plane, data = frame.planes[0], bytes(frame.planes[0])
    return [data[y * plane.line_size :][: frame.width] for y in range(frame.height)]


async def test_a_loop_for_every_rendition_of_a_ladder() -> None:
    maker = SlateMaker()
    made = await maker.make(poster(), NOTICE, LADDER, picture_s=0.25, loop_s=2.0)
    assert maker.statistics().made == len(LADDER)
    await maker.close()
    assert list(made) == [rendition.name for rendition in LADDER]
    for rendition in LADDER[:4]:
        stand_in = made[rendition.name]
        track = stand_in.track
        assert (track.codec, track.width, track.height) == (Codec.H264, rendition.width, rendition.height)
        assert (track.track_id, track.timescale, track.frame_rate) == (1, 90_000, 4)
        assert [unit.sync for unit in stand_in.units] == [True] + [False] * 7
        assert [unit.pts for unit in stand_in.units] == [number * 22_500 for number in range(8)]
        assert stand_in.loop_ticks == 180_000
        # Two laps, as a player gets them: every picture is exactly the first one.
        frames = decoded(stand_in, laps=2)
        assert [frame.pts for frame in frames] == [number * 22_500 for number in range(16)]
        assert len({bytes(plane) for frame in frames for plane in frame.planes[:1]}) == 1


@pytest.mark.parametrize("size", [(1920, 1080), (640, 360), (360, 640), (256, 144)])
async def test_the_notice_is_light_centred_and_inside_on_a_dark_ground(size: tuple[int, int]) -> None:
    maker = SlateMaker()
    made = await maker.make(poster("white"), NOTICE, [video("v", *size)], picture_s=0.5, loop_s=1.0)
    await maker.close()
    rows = luma_rows(decoded(made["v"])[0])
    ink = [(x, y) for y, row in enumerate(rows) for x, value in enumerate(row) if value > 150]
    left, right = min(x for x, _ in ink), max(x for x, _ in ink)
    top, bottom = min(y for _, y in ink), max(y for _, y in ink)
    assert abs(left - (size[0] - 1 - right)) <= 4
    assert abs((top + bottom) / 2 - size[1] / 2) < size[1] * 0.04
    assert size[0] * 0.02 < left
    assert right - left > size[0] * 0.35
    assert max(rows[2]) < 100
    assert max(map(max, rows)) < 235


async def test_no_poster_or_a_broken_one_is_a_plain_ground() -> None:
    maker = SlateMaker()
    for picture in (None, b"", b"\xff\xd8\xff\xd9", b"GIF89a"):
        made = await maker.make(picture, NOTICE, [video("v", 640, 360)], picture_s=0.5, loop_s=1.0)
        (row,) = {rows[4] for rows in (luma_rows(decoded(made["v"])[0]),)}
        assert 16 <= min(row) <= max(row) < 60
    await maker.close()


async def test_silence_in_the_renditions_own_rate() -> None:
    maker = SlateMaker()
    for rate, channels in ((48_000, 2), (44_100, 1), (22_050, 2)):
        made = await maker.make(None, NOTICE, [audio(rate, channels)], picture_s=0.25, loop_s=2.0)
        stand_in = made["audio"]
        track = stand_in.track
        assert (track.codec, track.sample_rate, track.channels) == (Codec.AAC, rate, channels)
        assert (track.track_id, track.timescale) == (2, rate)
        assert stand_in.loop_ticks == 1024 * len(stand_in.units)
        assert stand_in.loop_ticks / rate == pytest.approx(2.0, abs=0.03)
        assert loudest(track, stand_in.units) == 0.0
    await maker.close()


def loudest(track: Track, units: tuple[AccessUnit, ...]) -> float:
    context = av.CodecContext.create("aac", "r")
    context.extradata = track.config
    samples = 0.0
    for unit in units:
        for frame in context.decode(av.Packet(unit.payload)):
            assert frame.sample_rate == track.sample_rate
            samples = max(samples, *(max(map(abs, memoryview(plane).cast("f"))) for plane in frame.planes))
    return samples


@pytest.mark.parametrize(
    "notice",
    [
        "",
        "Gleich geht es weiter: Größe & Änderung!",
        "请稍候",
        "x" * 80,
        "Nous revenons dans un instant " * 2,
    ],
)
async def test_any_notice_makes_a_slate(notice: str) -> None:
    maker = SlateMaker()
    renditions = [video("v", 640, 360), video("upright", 360, 640), video("tiny", 16, 16)]
    made = await maker.make(None, notice, renditions, picture_s=0.25, loop_s=1.0)
    await maker.close()
    assert {len(decoded(stand_in)) for stand_in in made.values()} == {4}
    light = any(max(row) > 150 for row in luma_rows(decoded(made["v"])[0]))
    assert light == bool(notice)


async def test_odd_sizes_of_a_passed_through_source_become_even() -> None:
    maker = SlateMaker()
    rendition = video("source", 855, 481, passthrough=True, codec=Codec.H265)
    made = await maker.make(None, NOTICE, [rendition], picture_s=0.25, loop_s=1.0)
    await maker.close()
    assert (made["source"].track.width, made["source"].track.height) == (854, 480)
    assert made["source"].track.codec is Codec.H264


async def test_what_cannot_be_made_is_told() -> None:
    maker = SlateMaker()
    with pytest.raises(StillFailed, match="audio"):
        await maker.make(None, NOTICE, [audio(rate=7)], picture_s=0.25, loop_s=1.0)
    with pytest.raises(StillFailed, match="no loop"):
        await maker.make(None, NOTICE, LADDER, picture_s=0.0, loop_s=1.0)
    assert await maker.make(None, NOTICE, [], picture_s=0.25, loop_s=1.0) == {}
    await maker.close()
    with pytest.raises(StillFailed, match="stopping"):
        await maker.make(None, NOTICE, LADDER, picture_s=0.25, loop_s=1.0)


class Impostor:
    """A slates child that was taken over: it answers what it likes."""

    def __init__(self, *said: tuple[framing.Message, bytes]) -> None:
        self._said = [*said, (framing.Slated(1, ""), b"")]

    async def receive(self) -> tuple[framing.Message, bytes]:
        return self._said.pop(0)


def loop_of(track: Track, *units: AccessUnit) -> list[tuple[framing.Message, bytes]]:
    said = [(framing.unit_message(unit, "720p"), unit.payload) for unit in units]
    return [(framing.RenditionTrack("720p", track), b""), *said]


MADE = replace(
    track_from_config(1, Codec.H264, AVCC), width=1280, height=720, frame_rate=Fraction(4), language=None
)
PICTURE = AccessUnit(1, Codec.H264, 90_000, 0, 0, 22_500, True, b"x", 0.0)


async def answered(*said: tuple[framing.Message, bytes]) -> dict[str, StandIn]:
    asked = {"720p": slates._asked(video("720p", 1280, 720), 0.25)}
    return await slates._loops(Impostor(*said), 1, asked, 0.25)


async def test_what_the_child_calls_its_tracks_is_not_believed() -> None:
    made = await answered(*loop_of(replace(MADE, language="x" * 500, name="<b>"), PICTURE))
    assert (made["720p"].track.language, made["720p"].track.name) == (None, None)
    assert made["720p"].loop_ticks == 22_500


@pytest.mark.parametrize("duration", [0, 1, 22_501, 1 << 60])
async def test_a_loop_of_another_pace_is_refused(duration: int) -> None:
    with pytest.raises(FramingError, match="time"):
        await answered(*loop_of(MADE, replace(PICTURE, duration=duration)))


@pytest.mark.parametrize(
    "changes", [{"hdr": Hdr(transfer=1 << 80)}, {"width": 1 << 20}, {"frame_rate": Fraction(1, 1 << 40)}]
)
async def test_a_loop_in_a_strange_format_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(FramingError, match="strange"):
        await answered(*loop_of(replace(MADE, **changes), PICTURE))


async def test_a_child_that_dies_is_replaced() -> None:
    maker = SlateMaker()
    await maker.warm()
    pid = maker.statistics().pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    maker._asked._deadline_s = 0.3
    with pytest.raises(StillFailed, match="within"):
        await maker.make(None, NOTICE, LADDER, picture_s=0.25, loop_s=1.0)
    maker._asked._deadline_s = 10.0
    assert await maker.make(None, NOTICE, LADDER[3:], picture_s=0.25, loop_s=1.0)
    assert maker.statistics().pid != pid
    await maker.close()
