"""Records: small values under a kind and a key, with versions and a time to live. The contract.

What every implementation promises, and ``tests/contracts/test_records.py`` checks:

- ``put`` is durable once it has returned, and atomic: a reader sees the old value or the new one.
- Every write gives the record a version that the kind and key have never had before, not even before a
  deletion. So "expected version" cannot be fooled by a record that went and came back.
- A record whose time to live is over does not exist any more, for any call.
- ``list_records`` goes in the order of the keys' code points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

ABSENT: Final = 0
"""As expected version: the record must not exist."""
LIST_LIMIT: Final = 1_000


class RecordsError(Exception):
    """The store cannot be reached or does not answer: our fault, not the caller's."""


class RecordConflict(Exception):
    """The record is not at the expected version: somebody else wrote it in between."""

    def __init__(self, kind: str, key: str, expected_version: int) -> None:
        super().__init__(f"{kind} {key!r} is not at version {expected_version}")
        self.kind = kind
        self.key = key
        self.expected_version = expected_version


@dataclass(frozen=True, slots=True)
class Record:
    """One stored value. ``expires_at`` is Unix seconds, None for ever."""

    kind: str
    key: str
    value: bytes
    version: int
    expires_at: float | None = None


class Records(Protocol):
    """SQLite today, Redis for several nodes. Raises :class:`RecordsError` where the store is at fault."""

    async def get(self, kind: str, key: str) -> Record | None:
        """The record, or None."""

    async def put(
        self,
        kind: str,
        key: str,
        value: bytes,
        *,
        expected_version: int | None = None,
        ttl_s: float | None = None,
    ) -> int:
        """Write, and answer the new version.

        ``expected_version`` None overwrites whatever is there, :data:`ABSENT` creates only.
        A write without ``ttl_s`` takes an earlier time to live away. Raises :class:`RecordConflict`.
        """

    async def delete(self, kind: str, key: str, *, expected_version: int | None = None) -> bool:
        """Remove; answers whether there was one. Raises :class:`RecordConflict`."""

    async def list_records(self, kind: str, *, after: str = "", limit: int = LIST_LIMIT) -> list[Record]:
        """Up to ``limit`` records of a kind whose keys come after ``after``."""

    async def check(self) -> None:
        """Answers when a read has gone through; for readiness. Raises :class:`RecordsError`."""
