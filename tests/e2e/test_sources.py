"""What publishers really send: each plays, or is refused in words; a healthy stream beside it has no gap."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from mediaserver.server_process import ServerProcess
from tests.e2e.player import Player
from tests.e2e.playlists import MediaPlaylist

pytestmark = pytest.mark.tools("ffmpeg", "ffprobe")

PICTURE = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25"]
TONE = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "50"]
AAC = ["-c:a", "aac", "-b:a", "64k"]


def ffmpeg(*arguments: str, url: str) -> list[str]:
    return ["ffmpeg", "-hide_banner", "-loglevel", "error", "-re", *arguments, "-f", "flv", url]


def probe(server: ServerProcess, stream: str) -> list[dict]:
    """What ffprobe finds when it plays the stream."""
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json"]
    answer = subprocess.run(
        [*command, f"{server.http_url}/live/{stream}/master.m3u8"],
        capture_output=True,
        timeout=40,
        check=True,
    )
    return json.loads(answer.stdout)["streams"]


def kinds(streams: list[dict]) -> set[tuple[str, str]]:
    return {(stream["codec_type"], stream["codec_name"]) for stream in streams}


@pytest.fixture(scope="module")
def healthy(server: ServerProcess, publish: Callable, until_state: Callable):
    """A stream beside all others, and the proof at the end that it never had a gap."""
    publish(server.publish_url("healthy", ladder="passthrough"), "--size", "320x240", "--fps", "25")
    until_state(server, "healthy")
    player = Player(server, "healthy")
    player.until_msn(0)
    yield player
    playlist = player.playlist()
    assert not any(part.gap for part in playlist.parts)
    assert not any(segment.gap or segment.discontinuity for segment in playlist.segments)
    for segment in playlist.segments[1:]:
        assert segment.duration_s == pytest.approx(2.0, abs=0.1)


Live = Callable[..., dict]


@pytest.fixture
def live(
    server: ServerProcess, run_publisher: Callable, until_state: Callable, healthy: Player, request
) -> Live:
    """Publish with ffmpeg under a name of the test's own until it is live; answers the stream."""

    def start(*arguments: str) -> dict:
        name = request.node.name.removeprefix("test_")[:60].replace("[", "-").replace("]", "")
        run_publisher(ffmpeg(*arguments, url=server.publish_url(name)))
        return until_state(server, name)

    return start


def rendition_names(stream: dict) -> list[str]:
    return [rendition["name"] for rendition in stream["renditions"]]


def whole_segments(server: ServerProcess, stream: dict, rendition: str, count: int) -> MediaPlaylist:
    return Player(server, stream["name"]).until_msn(count - 1, rendition)


def test_sound_alone(server: ServerProcess, live: Live) -> None:
    stream = live(*TONE, *AAC)
    assert rendition_names(stream) == ["audio"]
    whole_segments(server, stream, "audio", 2)
    assert kinds(probe(server, stream["name"])) == {("audio", "aac")}


def test_pictures_alone(server: ServerProcess, live: Live) -> None:
    stream = live(*PICTURE, *X264)
    assert rendition_names(stream) == ["source"]
    whole_segments(server, stream, "source", 2)
    assert kinds(probe(server, stream["name"])) == {("video", "h264")}


def test_ten_second_gops_are_encoded_anew(server: ServerProcess, live: Live, until_state: Callable) -> None:
    stream = live(*PICTURE, *TONE, *X264, "-g", "250", "-keyint_min", "250", *AAC)
    player = Player(server, stream["name"])
    while "source" in rendition_names(stream):
        player.next(player.playlist("audio"), "audio")
        stream = until_state(server, stream["name"])
    assert rendition_names(stream) == ["240p", "audio"]
    playlist = whole_segments(server, stream, "240p", 4)
    assert all(segment.duration_s == pytest.approx(2, abs=0.05) for segment in playlist.segments[-2:])


