"""Whatever a packager does, in whatever order: the promises of RFC 8216bis 6.2 hold at every step."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transcoder.manifests.live import Live
from tests.transcoder.manifests.strict_playlist import StrictPlaylist, merge, read_media
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.hls import render
from transcoder.manifests.reload import Refuse, Serve, Skip, decide
from transcoder.manifests.segment import Media

# A small window, so that a hundred steps let much scroll out of it.
SMALL = WindowConfig(target_duration_s=1, part_target_s=0.25, window_s=8)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("part"), st.sampled_from([0.25, 0.2333333, 0.2213333, 0.1])),
        st.tuples(st.just("gap"), st.just(0.25)),
        st.tuples(st.just("segment"), st.integers(1, 5)),
        st.tuples(st.just("segment"), st.integers(3, 4)),
        st.tuples(st.just("end"), st.just(0)),
        st.tuples(st.just("discontinuity"), st.just(0)),
        st.tuples(st.just("init"), st.integers(0, 3)),
        st.tuples(st.just("pause"), st.sampled_from([0.5, 3.0, 20.0])),
    ),
    min_size=20,
    max_size=60,
)


def single(steps: list[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    """Whole segments taken apart, so that the test looks after every part."""
    for what, value in steps:
        if what != "segment":
            yield what, value
            continue
        yield "end", 0
        yield from [("part", 0.25)] * int(value)
        yield "end", 0


def advance(live: Live, step: tuple[str, float]) -> None:
    what, value = step
    open_segment = live.window.open_segment
    match what:
        case "part" | "gap":
            # The packager keeps segments below the target duration's rounding, 1.5 s.
            if open_segment is not None and open_segment.duration_us > 1_200_000:
                live.end()
            live.part(value, independent=live.window.open_segment is None, gap=what == "gap")
        case "end":
            live.end()
        case "discontinuity":
            live.window.discontinuity()
        case "init":
            live.window.set_init(b"init %d" % value)
        case "pause":
            live.pass_time(value)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_every_rule_holds_at_every_step(steps: list[tuple[str, float]]) -> None:
    live = Live(SMALL)
    before: StrictPlaylist | None = None
    before_text, before_version = "", -1
    numbers: dict[int, tuple[str, int, Decimal, str | None]] = {}
    appeared: dict[str, float] = {}
    longest: dict[str, Decimal] = {}
    lengths: dict[str, Decimal] = {}
    gaps: set[str] = set()
    untagged_at: dict[str, float] = {}
    for step in single(steps):
        advance(live, step)
        text = render(live.window)
        assert (text == before_text) == (live.window.version == before_version) or not before_text
        playlist = read_media(text)
        merged = playlist if before is None else merge_or_full(before, render(live.window, skip=Skip.YES))
        assert [s.uri for s in merged.segments] == playlist.uris
        assert [s.map_uri for s in merged.segments] == [s.map_uri for s in playlist.segments]

        if before is not None:
            assert playlist.media_sequence >= before.media_sequence
            assert playlist.discontinuity_sequence >= before.discontinuity_sequence
            assert playlist.duration >= min(before.duration, Decimal(3))
            now_tagged = {part.uri for part in playlist.tagged_parts()}
            for part in before.tagged_parts():
                if part.uri not in now_tagged and not part.gap:
                    untagged_at[part.uri] = live.now_s
        for segment in playlist.segments:
            told = (segment.uri, segment.discontinuity_number, segment.duration, segment.map_uri)
            assert numbers.setdefault(segment.msn, told) == told
            appeared.setdefault(segment.uri, live.now_s)
            lengths[segment.uri] = segment.duration
            longest[segment.uri] = max(longest.get(segment.uri, Decimal(0)), playlist.duration)
            if segment.gap:
                gaps.add(segment.uri)
            else:
                media = live.window.lookup(segment.uri)
                assert isinstance(media, Media)
                assert segment.map_uri is not None
                assert live.is_fetchable(segment.map_uri)
            if segment.parts and not segment.gap:
                chunks = [live.window.lookup(part.uri) for part in segment.parts if not part.gap]
                assert media.chunks == tuple(c.chunks[0] for c in chunks if isinstance(c, Media))
        for uri, at_s in appeared.items():
            if uri not in gaps and live.now_s <= at_s + float(lengths[uri] + longest[uri]) - 1e-6:
                assert live.is_fetchable(uri)
        for uri, at_s in untagged_at.items():
            assert live.is_fetchable(uri) or live.now_s > at_s + 3
        assert all(part.gap != live.is_fetchable(part.uri) for part in playlist.tagged_parts())

        for msn in range(playlist.media_sequence + len(playlist.segments) + 2):
            for part in (None, 0, 2):
                assert not isinstance(decide(live.window, msn, part, None), Refuse)
        before, before_text, before_version = playlist, text, live.window.version

    live.window.end()
    assert read_media(render(live.window)).ended
    assert decide(live.window, 10**6, None, "YES") == Serve(None)


def merge_or_full(old: StrictPlaylist, text: str) -> StrictPlaylist:
    delta = read_media(text)
    return merge(old, delta) if delta.skipped else delta
