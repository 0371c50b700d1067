"""How many requests a second one address may make: token buckets, of which only so many are kept. Pure.

A client on this machine has no limit: what it could do to us it could do without us, and a proxy here that
names nobody would make all viewers look like one. IPv6 clients are told apart by their /64, because that is
what one subscriber gets (RFC 6177).
"""

from __future__ import annotations

import functools
import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from mediaserver.access.networks import parse_address

MAX_ADDRESSES: Final = 16_384
"""Buckets kept. One that is forgotten comes back full: above this many busy addresses the limit is looser."""
BURST_S: Final = 2.0
"""A bucket holds this many seconds' worth: players begin with a handful of requests at once."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_s: float
    told: bool = False
    """Whether the log has been told since the bucket was last full enough."""


class AddressLimit:
    """Takes a token for each request. ``per_s`` 0: no limit."""

    def __init__(self, per_s: float, *, max_addresses: int = MAX_ADDRESSES) -> None:
        self._per_s = per_s
        self._max_addresses = max_addresses
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self.refused = 0
        """Requests above the limit, since the start."""

    def __len__(self) -> int:
        return len(self._buckets)

    @property
    def is_on(self) -> bool:
        return self._per_s > 0

    def take(self, address: str, now_s: float) -> float:
        """0.0 if a request may go on at ``now_s`` (monotonic), else the seconds after which one may."""
        client = limited_client(address)
        if client is None or self._per_s <= 0:
            return 0.0
        burst = self._per_s * BURST_S
        bucket = self._buckets.get(client)
        if bucket is None:
            if len(self._buckets) >= self._max_addresses:
                self._buckets.popitem(last=False)
            bucket = self._buckets[client] = _Bucket(burst, now_s)
        else:
            self._buckets.move_to_end(client)
            bucket.tokens = min(burst, bucket.tokens + (now_s - bucket.filled_s) * self._per_s)
            bucket.filled_s = now_s
        if bucket.tokens >= 1.0:
            bucket.tokens -= 1.0
            bucket.told = bucket.told and bucket.tokens < burst / 2
            return 0.0
        self.refused += 1
        return (1.0 - bucket.tokens) / self._per_s

    def should_tell(self, address: str) -> bool:
        """Whether the log is to hear of this refusal: once until the address has calmed down."""
        bucket = self._buckets.get(limited_client(address) or "")
        if bucket is None or bucket.told:
            return False
        bucket.told = True
        return True


@functools.lru_cache(maxsize=4_096)
def limited_client(address: str) -> str | None:
    """Whom an address stands for; None for who has no limit."""
    parsed = parse_address(address)
    if parsed is None:
        return address
    if parsed.is_loopback:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
