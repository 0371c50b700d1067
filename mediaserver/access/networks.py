"""Addresses and networks as the settings name them, and whether a peer is one of them. Pure."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@functools.lru_cache(maxsize=4_096)
def parse_address(text: str) -> Address | None:
    """The address, or None. An IPv4 address inside an IPv6 one (RFC 4291, 2.5.5.2) is the former."""
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


def is_loopback(text: str) -> bool:
    """Whether the address is this machine's own."""
    parsed = parse_address(text)
    return parsed is not None and parsed.is_loopback


class Networks:
    """Addresses and networks together. Raises ValueError for an entry that is neither."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._networks: tuple[Network, ...] = tuple(
            ipaddress.ip_network(entry, strict=False) for entry in entries
        )

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, text: object) -> bool:
        parsed = parse_address(text) if isinstance(text, str) else None
        return parsed is not None and any(
            parsed.version == network.version and parsed in network for network in self._networks
        )
