"""The LL-HLS rules that servers get wrong, against the running server with a real publisher.

One broadcast through the ladder serves all tests; those at the end let it grow older than the window.
"""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Callable

import pytest

from mediaserver.server_process import ServerProcess
from tests.e2e.player import Player
from tests.e2e.playlists import variants

STREAM = "rules"
RENDITIONS = ("source", "360p", "audio")


@pytest.fixture(scope="module")
def player(server: ServerProcess, publish: Callable, until_state: Callable) -> Player:
    publish(server.publish_url(STREAM), "--size", "640x480", "--fps", "25")
    until_state(server, STREAM)
    player = Player(server, STREAM)
    player.until_msn(1)
    return player


# Blocking reload


def test_blocking_reload_answers_with_the_part_asked_for(player: Player) -> None:
    seen = player.playlist()
    msn, part = seen.position
    later = player.next(seen)
    assert later.position in ((msn, part + 1), (msn + 1, 0)) or later.position > (msn, part + 1)


def test_msn_alone_waits_for_the_whole_segment(player: Player) -> None:
    open_msn = player.playlist().last_msn + 1
    later = player.playlist(query=f"?_HLS_msn={open_msn}")
    assert later.last_msn >= open_msn


def test_a_part_past_the_end_rolls_over_to_the_next_segment(player: Player) -> None:
    last = player.playlist().last_msn
    answer = player.playlist(query=f"?_HLS_msn={last}&_HLS_part=500")
    assert answer.position >= (last + 1, 0)


def test_a_part_without_its_segment_is_400(player: Player) -> None:
    assert player.status("source/media.m3u8?_HLS_part=0") == 400


def test_a_segment_more_than_two_ahead_is_400(player: Player) -> None:
    assert player.status(f"source/media.m3u8?_HLS_msn={player.playlist().last_msn + 9}") == 400


def test_a_part_beyond_the_advance_limit_is_400(player: Player) -> None:
    open_msn = player.playlist().last_msn + 1
    assert player.status(f"source/media.m3u8?_HLS_msn={open_msn}&_HLS_part=40") == 400


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "", "9" * 40])
def test_directives_that_are_no_numbers_are_400(player: Player, number: str) -> None:
    assert player.status(f"source/media.m3u8?_HLS_msn={number}") == 400


def test_an_old_segment_number_is_served_at_once(player: Player) -> None:
    started_s = time.monotonic()
    assert player.playlist(query="?_HLS_msn=0").last_msn >= 1
    assert time.monotonic() - started_s < 1.5


# What is listed is there


def test_every_listed_part_segment_and_init_can_be_fetched_at_once(player: Player) -> None:
    for rendition in RENDITIONS:
        playlist = player.playlist(rendition)
        for uri in [*playlist.maps, *(part.uri for part in playlist.parts), playlist.segments[-1].uri]:
            assert player.status(f"{rendition}/{uri}") == 200, uri


def test_a_segment_is_the_concatenation_of_its_parts(player: Player) -> None:
    for rendition in RENDITIONS:
        segment = player.playlist(rendition).segments[-1]
        parts = [player.get(f"{rendition}/{part.uri}")[2] for part in segment.parts]
        assert player.get(f"{rendition}/{segment.uri}")[2] == b"".join(parts)


def test_one_part_is_hinted_and_the_request_for_it_is_held_until_it_is_whole(
    player: Player, server: ServerProcess
) -> None:
    playlist = player.playlist()
    hint = playlist.hint
    assert hint not in [part.uri for part in playlist.parts]
    status, _, body = player.get(f"source/{hint}")
    assert status == 200
    assert hint in player.playlist().text
    assert body == player.get(f"source/{hint}")[2]


@pytest.mark.parametrize("path", ["source/none.m4s", "source/none.mp4", "none/media.m3u8", "source/0-99.m4s"])
def test_unknown_names_are_404(player: Player, path: str) -> None:
    assert player.status(path) == 404


# Numbers that players rely on


def test_target_duration_and_server_control_are_identical_in_all_renditions(player: Player) -> None:
    playlists = [player.playlist(rendition) for rendition in RENDITIONS]
    assert len({playlist.target_duration_s for playlist in playlists}) == 1
    assert len({tuple(playlist.server_control.items()) for playlist in playlists}) == 1
    assert len({playlist.part_target_s for playlist in playlists}) == 1


