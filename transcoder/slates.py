"""Loops that stand in for a publisher who is away: one child for all streams, started when first asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from transcoder import framing
from transcoder.answers import check_describable
from transcoder.asked import AskedChild, NoAnswer
from transcoder.child import Child
from transcoder.framing import FramingError
from transcoder.ladder import Rendition
from transcoder.media import VIDEO_TIMESCALE, AccessUnit, Codec, Kind, Track
from transcoder.standin import StandIn
from transcoder.stills import StillFailed

__all__ = ["SlateMaker", "SlateStatistics", "StandIn", "StillFailed"]

DEADLINE_S: Final = 3.0
IDLE_S: Final = 600.0
"""Longer than a still's child: a slate is wanted at the very moment when a publisher is lost."""
PICTURES_LIMIT: Final = 1_000
"""Of one loop."""
LOOPS_LIMIT_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class SlateStatistics:
    """A snapshot."""

    pid: int | None
    made: int
    """Loops, of all renditions."""
    failed: int
    """Calls that made none."""


class SlateMaker:
    """Makes the slates of one stream at a time, in some tens of milliseconds once its child is warm."""

    def __init__(
        self,
        *,
        deadline_s: float = DEADLINE_S,
        idle_s: float = IDLE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asked = AskedChild("slates", deadline_s=deadline_s, idle_s=idle_s, clock=clock)
        self._number = 0
        self._made = self._failed = 0

    async def warm(self) -> None:
        """Start the child, so that the first slate does not wait for it. Raises :class:`StillFailed`."""
        try:
            await self._asked.warm()
        except NoAnswer as error:
            raise StillFailed(str(error)) from None

    async def make(
        self,
        poster: bytes | None,
        notice: str,
        renditions: Sequence[Rendition],
        *,
        picture_s: float,
        loop_s: float,
    ) -> dict[str, StandIn]:
        """A loop of about ``loop_s`` for each rendition, by name, with a picture every ``picture_s``.

        The JPEG ``poster`` is darkened and blurred behind the notice; without one the ground is plain.
        Sound is silence. Raises :class:`StillFailed`.
        """
        if not 0.001 <= picture_s <= loop_s or loop_s / picture_s > PICTURES_LIMIT:
            raise StillFailed(f"no loop of {loop_s:g} s with a picture every {picture_s:g} s")

        async def question(child: Child) -> dict[str, StandIn]:
            self._number += 1
            request = framing.MakeSlate(self._number, notice, tuple(renditions), picture_s, loop_s)
            await child.send(request, poster or b"")
            return await _loops(child, self._number, {each.name: each for each in renditions})

        try:
            made = await self._asked.ask(question) if renditions else {}
        except NoAnswer as error:
            self._failed += 1
            raise StillFailed(str(error)) from None
        except StillFailed:
            self._failed += 1
            raise
        self._made += len(made)
        return made

    async def close(self) -> None:
        """End the child. Slates asked for afterwards fail."""
        await self._asked.close()

    def statistics(self) -> SlateStatistics:
        return SlateStatistics(self._asked.pid, self._made, self._failed)


async def _loops(child: Child, number: int, asked: dict[str, Rendition]) -> dict[str, StandIn]:
    """What the child answers, held to what it was asked. Raises :class:`FramingError`."""
    tracks: dict[str, Track] = {}
    units: dict[str, list[AccessUnit]] = {}
    budget_bytes = LOOPS_LIMIT_BYTES
    while True:
        message, payload = await child.receive()
        match message:
            case framing.RenditionTrack(rendition, track) if rendition in asked and rendition not in tracks:
                _check(track, asked[rendition])
                tracks[rendition], units[rendition] = track, []
            case framing.Unit(rendition=rendition) if rendition in tracks:
                unit = framing.access_unit(message, payload)
                budget_bytes -= len(payload)
                _check_unit(unit, tracks[rendition], units[rendition])
                if budget_bytes < 0 or len(units[rendition]) >= PICTURES_LIMIT * 2:
                    raise FramingError("a loop without end")
                units[rendition].append(unit)
            case framing.Slated(answered, reason) if answered == number:
                if reason:
                    raise StillFailed(reason)
                return {name: _stand_in(track, units[name]) for name, track in tracks.items()}
            case _:
                raise FramingError("that was not asked")


def _stand_in(track: Track, units: list[AccessUnit]) -> StandIn:
    if not units or not units[0].sync or units[0].pts or units[0].dts:
        raise FramingError("a loop that does not begin")
    return StandIn(track, tuple(units), units[-1].dts + units[-1].duration)


def _check(track: Track, rendition: Rendition) -> None:
    codec = Codec.H264 if rendition.kind is Kind.VIDEO else Codec.AAC
    timescale = VIDEO_TIMESCALE if rendition.kind is Kind.VIDEO else rendition.sample_rate
    if (track.track_id, track.codec, track.timescale) != (rendition.source_track_id, codec, timescale):
        raise FramingError(f"another format than was asked for {rendition.name}")
    check_describable(track)


def _check_unit(unit: AccessUnit, track: Track, before: list[AccessUnit]) -> None:
    expected = before[-1].dts + before[-1].duration if before else 0
    if (unit.track_id, unit.codec, unit.timescale) != (track.track_id, track.codec, track.timescale):
        raise FramingError("a unit of another format than was announced")
    if (unit.dts, unit.pts) != (expected, expected) or unit.duration <= 0 or not unit.payload:
        raise FramingError("a unit at an impossible time")