def test_240_pictures_a_second(server: ServerProcess, live: Live) -> None:
    stream = live("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=240", *X264, "-g", "480")
    playlist = whole_segments(server, stream, "source", 2)
    assert all(part.duration_s <= playlist.part_target_s for part in playlist.parts)


def test_sound_of_8_khz_is_encoded_for_browsers(server: ServerProcess, live: Live) -> None:
    stream = live(*PICTURE, *TONE, *X264, *AAC, "-ar", "8000", "-ac", "1")
    whole_segments(server, stream, "audio", 2)
    (sound,) = [each for each in probe(server, stream["name"]) if each["codec_type"] == "audio"][:1]
    assert sound["sample_rate"] in ("44100", "48000")


def test_sound_of_six_channels_becomes_stereo(server: ServerProcess, live: Live) -> None:
    stream = live(*PICTURE, "-f", "lavfi", "-i", "anoisesrc=r=48000", *X264, *AAC, "-ac", "6")
    whole_segments(server, stream, "audio", 2)
    (sound,) = [each for each in probe(server, stream["name"]) if each["codec_type"] == "audio"][:1]
    assert sound["channels"] == 2


def test_mp3_sound_becomes_aac(server: ServerProcess, live: Live) -> None:
    stream = live(*PICTURE, *TONE, *X264, "-c:a", "libmp3lame", "-ar", "44100")
    whole_segments(server, stream, "audio", 2)
    assert ("audio", "aac") in kinds(probe(server, stream["name"]))


def test_pictures_with_b_frames_pass_through(server: ServerProcess, live: Live) -> None:
    x264 = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "50", "-pix_fmt", "yuv420p"]
    stream = live(*PICTURE, *TONE, *x264, "-sc_threshold", "0", *AAC)
    assert "source" in rendition_names(stream)
    playlist = whole_segments(server, stream, "source", 2)
    assert all(segment.parts[0].independent for segment in playlist.segments)
    assert kinds(probe(server, stream["name"])) == {("video", "h264"), ("audio", "aac")}


def test_ten_bit_pictures_are_encoded_for_browsers(server: ServerProcess, live: Live) -> None:
    x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p10le"]
    stream = live(*PICTURE, *x264)
    assert rendition_names(stream) == ["240p"]
    whole_segments(server, stream, "240p", 1)


@pytest.mark.parametrize(("codec", "string"), [("h265", "hvc1."), ("av1", "av01.")])
def test_newer_codecs_by_enhanced_rtmp_go_through_beside_h264(
    server: ServerProcess, publish: Callable, until_state: Callable, healthy: Player, codec: str, string: str
) -> None:
    name = f"newer-{codec}"
    publish(server.publish_url(name), "--size", "480x360", "--fps", "25", "--codec", codec)
    stream = until_state(server, name)
    assert rendition_names(stream) == ["source", "360p", "audio"]
    whole_segments(server, stream, "source", 1)
    whole_segments(server, stream, "360p", 1)
    master = Player(server, name).get("master.m3u8")[2].decode()
    assert f'CODECS="{string}' in master
    assert ("video", codec.replace("h265", "hevc")) in kinds(probe(server, name))


def test_timestamps_that_jump_forward_and_back(server: ServerProcess, live: Live) -> None:
    jump = "setpts=PTS+if(gt(N\\,100)\\,3600/TB\\,0)"
    stream = live(*PICTURE, *X264, "-vf", jump, "-vsync", "passthrough")
    playlist = whole_segments(server, stream, "source", 3)
    for segment in playlist.segments:
        assert segment.duration_s <= 1.5 * 2.0 + 0.1


def test_a_wrong_key_is_refused_in_words(
    server: ServerProcess, run_publisher: Callable, healthy: Player
) -> None:
    url = server.publish_url("guarded")
    publisher = run_publisher(ffmpeg(*PICTURE, *X264, url=url[:-4] + "nope"))
    assert publisher.wait(20) != 0
    assert "nope" not in server.log_tail()
