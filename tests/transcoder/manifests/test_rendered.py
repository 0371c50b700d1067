"""One text for all who wait."""

from __future__ import annotations

import gzip

from tests.transcoder.manifests.live import Live
from transcoder.manifests.hls import Report, render
from transcoder.manifests.reload import Skip
from transcoder.manifests.rendered import PlaylistCache, RenderedPlaylist
from transcoder.manifests.segment import Position


def test_playlist_is_rendered_once_for_all_who_wait() -> None:
    live, cache = Live(), PlaylistCache()
    live.segments(3)
    answers = [cache.get(live.window) for _ in range(2000)]
    assert cache.renders == 1
    assert len({id(answer.body) for answer in answers}) == 1
    assert len({id(answer.gzip) for answer in answers}) == 1


def test_body_is_the_text() -> None:
    live = Live()
    live.segments(3)
    assert PlaylistCache().get(live.window).body == render(live.window).encode()


def test_a_new_version_is_rendered_anew() -> None:
    live, cache = Live(), PlaylistCache()
    live.parts(1)
    first = cache.get(live.window)
    live.parts(1)
    second = cache.get(live.window)
    assert first.body != second.body
    assert first.etag != second.etag
    assert b"e-0.1.m4s" not in first.body.replace(b'TYPE=PART,URI="e-0.1.m4s"', b"")


def test_each_skip_has_its_own() -> None:
    live, cache = Live(), PlaylistCache()
    live.segments(20)
    full, yes, v2 = (cache.get(live.window, skip=skip) for skip in (None, Skip.YES, Skip.V2))
    assert len({full.body, yes.body, v2.body}) == 3
    assert len(yes.body) < len(full.body)
    assert cache.get(live.window, skip=Skip.YES) is yes
    assert cache.renders == 3


def test_rendition_report_is_never_older_than_its_playlist() -> None:
    live, cache = Live(), PlaylistCache()
    live.segment()
    before = cache.get(live.window, reports=[Report("../a/media.m3u8", Position(0, 3))])
    after = cache.get(live.window, reports=[Report("../a/media.m3u8", Position(0, 4))])
    assert b"LAST-PART=3" in before.body
    assert b"LAST-PART=4" in after.body


def test_gzip_unpacks_to_the_body_and_has_no_time_in_it() -> None:
    playlist = RenderedPlaylist("#EXTM3U\n" * 100)
    assert gzip.decompress(playlist.gzip) == playlist.body
    assert playlist.gzip[4:8] == bytes(4)
    assert playlist.gzip == RenderedPlaylist("#EXTM3U\n" * 100).gzip


def test_etags_are_strong_and_differ_between_codings() -> None:
    playlist = RenderedPlaylist("#EXTM3U\n")
    for tag in (playlist.etag, playlist.gzip_etag):
        assert tag.startswith('"')
        assert tag.endswith('"')
    assert playlist.etag != playlist.gzip_etag
    assert playlist.etag == RenderedPlaylist("#EXTM3U\n").etag