def test_hold_backs_and_skip_boundary_are_far_enough(player: Player) -> None:
    playlist = player.playlist()
    control = playlist.server_control
    assert control["CAN-BLOCK-RELOAD"] == "YES"
    assert float(control["PART-HOLD-BACK"]) >= 3 * playlist.part_target_s
    assert float(control["HOLD-BACK"]) >= 3 * playlist.target_duration_s
    assert float(control["CAN-SKIP-UNTIL"]) >= 6 * playlist.target_duration_s


def test_parts_are_between_85_and_100_percent_of_the_part_target(player: Player) -> None:
    for rendition in RENDITIONS:
        playlist = player.playlist(rendition)
        for segment in playlist.segments:
            assert all(part.duration_s <= playlist.part_target_s for part in segment.parts)
            assert all(part.duration_s >= 0.85 * playlist.part_target_s for part in segment.parts[:-1])


def test_segments_round_to_at_most_the_target_duration_and_are_the_sum_of_their_parts(player: Player) -> None:
    for rendition in RENDITIONS:
        playlist = player.playlist(rendition)
        for segment in playlist.segments:
            assert round(segment.duration_s) <= playlist.target_duration_s
            if segment.parts:
                assert segment.duration_s == pytest.approx(sum(part.duration_s for part in segment.parts))


def test_every_segment_starts_with_an_independent_part_in_every_rendition(player: Player) -> None:
    for rendition in RENDITIONS:
        for segment in player.playlist(rendition).segments:
            assert segment.parts[0].independent


def test_all_renditions_cut_at_the_same_instants(player: Player) -> None:
    times = {}
    for rendition in RENDITIONS:
        playlist = player.until_msn(2, rendition)
        times[rendition] = {segment.msn: segment.program_time for segment in playlist.segments}
    for msn in set.intersection(*(set(by_msn) for by_msn in times.values())):
        milliseconds = [int(times[rendition][msn][-7:-1].replace(".", "")) for rendition in RENDITIONS]
        assert max(milliseconds) - min(milliseconds) <= 25 or max(milliseconds) - min(milliseconds) > 59_000


def test_program_date_time_is_in_every_playlist(player: Player) -> None:
    for rendition in RENDITIONS:
        stamp = player.playlist(rendition).segments[0].program_time
        assert stamp is not None
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)


def test_rendition_reports_tell_where_the_others_are_at_this_moment(player: Player) -> None:
    playlist = player.next(player.playlist())
    assert set(playlist.reports) == {"../360p/media.m3u8", "../audio/media.m3u8"}
    for uri, (msn, part) in playlist.reports.items():
        now = player.playlist(uri.removeprefix("../").removesuffix("/media.m3u8"))
        assert (msn, part) <= now.position
        assert msn >= playlist.position[0] - 1


# The multivariant playlist


def test_multivariant_tells_codecs_resolution_frame_rate_and_bandwidth(player: Player) -> None:
    text = player.get("master.m3u8")[2].decode()
    assert "#EXT-X-INDEPENDENT-SEGMENTS" in text
    found = variants(text)
    assert list(found) == ["source/media.m3u8", "360p/media.m3u8"]
    source, low = found.values()
    assert re.fullmatch(r"avc1\.[0-9a-f]{6},mp4a\.40\.2", source["CODECS"])
    assert (source["RESOLUTION"], low["RESOLUTION"]) == ("640x480", "480x360")
    assert source["FRAME-RATE"] == low["FRAME-RATE"] == "25.000"
    assert source["AUDIO"] == low["AUDIO"]
    assert int(low["BANDWIDTH"]) > 100_000


def test_bandwidth_covers_every_segment(player: Player) -> None:
    found = variants(player.get("master.m3u8")[2].decode())
    playlist = player.playlist()
    for segment in playlist.segments:
        bits = 8 * len(player.get(f"source/{segment.uri}")[2])
        assert bits / segment.duration_s <= 1.05 * int(found["source/media.m3u8"]["BANDWIDTH"])


# On the wire


def test_playlists_are_gzipped_when_accepted_and_say_so(player: Player) -> None:
    status, headers, body = player.get("source/media.m3u8", **{"Accept-Encoding": "gzip"})
    assert status == 200
    assert headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in headers["Vary"]
    assert gzip.decompress(body).startswith(b"#EXTM3U")


def test_playlists_are_not_kept_and_media_for_ever(player: Player) -> None:
    assert player.get("source/media.m3u8")[1]["Cache-Control"] == "no-cache"
    part = player.playlist().parts[0].uri
    headers = player.get(f"source/{part}")[1]
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert headers["ETag"].startswith('"')
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Content-Type"] in ("video/mp4", "video/iso.segment")


