"""Names to bytes, and how long each stays after its tag has left the playlist."""

from __future__ import annotations

from collections import deque

from transcoder.manifests.segment import Media


class Shelf:
    """Finds media by name in one step, and lets go of it at its deadline. Unknown names leave no trace."""

    def __init__(self) -> None:
        self._media: dict[str, Media] = {}
        self._leaving: dict[str, deque[tuple[float, str]]] = {}

    def put(self, name: str, media: Media) -> None:
        """Make ``name`` fetchable. Names are unique for ever: a name is put once."""
        self._media[name] = media

    def get(self, name: str) -> Media | None:
        return self._media.get(name)

    def leave_at(self, queue: str, name: str, deadline_s: float) -> None:
        """Let ``name`` go once the clock passes ``deadline_s``. In one queue, deadlines never go back."""
        waiting = self._leaving.setdefault(queue, deque())
        if waiting and waiting[-1][0] > deadline_s:
            deadline_s = waiting[-1][0]
        waiting.append((deadline_s, name))

    def drop(self, name: str) -> None:
        """Let ``name`` go at once."""
        self._media.pop(name, None)

    def evict(self, now_s: float) -> None:
        """Let go of everything whose deadline has passed. Amortised one step for each name ever put."""
        for waiting in self._leaving.values():
            while waiting and waiting[0][0] < now_s:
                self._media.pop(waiting.popleft()[1], None)

    def __len__(self) -> int:
        return len(self._media)
