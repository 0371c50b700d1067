"""EXT-X-DATERANGE and the delta updates that leave it out (RFC 8216bis 4.4.5.1, 6.2.5.1)."""

from __future__ import annotations

import pytest

from tests.transcoder.manifests.live import CONFIG, UNIX_S, Live
from tests.transcoder.manifests.strict_playlist import StrictPlaylist, merge, read_media
from transcoder.manifests.dateranges import (
    MOST_ATTRIBUTES,
    MOST_RANGES,
    NONE,
    DateRange,
    DateRangeLog,
    attribute_name,
)
from transcoder.manifests.duration import US_PER_S
from transcoder.manifests.hls import render
from transcoder.manifests.reload import Skip

SKIP_S = CONFIG.can_skip_until_us / US_PER_S


class Dated:
    """A live window with things that happen."""

    def __init__(self) -> None:
        self.live = Live()
        self.log = DateRangeLog("e", SKIP_S)

    def say(self, name: str, **attributes: str | float | bool) -> str:
        said = self.log.add_cue_point(
            name, "event", attributes, unix_s=self.live.unix_s, now_s=self.live.now_s
        )
        return said.range_id

    def run(self, segments: int) -> None:
        for _ in range(segments):
            self.live.segment()
            first = next(iter(self.live.window.segments))
            assert first.program_time_ms is not None
            self.log.scroll(first.program_time_ms / 1000, self.live.now_s)

    def text(self, skip: Skip | None = None) -> str:
        return render(self.live.window, skip=skip, date_ranges=self.log.at(self.live.now_s))

    def playlist(self, skip: Skip | None = None) -> StrictPlaylist:
        return read_media(self.text(skip))


class TestTags:
    def test_a_cue_point(self) -> None:
        log = DateRangeLog("q7", SKIP_S)
        said = log.add_cue_point(
            "goal", "event", {"player": 'No "9"', "minute": 81.5, "home": True}, unix_s=UNIX_S, now_s=0.0
        )
        assert said.line() == (
            '#EXT-X-DATERANGE:ID="q7-1",CLASS="cue-point",START-DATE="2023-11-14T22:13:20.000Z"'
            ',DURATION=0.000,X-NAME="goal",X-KIND="event",X-PLAYER="No \'9\'",X-MINUTE=81.5,X-HOME="YES"\n'
        )

    def test_a_length_among_its_attributes(self) -> None:
        log = DateRangeLog("e", SKIP_S)
        said = log.add_cue_point("ad", "event", {"duration": 30}, unix_s=UNIX_S, now_s=0.0)
        assert "DURATION=30.000" in said.line()
        assert "X-DURATION" not in said.line()

    def test_an_unknown_length_is_left_out(self) -> None:
        line = DateRange(range_id="a", start_unix_s=UNIX_S, duration_s=None).line()
        assert line == '#EXT-X-DATERANGE:ID="a",START-DATE="2023-11-14T22:13:20.000Z"\n'

    @pytest.mark.parametrize(
        ("value", "written"),
        [
            (3, "3"),
            (0.5, "0.5"),
            (-1.5, '"-1.5"'),
            (float("nan"), '"nan"'),
            (float("inf"), '"inf"'),
            (1e300, '"1e+300"'),
            ("a\nb\r\x00", '"a b"'),
            ("", '""'),
        ],
    )
    def test_values_of_every_kind_are_valid_attributes(self, value: str | float, written: str) -> None:
        line = DateRange(range_id="a", start_unix_s=UNIX_S, attributes=(("V", value),)).line()
        assert line.endswith(f",X-V={written}\n")

    @pytest.mark.parametrize(
        ("name", "attribute"),
        [("player", "PLAYER"), ("home team", "HOME-TEAM"), ("a=b,c", "A-B-C"), ("__", None), ("é", None)],
    )
    def test_names_become_attribute_names(self, name: str, attribute: str | None) -> None:
        assert attribute_name(name) == attribute

    def test_no_attribute_twice_and_not_too_many(self) -> None:
        log = DateRangeLog("e", SKIP_S)
        many = {f"key {number}": "x" for number in range(100)} | {"name": "other", "Key-1": "y"}
        said = log.add_cue_point("n", "event", many, unix_s=UNIX_S, now_s=0.0)
        names = [name for name, _ in said.attributes]
        assert len(names) == len(set(names)) == MOST_ATTRIBUTES
        assert dict(said.attributes)["NAME"] == "n"


