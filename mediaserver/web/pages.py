"""The built pages: served from memory, by exact name, with a strict policy of what they may load."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from mediaserver.web.media import accepts_gzip
from mediaserver.web.problems import not_found
from mediaserver.web.ranges import Precondition, precondition
from mediaserver.web.routes import Answer, Needs, Route

DIST: Final = Path(__file__).parent / "pages" / "dist"
IMMUTABLE: Final = "public, max-age=31536000, immutable"
GZIP_FROM_BYTES: Final = 1_024

# Nothing inline, no worker, no picture from a blob: tests/e2e/test_pages_quality.py sees that the pages
# need no more than this.
_CSP: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "media-src": "'self' blob:",
    "base-uri": "'none'",
    "form-action": "'self'",
}

NOT_BUILT: Final = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Pages not built</title>
<h1>The pages are not built yet</h1>
<p>Run <code>make pages</code> (or <code>make setup</code>) in the project's folder and start the server
again. The API, RTMP and the playlists work without them.</p>
</html>
"""
FAVICON: Final = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" '
    b'fill="#2563eb"/><path d="M12 9v14l11-7z" fill="#fff"/></svg>'
)
ROBOTS: Final = b"User-agent: *\nDisallow: /api/\nDisallow: /live/\nDisallow: /studio\nDisallow: /t/\n"


@dataclass(frozen=True, slots=True)
class PageFile:
    """One built file, ready to send."""

    body: bytes
    gzip: bytes | None
    """None where it would not help."""
    etag: str
    content_type: str


def load_pages(folder: Path) -> dict[str, PageFile]:
    """Every file below ``folder`` by its path with ``/``; empty where nothing is built."""
    if not folder.is_dir():
        return {}
    return {
        path.relative_to(folder).as_posix(): page_file(path.name, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def page_file(name: str, body: bytes) -> PageFile:
    """``body`` with what is sent about it."""
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if name.endswith((".js", ".mjs")):
        content_type = "text/javascript"
    compressible = content_type.startswith("text/") or content_type.endswith(("json", "xml"))
    compressed = None
    if compressible and len(body) >= GZIP_FROM_BYTES:
        compressed = gzip.compress(body, 9, mtime=0)
    if compressible:
        content_type += "; charset=utf-8"
    return PageFile(body, compressed, f'"{hashlib.sha256(body).hexdigest()[:32]}"', content_type)


def security_headers(*, embeddable: bool) -> dict[str, str]:
    """What every page answers. ``embeddable`` pages may stand in a frame of any site."""
    policy = {**_CSP, "frame-ancestors": "*" if embeddable else "'none'"}
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        # The path of a private stream's page holds its token.
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        "Cross-Origin-Resource-Policy": "cross-origin" if embeddable else "same-origin",
    }
    if not embeddable:
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["X-Frame-Options"] = "DENY"
    return headers


class Pages:
    """``/``, ``/watch/{stream}``, ``/studio/{stream}`` and their assets."""

    def __init__(self, folder: Path = DIST) -> None:
        self._files = load_pages(folder)

    @property
    def built(self) -> bool:
        """Whether there are pages to serve."""
        return "index.html" in self._files

    async def home(self, request: web.Request) -> web.StreamResponse:
        """The start page."""
        return self._page(request, "index.html", embeddable=False)

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """The player. It asks the API itself whether the stream is there, so any name gets the same page."""
        return self._page(request, "watch.html", embeddable=request.query.get("embed") == "1")

    async def studio(self, request: web.Request) -> web.StreamResponse:
        """The operator's view of his streams. The page itself asks him for his token."""
        return self._page(request, "studio.html", embeddable=False)

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """A file whose name holds its content's hash."""
        file = self._files.get(f"assets/{request.match_info['asset']}")
        if file is None:
            raise not_found()
        # Modules are fetched in CORS mode by an embedded page, too.
        return self._send(request, file, {"Cache-Control": IMMUTABLE, "X-Content-Type-Options": "nosniff"})

    async def favicon(self, request: web.Request) -> web.StreamResponse:
        """The built icon, or a plain one."""
        file = self._files.get("favicon.svg") or page_file("favicon.svg", FAVICON)
        return self._send(request, file, {"Cache-Control": "public, max-age=86400"})

    async def robots(self, request: web.Request) -> web.StreamResponse:
        """Crawlers may see the pages, not the media."""
        return web.Response(
            body=ROBOTS, content_type="text/plain", headers={"Cache-Control": "public, max-age=86400"}
        )

    def _page(self, request: web.Request, name: str, *, embeddable: bool) -> web.StreamResponse:
        headers = security_headers(embeddable=embeddable)
        file = self._files.get(name)
        if file is None:
            headers["Cache-Control"] = "no-store"
            return web.Response(
                status=503, body=NOT_BUILT, headers=headers, content_type="text/html", charset="utf-8"
            )
        headers["Cache-Control"] = "no-cache"
        return self._send(request, file, headers)

    def _send(self, request: web.Request, file: PageFile, headers: dict[str, str]) -> web.StreamResponse:
        gzipped = file.gzip is not None and accepts_gzip(request.headers.get("Accept-Encoding", ""))
        etag = f'{file.etag[:-1]}-gzip"' if gzipped else file.etag
        headers["ETag"] = etag
        if file.gzip is not None:
            headers["Vary"] = "Accept-Encoding"
        if precondition(request.headers, etag) is Precondition.NOT_MODIFIED:
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = file.content_type
        if gzipped:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=file.gzip if gzipped else file.body, headers=headers)

    def routes(self) -> list[Route]:
        page = Answer("The page.", content_type="text/html")
        rows = [
            ("/", self.home, "Start page", page),
            ("/watch/{stream}", self.watch, "Player; `?embed=1` for an iframe", page),
            ("/t/{token}/watch/{stream}", self.watch, "Player of a private stream", page),
            ("/studio", self.studio, "Operator's streams", page),
            ("/studio/{stream}", self.studio, "One stream, as its operator sees it", page),
            ("/assets/{asset}", self.asset, "A built file", Answer("The file.", content_type="*/*")),
            ("/favicon.ico", self.favicon, "Icon", Answer("The icon.", content_type="image/svg+xml")),
            ("/favicon.svg", self.favicon, "Icon", Answer("The icon.", content_type="image/svg+xml")),
            ("/robots.txt", self.robots, "For crawlers", Answer("The rules.", content_type="text/plain")),
        ]
        return [
            Route(
                method="GET",
                path=path,
                handler=handler,
                summary=summary,
                tag="pages",
                needs=Needs.NOTHING,
                answers={200: answer},
                problems=frozenset({404}) if handler == self.asset else frozenset(),
            )
            for path, handler, summary, answer in rows
        ]
