"""What relays were granted: an nginx-rtmp that asked for a publisher may push its stream without the key.

nginx-rtmp hands the publisher's arguments, the key among them, to its ``on_publish`` hook, and pushes the
bare name on. So the hook's yes is kept, for the relay's address, as the hash of the key that was shown: a new
key ends it at once. It is kept in the records, because after a restart of ours the relay pushes again (its
``push_reconnect``) without asking again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mediaserver.access.networks import Networks, parse_address
from mediaserver.state.records import Record, Records

GRANT_KIND: Final = "relay-grant"
GRANT_TTL_S: Final = 7 * 86_400
"""A relay that died cannot say that its publisher left. One that runs on says ``update`` and renews this."""
MAX_GRANTS: Final = 4
"""Of one stream and relay: a relay that died leaves its grants behind, and only the newest are kept."""


class RelayGrants:
    """Asked by the registry; raises :class:`mediaserver.state.records.RecordsError` throughout."""

    def __init__(self, records: Records, relays: Iterable[str]) -> None:
        """``relays`` are addresses or networks. Raises ValueError for what is neither."""
        self._records = records
        self._relays = Networks(relays)

    def is_relay(self, address: str) -> bool:
        """Whether the peer may relay at all."""
        return address in self._relays

    async def grant(self, stream: str, address: str, client: str, key_hash: str) -> None:
        """Publisher ``client`` of the relay at ``address`` showed the key with this hash."""
        prefix = _prefix(stream, address)
        await self._records.put(GRANT_KIND, prefix + client, key_hash.encode("ascii"), ttl_s=GRANT_TTL_S)
        others = [grant for grant in await self._all(prefix) if grant.key != prefix + client]
        others.sort(key=lambda grant: grant.expires_at or 0.0, reverse=True)
        for forgotten in others[MAX_GRANTS - 1 :]:
            await self._records.delete(GRANT_KIND, forgotten.key)

    async def revoke(self, stream: str, address: str, client: str) -> None:
        """That publisher left the relay."""
        await self._records.delete(GRANT_KIND, _prefix(stream, address) + client)

    async def holds(self, stream: str, address: str, key_hash: str) -> bool:
        """Whether the relay has a publisher who showed the key with this hash."""
        if not self.is_relay(address):
            return False
        grants = await self._all(_prefix(stream, address))
        return any(grant.value == key_hash.encode("ascii") for grant in grants)

    async def _all(self, prefix: str) -> list[Record]:
        grants = await self._records.list_records(GRANT_KIND, after=prefix, limit=4 * MAX_GRANTS)
        return [grant for grant in grants if grant.key.startswith(prefix)]


def same_peer(address: str, other: str) -> bool:
    """Whether both addresses are of one peer, as far as can be told."""
    return _peer(address) == _peer(other)


def _prefix(stream: str, address: str) -> str:
    return f"{stream}/{_peer(address)}/"


def _peer(address: str) -> str:
    """One word for all ways to write an address; a relay on this machine may use several of its own."""
    parsed = parse_address(address)
    if parsed is None:
        return address
    return "loopback" if parsed.is_loopback else str(parsed)