class TestPlaylists:
    def test_the_tag_is_in_every_playlist_until_it_scrolls_out(self) -> None:
        dated = Dated()
        dated.run(2)
        said = dated.say("goal")
        dated.run(14)
        assert said in dated.playlist().date_ranges
        dated.run(3)
        assert dated.playlist().date_ranges == {}

    def test_one_that_lasts_stays_until_its_end_scrolls_out(self) -> None:
        dated = Dated()
        dated.run(1)
        said = dated.say("half", duration=20)
        dated.run(17)
        assert said in dated.playlist().date_ranges

    def test_ids_are_unique(self) -> None:
        dated = Dated()
        dated.run(1)
        assert len({dated.say("same") for _ in range(50)}) == len(dated.playlist().date_ranges) == 50

    def test_a_delta_update_of_segments_keeps_every_tag(self) -> None:
        dated = Dated()
        dated.run(1)
        said = dated.say("long", duration=300)
        dated.run(16)
        late = dated.say("late")
        delta = dated.playlist(Skip.YES)
        assert delta.skipped
        assert list(delta.date_ranges) == [said, late]

    def test_v2_leaves_out_what_was_added_longer_ago_than_the_skip_boundary(self) -> None:
        dated = Dated()
        dated.run(1)
        old = dated.say("old", duration=300)
        dated.run(13)
        new = dated.say("new")
        dated.run(1)
        delta = dated.playlist(Skip.V2)
        assert list(delta.date_ranges) == [new]
        assert list(dated.playlist().date_ranges) == [old, new]
        assert delta.version == 10

    def test_v2_names_what_was_removed_within_the_skip_boundary(self) -> None:
        dated = Dated()
        dated.run(1)
        said = dated.say("gone")
        other = dated.say("gone too")
        dated.run(17)
        assert dated.playlist(Skip.V2).removed_dateranges == f"{said}\t{other}"
        dated.run(13)
        assert dated.playlist(Skip.V2).removed_dateranges == ""

    def test_who_merges_v2_updates_has_the_full_playlist(self) -> None:
        dated = Dated()
        dated.run(14)
        merged = dated.playlist()
        for step in range(60):
            if step % 3 == 0:
                dated.say(f"event {step}", duration=step % 5)
            dated.run(1)
            merged = merge(merged, dated.playlist(Skip.V2))
            assert merged.date_ranges == dated.playlist().date_ranges

    def test_v2_with_nothing_to_skip_is_the_full_playlist(self) -> None:
        dated = Dated()
        dated.run(1)
        dated.say("goal")
        dated.run(2)
        assert dated.text(Skip.V2) == dated.text()

    def test_it_is_offered_in_the_same_words_everywhere(self) -> None:
        assert Dated().live.playlist().server_control["CAN-SKIP-DATERANGES"] == "YES"


class TestLimits:
    def test_the_oldest_goes_when_there_are_too_many(self) -> None:
        dated = Dated()
        dated.run(1)
        ids = [dated.say(f"n{number}") for number in range(MOST_RANGES + 10)]
        playlist = dated.playlist()
        assert list(playlist.date_ranges) == ids[10:]
        assert dated.log.at(dated.live.now_s).recently_removed == tuple(ids[:10])

    def test_equal_moments_give_the_same_object(self) -> None:
        dated = Dated()
        assert dated.log.at(0.0) is dated.log.at(1e6) is NONE
        dated.say("goal")
        now_s = dated.live.now_s
        assert dated.log.at(now_s) is dated.log.at(now_s + SKIP_S - 0.01)
        assert dated.log.at(now_s + SKIP_S + 0.01).newer == ""
