from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import pytest

from tests.transcoder.engine.clips import ffmpeg
from transcoder.engine import still
from transcoder.engine.decode import UndecodableTrack

pytestmark = pytest.mark.tools("ffmpeg")

X264 = ("-c:v", "libx264", "-preset", "ultrafast")


def size(jpeg: bytes) -> tuple[int, int]:
    (frame,) = av.CodecContext.create("mjpeg", "r").decode(av.Packet(jpeg))
    return frame.width, frame.height


@pytest.mark.parametrize(
    ("source", "aspect", "expected"),
    [
        ("1280x720", Fraction(1), (640, 360)),
        ("320x240", Fraction(1), (320, 240)),
        ("720x576", Fraction(16, 11), (640, 352)),
        ("360x640", Fraction(1), (360, 640)),
    ],
)
def test_stills_have_the_pictures_shape(source: str, aspect: Fraction, expected: tuple[int, int]) -> None:
    clip = ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={source}:r=25:d=0.04", *X264)["video"]
    picture = still.jpeg(replace(clip.track, sample_aspect=aspect), clip.units[0], 640)
    assert picture.startswith(b"\xff\xd8\xff")
    assert size(picture) == expected


def test_what_is_no_picture_is_refused() -> None:
    clip = ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=0.04", *X264)["video"]
    with pytest.raises(still.NoPicture):
        still.jpeg(clip.track, replace(clip.units[0], payload=b"\x00\x00\x00\x02\x65\xff"), 640)
    with pytest.raises(UndecodableTrack):
        still.jpeg(replace(clip.track, width=20_000), clip.units[0], 640)
