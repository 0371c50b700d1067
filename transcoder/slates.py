"""Loops that stand in for a publisher who is away: one child for all streams, started when first asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from transcoder import framing
from transcoder.answers import checked_track
from transcoder.asked import AskedChild, NoAnswer
from transcoder.child import Child
from transcoder.framing import FramingError
from transcoder.ladder import AUDIO_CHANNELS, Rendition
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
SILENCE_SAMPLES: Final = 1024
"""Of a frame of silence: AAC-LC."""


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
            asked = {each.name: _asked(each, picture_s) for each in renditions}
            return await _loops(child, self._number, asked, picture_s)

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


def _asked(rendition: Rendition, picture_s: float) -> Rendition:
    """A rendition as a slate of it is."""
    if rendition.kind is Kind.AUDIO:
        channels = min(AUDIO_CHANNELS, max(1, rendition.channels))
        return replace(rendition, codec=Codec.AAC, channels=channels)
    return replace(rendition, codec=Codec.H264, frame_rate=1 / Fraction(picture_s).limit_denominator(1000))


async def _loops(
    child: Child, number: int, asked: dict[str, Rendition], picture_s: float
) -> dict[str, StandIn]:
    """What the child answers, held to what it was asked. Raises :class:`FramingError`."""
    tracks: dict[str, Track] = {}
    units: dict[str, list[AccessUnit]] = {}
    budget_bytes = LOOPS_LIMIT_BYTES
    while True:
        message, payload = await child.receive()
        match message:
            case framing.RenditionTrack(rendition, track) if rendition in asked and rendition not in tracks:
                tracks[rendition], units[rendition] = checked_track(track, asked[rendition]), []
            case framing.Unit(rendition=rendition) if rendition in tracks:
                unit = framing.access_unit(message, payload)
                budget_bytes -= len(payload)
                _check_unit(unit, tracks[rendition], units[rendition], picture_s)
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


def _check_unit(unit: AccessUnit, track: Track, before: list[AccessUnit], picture_s: float) -> None:
    expected = before[-1].dts + before[-1].duration if before else 0
    if (unit.track_id, unit.codec, unit.timescale) != (track.track_id, track.codec, track.timescale):
        raise FramingError("a unit of another format than was announced")
    # A loop is played by the clock: units of no length would keep us busy, endless ones the playlist.
    is_picture = track.kind is Kind.VIDEO
    duration = max(1, round(picture_s * VIDEO_TIMESCALE)) if is_picture else SILENCE_SAMPLES
    if (unit.dts, unit.pts, unit.duration) != (expected, expected, duration) or not unit.payload:
        raise FramingError("a unit at an impossible time")
