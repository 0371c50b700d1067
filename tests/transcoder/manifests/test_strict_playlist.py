"""The tests' own reader must refuse what the specification refuses, or it proves nothing."""

from __future__ import annotations

import pytest

from tests.transcoder.manifests.live import Live
from tests.transcoder.manifests.strict_playlist import Broken, read_media
from transcoder.manifests.hls import render


@pytest.fixture
def text() -> str:
    live = Live()
    live.segments(3)
    live.parts(2)
    return render(live.window)


def test_the_sound_one_is_taken(text: str) -> None:
    read_media(text)


@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        ("#EXTM3U\n", ""),
        ("VERSION:6", "VERSION:7"),
        ("TARGETDURATION:4", "TARGETDURATION:4.0"),
        ("TARGETDURATION:4", "TARGETDURATION:1"),
        ("PART-TARGET=0.25", "PART-TARGET=0.2"),
        ("PART-TARGET=0.25", 'PART-TARGET="0.25"'),
        ("HOLD-BACK=12.0", "HOLD-BACK=11.9"),
        ("CAN-SKIP-UNTIL=24.0", "CAN-SKIP-UNTIL=23"),
        ("CAN-BLOCK-RELOAD=YES", "CAN-BLOCK-RELOAD=YES,CAN-BLOCK-RELOAD=YES"),
        ("CAN-BLOCK-RELOAD=YES,", "CAN-BLOCK-RELOAD=YES, "),
        ('MAP:URI="e-i0.mp4"', "MAP:URI=e-i0.mp4"),
        ('#EXT-X-MAP:URI="e-i0.mp4"\n', ""),
        ("INDEPENDENT=YES", 'INDEPENDENT="YES"'),
        ("INDEPENDENT=YES", "INDEPENDENT=NO"),
        ("EXTINF:2.000000,", "EXTINF:2.000001,"),
        ("EXTINF:2.000000,", "EXTINF:2.000000"),
        ("#EXT-X-PRELOAD", "#EXT-X-ENDLIST\n#EXT-X-PRELOAD"),
        ("e-1.m4s\n", "e-0.m4s\n"),
        ("#EXTINF", "#EXT-X-GAP\n#EXTINF"),
        ("#EXT-X-MEDIA-SEQUENCE:0\n", "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-MEDIA-SEQUENCE:0\n"),
        ("#EXTINF", "#EXT-X-DISCONTINUITY\n#EXTINF"),
        ("\n", "\r\n"),
    ],
)
def test_a_broken_one_is_refused(text: str, sound: str, broken: str) -> None:
    assert sound in text
    with pytest.raises(Broken):
        read_media(text.replace(sound, broken, 1))
