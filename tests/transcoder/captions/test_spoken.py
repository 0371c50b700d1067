"""Words beside the pictures as cues."""

from __future__ import annotations

from transcoder.captions.spoken import LONGEST_LINE, MOST_LANGUAGES, MOST_LINES, SpokenCues


def test_words_stay_for_as_long_as_they_take_to_read() -> None:
    spoken = SpokenCues()
    until = [spoken.hear(10.0, text, None, None)[-1].until_s for text in ("Hi", "x" * 60, "x" * 500)]
    assert until == [12.0, 14.0, 17.0]


def test_a_duration_that_is_told_counts() -> None:
    (cue,) = SpokenCues().hear(1.0, "Hi", "en", 30.0)
    assert (cue.start_s, cue.end_s, cue.until_s, cue.language) == (1.0, None, 31.0, "en")


def test_the_next_words_of_a_language_end_those_before_them() -> None:
    spoken = SpokenCues()
    (first,) = spoken.hear(1.0, "one", "en", None)
    (other,) = spoken.hear(1.5, "eins", "de", None)
    ended, second = spoken.hear(2.0, "two", "en", None)
    assert (ended.cue_id, ended.end_s) == (first.cue_id, 2.0)
    assert (second.text, second.end_s) == ("two", None)
    assert len({first.cue_id, other.cue_id, second.cue_id}) == 3


def test_blank_words_only_take_away() -> None:
    spoken = SpokenCues()
    spoken.hear(1.0, "one", None, None)
    (ended,) = spoken.hear(2.0, " \n ", None, None)
    assert ended.end_s == 2.0
    assert spoken.hear(3.0, "", None, None) == []


def test_words_that_come_with_an_earlier_time_never_end_before_they_began() -> None:
    spoken = SpokenCues()
    spoken.hear(5.0, "one", None, None)
    ended, _ = spoken.hear(4.0, "two", None, None)
    assert ended.end_s == 5.0


def test_limits() -> None:
    spoken = SpokenCues()
    (cue,) = spoken.hear(0.0, "\n".join(["x" * 1000] * 100), None, None)
    assert len(cue.lines) == MOST_LINES
    assert all(len(line[0].text) == LONGEST_LINE for line in cue.lines)
    told = [spoken.hear(0.0, "x", f"l{number}", None) for number in range(100)]
    assert sum(map(len, told)) == MOST_LANGUAGES - 1
