"""Objects: bytes under a key, with a content type and a strong entity tag. The contract.

What every implementation promises, and ``tests/contracts/test_objects.py`` checks:

- ``put`` is atomic: a reader sees the object before it or the object after it, never half of one, whatever
  dies meanwhile. A put that failed has changed nothing.
- Equal bytes have equal entity tags, other bytes have others.
- Bytes that are not those that were put are never handed out: :class:`ObjectDamaged` tells of them.
- ``list`` goes in the order of the keys' code points, and ``delete`` of what is not there is no error.
- Every call ends within a deadline of its own; no call blocks the event loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

LIST_LIMIT: Final = 1_000


class StoreError(Exception):
    """The store is at fault, or cannot be reached: never the caller. The sentence is for the operator."""


class StoreFull(StoreError):
    """There is no room for what was to be put. Reading and deleting still work."""


class ObjectMissing(Exception):
    """Nothing is stored under this key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"there is no object {key!r}")
        self.key = key


class ObjectDamaged(StoreError):
    """What is stored under this key is not what was put there."""

    def __init__(self, key: str, how: str) -> None:
        super().__init__(f"object {key!r} is damaged: {how}")
        self.key = key
        self.how = how


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known of an object without its bytes."""

    key: str
    size: int
    """In bytes."""
    etag: str
    """Strong (RFC 9110 8.8.3), with its quotes; a function of the bytes alone."""
    content_type: str


Data = bytes | Sequence[bytes]
"""What is put: bytes, or pieces that follow each other."""


class Objects(Protocol):
    """Local disk today, S3 for several nodes. Keys keep to :mod:`mediaserver.storage.keys`.

    A key outside the grammar is a ValueError: our own code makes keys, never a peer.
    """

    async def put(self, key: str, data: Data, *, content_type: str) -> ObjectInfo:
        """Store, in place of whatever was there. Raises :class:`StoreFull`, :class:`StoreError`."""

    async def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """``length`` bytes from ``start``, or as many as there are; all of them without ``length``.

        Raises :class:`ObjectMissing`, :class:`ObjectDamaged`, :class:`StoreError`.
        """

    async def info(self, key: str) -> ObjectInfo:
        """Raises :class:`ObjectMissing`, :class:`ObjectDamaged`, :class:`StoreError`."""

    async def list(self, prefix: str = "", *, after: str = "", limit: int = LIST_LIMIT) -> list[str]:
        """Up to ``limit`` keys that begin with ``prefix`` and come after ``after``, both any text.

        Fewer than ``limit``: there are no more. Raises :class:`StoreError`.
        """

    async def delete(self, key: str) -> None:
        """Forget the object, damaged ones included. Raises :class:`StoreError`."""

    async def check(self) -> None:
        """Answers when a write has gone through; for readiness.

        Raises :class:`StoreFull`, :class:`StoreError`.
        """

    async def close(self) -> None:
        """Finish what is under way, within a deadline. Nothing may be asked afterwards."""
