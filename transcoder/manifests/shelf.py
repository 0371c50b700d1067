"""Names to bytes, and how long each stays after its tag has left the playlist."""

from __future__ import annotations

from collections import deque

from transcoder.manifests.segment import Media, Stored


class Shelf:
    """Finds media by name in one step, and lets go of it at its deadline. Unknown names leave no trace."""

    def __init__(self) -> None:
        self._media: dict[str, Media | Stored] = {}
        self._leaving: dict[str, deque[tuple[float, str]]] = {}
        self._keys: dict[str, str] = {}
        self._departed: list[str] = []

    def put(self, name: str, media: Media | Stored) -> None:
        """Make ``name`` fetchable. Names are unique for ever: a name is put once."""
        self._media[name] = media

    def get(self, name: str) -> Media | Stored | None:
        return self._media.get(name)

    def mark_stored(self, name: str, key: str) -> bool:
        """The object store has ``name``'s bytes under ``key``. False: nobody asks for them any more."""
        if name not in self._media:
            return False
        self._keys[name] = key
        return True

    def is_stored(self, name: str) -> bool:
        """Whether the store has it."""
        return name in self._keys

    def let_go(self, name: str) -> None:
        """From now on ``name``'s bytes are in the store only."""
        media = self._media.get(name)
        if isinstance(media, Media) and name in self._keys:
            self._media[name] = Stored(self._keys[name], media.size, media.etag, media.content_type)

    def leave_at(self, queue: str, name: str, deadline_s: float) -> None:
        """Let ``name`` go once the clock passes ``deadline_s``. In one queue, deadlines never go back."""
        waiting = self._leaving.setdefault(queue, deque())
        if waiting and waiting[-1][0] > deadline_s:
            deadline_s = waiting[-1][0]
        waiting.append((deadline_s, name))

    def drop(self, name: str) -> None:
        """Let ``name`` go at once."""
        self._media.pop(name, None)
        if (key := self._keys.pop(name, None)) is not None:
            self._departed.append(key)

    def evict(self, now_s: float) -> None:
        """Let go of everything whose deadline has passed. Amortised one step for each name ever put."""
        for waiting in self._leaving.values():
            while waiting and waiting[0][0] < now_s:
                self.drop(waiting.popleft()[1])

    def take_departed(self) -> list[str]:
        """Keys of what has gone since the last call: the store may forget them."""
        departed, self._departed = self._departed, []
        return departed

    @property
    def memory_bytes(self) -> int:
        """Bytes held here; those that several names share are counted once."""
        held = {
            id(chunk): len(chunk)
            for media in self._media.values()
            if isinstance(media, Media)
            for chunk in media.chunks
        }
        return sum(held.values())

    def __len__(self) -> int:
        return len(self._media)
