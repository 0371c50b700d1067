"""Pages and what their headers promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediaserver.web.pages import load_pages
from tests.mediaserver.web.conftest import Door


@pytest.fixture
def built(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>home</title>" + " " * 2000)
    (tmp_path / "studio.html").write_text("<!doctype html><title>studio</title>")
    (tmp_path / "watch.html").write_text("<!doctype html><title>watch</title>")
    (tmp_path / "assets" / "watch-1a2b.js").write_text("export {};\n" * 500)
    (tmp_path / "secret.txt").write_text("not an asset")
    (tmp_path / "assets" / "link.js").symlink_to("/etc/passwd")


@pytest.mark.usefixtures("built")
class TestBuilt:
    @pytest.fixture
    async def door(self, built: None, door: Door) -> Door:
        return door

    async def test_home_watch_and_studio(self, door: Door) -> None:
        for path, title in (
            ("/", "home"),
            ("/watch/mine", "watch"),
            ("/t/token/watch/mine", "watch"),
            ("/studio", "studio"),
            ("/studio/mine", "studio"),
        ):
            async with door.client.get(path) as answer:
                assert answer.status == 200
                assert f"<title>{title}</title>" in await answer.text()
                assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self';" in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert answer.headers["Referrer-Policy"] == "no-referrer"

    async def test_the_embedded_page_may_stand_in_any_frame(self, door: Door) -> None:
        async with door.client.get("/watch/mine?embed=1") as answer:
            assert "frame-ancestors *" in answer.headers["Content-Security-Policy"]
            assert "X-Frame-Options" not in answer.headers
        for path in ("/?embed=1", "/studio/mine?embed=1"):
            async with door.client.get(path) as answer:
                assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]

    async def test_assets(self, door: Door) -> None:
        async with door.client.get("/assets/watch-1a2b.js") as answer:
            assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
            assert "immutable" in answer.headers["Cache-Control"]
            assert answer.headers["Content-Encoding"] == "gzip"
            etag = answer.headers["ETag"]
        async with door.client.get("/assets/watch-1a2b.js", headers={"If-None-Match": etag}) as answer:
            assert answer.status == 304

    @pytest.mark.parametrize(
        "path",
        ["secret.txt", "nothing.js", "..%2Fsecret.txt", "%2e%2e/secret.txt", "link.js", "%2Fetc%2Fpasswd"],
    )
    async def test_only_assets_by_their_exact_name(self, door: Door, path: str) -> None:
        async with door.client.get(f"http://127.0.0.1:{door.port}/assets/{path}") as answer:
            assert answer.status == 404

    async def test_head(self, door: Door) -> None:
        async with door.client.head("/") as answer:
            assert (answer.status, await answer.read()) == (200, b"")


async def test_a_clear_page_where_nothing_is_built(door: Door) -> None:
    async with door.client.get("/watch/mine") as answer:
        assert answer.status == 503
        assert "make pages" in await answer.text()
        assert "Content-Security-Policy" in answer.headers


async def test_small_things(door: Door) -> None:
    async with door.client.get("/favicon.ico") as answer:
        assert (answer.status, answer.content_type) == (200, "image/svg+xml")
    async with door.client.get("/robots.txt") as answer:
        assert "Disallow: /live/" in await answer.text()


def test_no_folder_no_pages(tmp_path: Path) -> None:
    assert load_pages(tmp_path / "nothing") == {}
