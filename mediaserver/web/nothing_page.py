"""The page for an address that leads nowhere, for people: programs get problem+json."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from aiohttp import web

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:1.05rem/1.6 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-content:center;"
    "text-align:center;padding:1rem}"
    "h1{font-size:1.5rem;margin:0 0 .25rem}p{margin:0 0 1.25rem;opacity:.75}"
    "a{color:inherit;text-underline-offset:.2em}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_BODY: Final = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Nothing here</title><link rel="icon" href="/favicon.svg"><style>{_STYLE}</style>
<main><h1>There is nothing at this address</h1>
<p>The link may be old, or a letter may be missing.</p>
<a href="/">What is on now</a></main>
</html>
""".encode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_MACHINES: Final = re.compile(r"/(api|live|hooks|t/[^/]+/live)(/|$)|/[^/]+\.(json|txt|xml)$")
"""Paths that only programs ask for."""


def wants_page(request: web.BaseRequest) -> bool:
    """Whether a person looks at the answer: a browser names HTML first when it opens an address."""
    if request.method not in ("GET", "HEAD") or _MACHINES.match(request.path):
        return False
    first = request.headers.get("Accept", "").partition(",")[0].partition(";")[0]
    return first.strip().lower() in ("text/html", "application/xhtml+xml")


def nothing_page() -> web.Response:
    """404, in the visitor's words."""
    return web.Response(
        status=404,
        body=_BODY,
        content_type="text/html",
        charset="utf-8",
        headers={
            "Cache-Control": "no-store",
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Vary": "Accept",
        },
    )
