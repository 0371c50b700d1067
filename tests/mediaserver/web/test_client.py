"""Hosts, proxies and links."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from mediaserver.web.client import Links, Proxies, check_host, valid_host
from mediaserver.web.problems import Problem


class Transport:
    """A connection from ``address``; only what a request asks of it."""

    def __init__(self, address: str) -> None:
        self._address = address

    def get_extra_info(self, name: str, default: object = None) -> object:
        return {"peername": (self._address, 4711), "sockname": ("127.0.0.1", 8080)}.get(name, default)


def request(address: str = "127.0.0.1", **headers: str):  # type: ignore[no-untyped-def]
    fields = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return make_mocked_request("GET", "/", headers=fields, transport=Transport(address))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host", ["a", "example.org", "example.org:8080", "127.0.0.1:1", "[::1]:8080", "[::1]", "my_box", "a."]
)
def test_good_hosts(host: str) -> None:
    assert valid_host(host)


@pytest.mark.parametrize(
    "host",
    ["", " ", "a b", "a/b", "user@host", "a:99999", "a:", ":80", "a,b", "<script>", "a\r\nX: y", "[::1", "é",
     "-a", "a#b", "a?b", "%61", "a" * 300],
)  # fmt: skip
def test_hostile_hosts(host: str) -> None:
    assert not valid_host(host)
    with pytest.raises(Problem) as caught:
        check_host(request(Host=host))
    assert caught.value.status == 400


class TestProxies:
    def test_nobody_is_believed_by_default(self) -> None:
        told = request("203.0.113.9", Host="a", X_Forwarded_For="10.0.0.1", X_Forwarded_Host="evil.test")
        assert Proxies(()).client_address(told) == "203.0.113.9"
        assert Proxies(()).origin(told) == "http://a"

    def test_a_trusted_proxy_is_believed_up_to_the_first_stranger(self) -> None:
        proxies = Proxies(("10.0.0.0/8", "127.0.0.1"))
        told = request("127.0.0.1", Host="a", X_Forwarded_For="6.6.6.6, 203.0.113.9, 10.0.0.5")
        assert proxies.client_address(told) == "203.0.113.9"
        garbage = request("127.0.0.1", Host="a", X_Forwarded_For="<script>, 10.0.0.5")
        assert proxies.client_address(garbage) == "10.0.0.5"

    def test_origin_through_a_proxy(self) -> None:
        proxies = Proxies(("127.0.0.1",))
        told = request(Host="inner:8080", X_Forwarded_Proto="https", X_Forwarded_Host="live.example.org")
        assert proxies.origin(told) == "https://live.example.org"
        hostile = request(Host="inner", X_Forwarded_Proto="javascript", X_Forwarded_Host="a/b")
        assert proxies.origin(hostile) == "http://inner"

    def test_local_only_if_the_client_itself_is(self) -> None:
        assert Proxies(()).is_local(request("127.0.0.1", Host="a"))
        assert Proxies(()).is_local(request("::ffff:127.0.0.1", Host="a"))
        assert not Proxies(()).is_local(request("203.0.113.9", Host="a"))
        # A proxy on this machine that is not known to us forwards somebody: who, it cannot tell us.
        assert not Proxies(()).is_local(request("127.0.0.1", Host="a", X_Forwarded_For="127.0.0.1"))
        trusted = Proxies(("127.0.0.1",))
        assert not trusted.is_local(request("127.0.0.1", Host="a", X_Forwarded_For="203.0.113.9"))

    def test_what_is_no_address_is_a_wrong_setting(self) -> None:
        with pytest.raises(ValueError, match="proxy"):
            Proxies(("proxy.local",))


class TestLinks:
    def test_public_url_wins(self) -> None:
        links = Links(Proxies(()), public_url="https://live.example.org/", rtmp_port=1935)
        assert links.base(request(Host="inner:8080")) == "https://live.example.org"
        assert links.rtmp(request(Host="inner"), "mine") == "rtmp://live.example.org/live/mine"

    def test_by_the_host_that_was_asked(self) -> None:
        links = Links(Proxies(()), public_url="", rtmp_port=1936)
        assert links.base(request(Host="box:8080")) == "http://box:8080"
        assert links.rtmp(request(Host="box:8080"), "mine") == "rtmp://box:1936/live/mine"
        assert links.rtmp(request(Host="[::1]:8080"), "mine") == "rtmp://[::1]:1936/live/mine"

    def test_rtmp_off(self) -> None:
        links = Links(Proxies(()), public_url="", rtmp_port=None)
        assert (links.rtmp(request(Host="a"), "mine"), links.rtmps(request(Host="a"), "mine")) == (None, None)

    @pytest.mark.parametrize(("port", "shown"), [(1936, ":1936"), (443, "")])
    def test_rtmps(self, port: int, shown: str) -> None:
        links = Links(Proxies(()), public_url="", rtmp_port=1935, rtmps_port=port)
        assert links.rtmps(request(Host="box:8080"), "mine") == f"rtmps://box{shown}/live/mine"