def test_ranges_of_a_segment(player: Player) -> None:
    uri = f"source/{player.playlist().segments[-1].uri}"
    whole = player.get(uri)[2]
    status, headers, body = player.get(uri, Range="bytes=100-299")
    assert (status, body) == (206, whole[100:300])
    assert headers["Content-Range"] == f"bytes 100-299/{len(whole)}"
    assert player.get(uri, Range=f"bytes={len(whole)}-")[0] == 416


# Over time (these wait until the broadcast is older than the window)


def test_media_sequence_rises_by_one_for_each_removal_and_the_playlist_never_gets_too_short(
    player: Player,
) -> None:
    first = player.playlist()
    playlist = player.until_msn(17)
    assert playlist.first_msn > 0
    assert first.first_msn <= playlist.first_msn
    assert sum(segment.duration_s for segment in playlist.segments) >= 3 * playlist.target_duration_s
    assert [segment.msn for segment in playlist.segments] == list(
        range(playlist.first_msn, playlist.last_msn + 1)
    )
    assert playlist.target_duration_s == first.target_duration_s


def test_a_removed_segment_and_a_part_without_tag_stay_fetchable(player: Player) -> None:
    playlist = player.until_msn(17)
    prefix = playlist.segments[0].uri.rpartition("-")[0]
    assert player.status(f"source/{prefix}-{playlist.first_msn - 1}.m4s") == 200
    untagged = [segment for segment in playlist.segments if not segment.parts]
    assert untagged
    assert player.status(f"source/{prefix}-{untagged[-1].msn}.0.m4s") == 200


def test_part_tags_vanish_three_target_durations_from_the_end(player: Player) -> None:
    playlist = player.until_msn(17)
    tagged_s = sum(part.duration_s for part in playlist.parts)
    assert 0 < tagged_s <= 3 * playlist.target_duration_s + 1e-6


@pytest.mark.parametrize("value", ["YES", "v2"])
def test_a_delta_update_skips_what_is_older_than_the_boundary_counted_from_the_end(
    player: Player, value: str
) -> None:
    player.until_msn(17)
    delta = player.playlist(query=f"?_HLS_skip={value}")
    assert delta.skipped > 0
    kept_s = sum(segment.duration_s for segment in delta.segments)
    boundary_s = float(delta.server_control["CAN-SKIP-UNTIL"])
    open_s = sum(part.duration_s for part in delta.open_parts)
    assert kept_s + open_s >= boundary_s - 1e-3
    assert kept_s - delta.segments[0].duration_s + open_s <= boundary_s + 1e-3


# The end of a broadcast, and its return


@pytest.mark.parametrize(("slate", "discontinuities"), [("true", 2), ("false", 1)])
def test_an_interruption_is_filled_on_time_and_goes_on_in_the_same_playlist(
    slate: str, discontinuities: int, new_server: Callable, publish: Callable, until_state: Callable
) -> None:
    server = new_server({"live.slate": slate})
    url = server.publish_url("back")
    first = publish(url, "--size", "640x360", "--no-audio")
    until_state(server, "back")
    player = Player(server, "back")
    before = player.until_msn(1)
    first.kill()
    until_state(server, "back", "interrupted")
    filled = player.playlist()
    filled = player.next(player.next(filled))
    assert filled.parts[-1].gap is (slate == "false")
    assert filled.first_msn == before.first_msn
    publish(url, "--size", "640x360", "--no-audio")
    until_state(server, "back")
    after = player.playlist()
    while after.text.count("#EXT-X-DISCONTINUITY\n") < discontinuities:
        after = player.next(after)
    assert after.first_msn == before.first_msn
    assert not after.ended
    assert after.text.count("#EXT-X-DISCONTINUITY\n") == discontinuities
    assert ("GAP" in after.text) is (slate == "false")


def test_endlist_ends_the_playlist_and_directives_are_then_ignored(
    new_server: Callable, publish: Callable, until_state: Callable
) -> None:
    server = new_server({"live.grace_s": "0"})
    first = publish(server.publish_url("over"), "--size", "640x360", "--no-audio")
    until_state(server, "over")
    player = Player(server, "over")
    player.until_msn(0)
    first.stop()
    until_state(server, "over", "ended")
    ended = player.playlist(query="?_HLS_msn=99999&_HLS_part=7&_HLS_skip=YES")
    assert ended.ended
    assert ended.hint is None
    assert ended.skipped == 0
    assert "#EXT-X-ENDLIST" in ended.text
