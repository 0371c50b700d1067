"""Publishers that do what none should: their own stream copes or is refused in words, nobody else's notices.

The fixture ``scene`` checks after each test that nothing is left of it and that the stream beside it never
had a gap, a discontinuity or a late part.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from ingest.rtmp.client import ClientError
from tests.e2e.playlists import MediaPlaylist
from tests.faults.processes import rss_bytes
from tests.faults.publisher import RawPublisher, show
from tests.faults.scene import Scene

pytestmark = pytest.mark.tools("ffmpeg")

MIB = 1 << 20


def is_whole(playlist: MediaPlaylist) -> bool:
    """No gap and no discontinuity (the first segment listed may begin with one: it had a predecessor)."""
    return not any(part.gap for part in playlist.parts) and not any(
        segment.gap or segment.discontinuity for segment in playlist.segments[1:]
    )


WRAPS = {
    # RTMP 5.3.1.3: from 0xFFFFFF on the timestamp moves to the extended field.
    "24 bits": ((1 << 24) - 2_500, (1 << 32) - 1),
    # ffmpeg masks FLV's signed timestamps to 31 bits: after 24.9 days it is back at 0.
    "31 bits, as ffmpeg": ((1 << 31) - 2_500, (1 << 31) - 1),
    "31 bits": ((1 << 31) - 2_500, (1 << 32) - 1),
    "32 bits": ((1 << 32) - 2_500, (1 << 32) - 1),
}


def test_a_counter_that_wraps_leaves_no_seam(scene: Scene) -> None:
    players = {
        name: scene.live(
            f"wraps-{number}", show(), speed=1.5, start_ms=start_ms, stamp=lambda ms, mask=mask: ms & mask
        )
        for number, (name, (start_ms, mask)) in enumerate(WRAPS.items())
    }
    for name, player in players.items():
        playlist = player.until_msn(4)
        assert is_whole(playlist), name
        durations_s = [segment.duration_s for segment in playlist.segments]
        assert durations_s == pytest.approx([1.0] * len(durations_s), abs=0.01), name


def test_a_clock_that_jumps_about(scene: Scene) -> None:
    offsets = [0, 3_600_000, -5_000, 40 << 20, 7, 1 << 31, -2_000]

    def stamp(time_ms: int) -> int:
        return (10_000 + time_ms + offsets[min(time_ms // 1_300, len(offsets) - 1)]) & 0xFFFFFFFF

    player = scene.live("jumps", show(), stamp=stamp, speed=1.5)
    playlist = player.until_msn(5)
    assert not any(segment.gap for segment in playlist.segments)
    for segment in playlist.segments:
        assert segment.duration_s <= 1.5 * 1.0


def test_a_picture_that_changes_its_size_and_shape_in_mid_stream(scene: Scene) -> None:
    """Another SPS in a new sequence header, without a word of warning, twice."""
    small, large = show(sound=False), show(size="640x360", rate=30, gop=30, sound=False)
    publisher = scene.publisher("sizes", ladder="passthrough")
    for turn, clips in enumerate((small, large, small)):
        until_ms = turn * 2_000 + 1_960
        publisher.play(clips, lambda: False, start_ms=turn * 2_000, until_ms=until_ms, speed=2.0)
    scene.until_state("sizes")
    scene.play(publisher, small, start_ms=6_000)
    playlist = scene.player("sizes").until_msn(6)
    assert not any(segment.gap for segment in playlist.segments)
    assert sum(segment.discontinuity for segment in playlist.segments) == 2
    assert len(playlist.maps) == 3
    assert len(set(playlist.maps)) == 3


def test_no_sync_picture_for_thirty_seconds(scene: Scene) -> None:
    """Two short GOPs, then one of 30 s: encoded anew from where that was found out, and it goes on."""
    short, endless = show(), show(gop=750, seconds=30)
    publisher = scene.publisher("intra", ladder="auto")
    publisher.play(short, lambda: False, until_ms=1_900)
    scene.play(publisher, endless, start_ms=2_000, speed=3.0)
    scene.until_state("intra")
    scene.until(lambda: scene.player("intra").status("240p/media.m3u8") == 200, "an encoded rung")
    player = scene.player("intra")
    scene.until(lambda: not any(part.gap for part in player.playlist("240p").parts[-6:]), "it plays again")


def test_no_sync_picture_at_all_is_refused_in_words(scene: Scene) -> None:
    """Intra refresh: pictures come, and a player can begin at none of them."""
    (clip,) = show(gop=250, seconds=10, sound=False)
    never = replace(clip, units=clip.units[1:])
    publisher = scene.publisher("refresh")
    scene.play(publisher, (never,), speed=3.0)
    publisher.wait_closed(20)
    assert "keyframe" in publisher.said


def test_only_header_packets_are_no_broadcast(scene: Scene) -> None:
    """A publisher that says again and again what it is going to send holds the name for no longer than one
    that says nothing."""
    publisher = scene.publisher("headers")
    clips = show()

    def is_closed() -> bool:
        for clip in clips:
            publisher.try_to(lambda clip=clip: publisher.send_track(clip.track))
        return publisher.is_closed

    scene.until(is_closed, "the publisher is let go", 15)
    assert "no media" in publisher.said
    scene.publisher("headers")


def test_three_times_real_time_costs_no_memory_without_end(scene: Scene) -> None:
    clips = show(size="640x360", rate=30, gop=30)
    before = rss_bytes(scene.server.pid)
    player = scene.live("fast", clips, speed=3.0)
    playlist = player.until_msn(8)
    assert is_whole(playlist)
    assert rss_bytes(scene.server.pid) - before < 32 * MIB


def test_as_fast_as_the_line_carries_it_is_held_back(scene: Scene) -> None:
    """ffmpeg without -re: the server takes it no faster than it is willing to hold."""
    clips = show(size="640x360", rate=30, gop=30)
    before = rss_bytes(scene.server.pid)
    player = scene.live("line", clips, speed=1_000.0)
    seen = player.playlist()
    for _ in range(8):
        seen = player.next(seen)
    assert rss_bytes(scene.server.pid) - before < 64 * MIB


def test_half_of_real_time_goes_on_at_its_own_pace(scene: Scene) -> None:
    player = scene.live("slow", show(), speed=0.5)
    playlist = player.until_msn(1)
    assert is_whole(playlist)
    assert scene.until_state("slow")["state"] == "live"


def test_bursts_come_out_whole(scene: Scene) -> None:
    """A network that holds everything back for 1.5 s and then hands it over at once."""
    player = scene.live("bursts", show(), burst_s=1.5)
    playlist = player.until_msn(3)
    assert is_whole(playlist)
    assert [segment.duration_s for segment in playlist.segments] == pytest.approx([1.0] * 4, abs=0.01)


def test_longer_bursts_play_on_with_what_stands_in(scene: Scene) -> None:
    """3 s of nothing, again and again: what players ask for is always there, media or not."""
    player = scene.live("gusts", show(), burst_s=3.0)
    seen = player.playlist()
    until_s = time.monotonic() + 7
    while time.monotonic() < until_s:
        seen = player.next(seen)
    assert seen.last_msn >= 3
    assert scene.until_state("gusts")


def test_one_byte_in_a_hundred_is_wrong(scene: Scene) -> None:
    """A broken uplink behind a proxy that has no checksums: pictures suffer, the stream does not end."""
    noise = random.Random(1)

    def spoiled(unit):
        data = bytearray(unit.payload)
        for _ in range(len(data) // 100):
            data[noise.randrange(len(data))] = noise.randrange(256)
        return replace(unit, payload=bytes(data))

    good = show()
    bad = tuple(replace(clip, units=tuple(map(spoiled, clip.units))) for clip in good)
    publisher = scene.publisher("noise", ladder="auto")
    publisher.play(good, lambda: False, until_ms=1_900)
    publisher.play(bad, lambda: False, start_ms=2_000, until_ms=5_900, speed=2.0)
    assert not publisher.is_closed, publisher.said
    scene.play(publisher, good, start_ms=6_000)
    scene.until_state("noise")
    player = scene.player("noise")
    playlist = player.until_msn(player.playlist().last_msn + 3)
    assert not any(part.gap for part in playlist.parts[-8:])


def test_a_publisher_that_is_killed_may_return(scene: Scene, publish: Callable) -> None:
    url = scene.publish_url("killed", ladder="passthrough")
    first = publish(url, "--size", "320x240", "--fps", "25")
    scene.until_state("killed")
    player = scene.player("killed")
    before = player.until_msn(1)
    first.kill()
    scene.until_state("killed", "interrupted")
    scene.play(scene.stack.enter_context(RawPublisher(url)), show())
    scene.until_state("killed")
    after = player.until_msn(before.last_msn + 4)
    assert after.first_msn >= before.first_msn
    assert any(segment.discontinuity for segment in after.segments)
    assert not after.segments[-1].gap


def test_a_publisher_that_falls_silent_is_let_go(scene: Scene, publish: Callable) -> None:
    publisher = publish(scene.publish_url("quiet"), "--size", "320x240")
    scene.until_state("quiet")
    os.kill(publisher.pid, signal.SIGSTOP)
    try:
        scene.until_state("quiet", "interrupted")
    finally:
        os.kill(publisher.pid, signal.SIGCONT)


def test_it_is_not_there_twice(scene: Scene) -> None:
    url = scene.publish_url("twice")
    first = scene.stack.enter_context(RawPublisher(url))
    scene.play(first, show())
    scene.until_state("twice")
    with pytest.raises(ClientError, match="another publisher"):
        RawPublisher(url)
    assert not first.is_closed
