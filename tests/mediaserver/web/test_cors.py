"""What ``MediaOrigins`` says for one request; the doors' tests are in test_media.py."""

from __future__ import annotations

from aiohttp.test_utils import make_mocked_request

from mediaserver.web.cors import MediaOrigins


def test_everyone() -> None:
    origins = MediaOrigins(("*",))
    assert origins.allowed(make_mocked_request("GET", "/", headers={"Origin": "null"})) == "*"
    assert origins.vary("Accept-Encoding") == "Accept-Encoding"


def test_some() -> None:
    origins = MediaOrigins(("https://Example.org/",))
    for origin, allowed in (
        ("https://example.org", "https://example.org"),
        ("https://example.org.evil.test", None),
        ("null", None),
    ):
        assert origins.allowed(make_mocked_request("GET", "/", headers={"Origin": origin})) == allowed
    assert origins.allowed(make_mocked_request("GET", "/")) is None
    assert origins.vary("Accept-Encoding") == "Accept-Encoding, Origin"
