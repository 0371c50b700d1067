"""Who is asking and under which name: peer address, trusted proxies, the host that links are made of."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Final

from aiohttp import web

from mediaserver.access.networks import Networks, is_loopback, parse_address
from mediaserver.web.problems import Problem

# RFC 3986, 3.2.2 without percent-encoding and user info, which no Host of ours has.
_HOST: Final = re.compile(
    r"(?P<name>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9.])?)(:(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)

_FORWARDING: Final = ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP")


@functools.lru_cache(maxsize=512)
def valid_host(value: str) -> bool:
    """Whether ``value`` can stand in a Host field."""
    found = _HOST.fullmatch(value)
    return found is not None and (found["port"] is None or int(found["port"]) <= 65_535)


def check_host(request: web.BaseRequest) -> None:
    """Refuse a request whose host is missing, double or not a host, and HTTP/0.9.

    RFC 9112, 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message
    that lacks a Host header field and to any request message that contains more than one Host header field
    line or a Host header field with an invalid field value."
    """
    if request.version < (1, 0):
        raise Problem(400, "malformed_request", "HTTP before 1.0 is not spoken here.")
    hosts = request.headers.getall("Host", ())
    if len(hosts) == 1:
        if len(hosts[0]) > 262 or not valid_host(hosts[0]):
            raise Problem(400, "bad_host", "The Host field does not hold a host.", field="Host")
    elif hosts or request.version >= (1, 1):
        raise Problem(400, "bad_host", "There must be exactly one Host field.", field="Host")


def host_name(value: str) -> str:
    """The name of ``name[:port]``, brackets of an IPv6 address kept."""
    found = _HOST.fullmatch(value)
    return found["name"] if found is not None else value


class Proxies:
    """Which peers are believed when they say whom they speak for."""

    def __init__(self, trusted: Iterable[str], *, public_url: str = "") -> None:
        """``trusted`` are addresses or networks. Raises ValueError for what is neither. A ``public_url``
        tells that there is a proxy, whether or not it is trusted.
        """
        self._networks = Networks(trusted)
        self._has_proxy = bool(public_url)

    def trusts(self, address: str) -> bool:
        """Whether ``address`` is one of the proxies."""
        return address in self._networks

    def client_address(self, request: web.BaseRequest) -> str:
        """The address of the client: the peer, or what trusted proxies say, read from the nearest one on."""
        address = request.remote or ""
        if not self._networks or not self.trusts(address):
            return address
        hops = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
        for hop in reversed(hops):
            candidate = hop.strip()
            if parse_address(candidate) is None:
                break
            address = candidate
            if not self.trusts(address):
                break
        return address

    def is_local(self, request: web.BaseRequest) -> bool:
        """Whether the client itself is on this machine.

        A proxy on this machine makes every client look local, so a request that was forwarded is local only
        if a trusted proxy says so.
        """
        return not self.hides_client(request) and is_loopback(self.client_address(request))

    def is_surely_local(self, request: web.BaseRequest) -> bool:
        """Whether there is no sign of a proxy that forwards somebody without saying so.

        Such a proxy on this machine hands on the name that its client asked for, or speaks HTTP/1.0 as nginx
        does unless told otherwise; where neither shows, a ``public_url`` has told that it is there.
        """
        if not self.is_local(request) or request.version < (1, 1):
            return False
        if self._has_proxy and not self.trusts(request.remote or ""):
            return False
        name = host_name(request.headers.get("Host", "")).strip("[]").lower()
        return name == "localhost" or is_loopback(name)

    def hides_client(self, request: web.BaseRequest) -> bool:
        """Whether a proxy that is not trusted stands in between: its address is not the client's."""
        forwarded = any(name in request.headers for name in _FORWARDING)
        return forwarded and not self.trusts(request.remote or "")

    def origin(self, request: web.BaseRequest) -> str:
        """``scheme://host[:port]`` under which the client reached us."""
        scheme, host = request.scheme, request.headers.get("Host", "")
        if self.trusts(request.remote or ""):
            forwarded_scheme = request.headers.get("X-Forwarded-Proto", "").strip().lower()
            if forwarded_scheme in ("http", "https"):
                scheme = forwarded_scheme
            forwarded_host = request.headers.get("X-Forwarded-Host", "").strip()
            if forwarded_host and len(forwarded_host) <= 262 and valid_host(forwarded_host):
                host = forwarded_host
        if not host:
            # HTTP/1.0 without a Host field: the address that was connected to is the best name there is.
            socket_name = request.get_extra_info("sockname")
            name, port = (socket_name[0], socket_name[1]) if socket_name else ("localhost", 80)
            host = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
        return f"{scheme}://{host}"


class Links:
    """Addresses of a stream, as they are printed and answered."""

    def __init__(
        self, proxies: Proxies, *, public_url: str, rtmp_port: int | None, rtmps_port: int | None = None
    ) -> None:
        self._proxies = proxies
        self._public_url = public_url.rstrip("/")
        self._rtmp_port = rtmp_port
        self._rtmps_port = rtmps_port

    def base(self, request: web.BaseRequest) -> str:
        """What every HTTP link starts with, without a slash at its end."""
        return self._public_url or self._proxies.origin(request)

    def rtmp(self, request: web.BaseRequest, stream: str) -> str | None:
        """Where a publisher pushes; None while RTMP is off."""
        return self._publish("rtmp", self._rtmp_port, 1935, request, stream)

    def rtmps(self, request: web.BaseRequest, stream: str) -> str | None:
        """The same inside TLS; None while it is off."""
        return self._publish("rtmps", self._rtmps_port, 443, request, stream)

    def _publish(
        self, scheme: str, port: int | None, usual_port: int, request: web.BaseRequest, stream: str
    ) -> str | None:
        if port is None:
            return None
        authority = self.base(request).partition("://")[2].partition("/")[0]
        shown = "" if port == usual_port else f":{port}"
        return f"{scheme}://{host_name(authority)}{shown}/live/{stream}"
