"""What a live worker is asked to do, what it is fed, which states it goes through, and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from transcoder.encoders import Encoder
from transcoder.keepup import CALM_S
from transcoder.ladder import Ladder
from transcoder.media import Track
from transcoder.restarts import PER_MINUTE

HANG_S: Final = 3.0
MAX_LAG_S: Final = 2.0


class WorkerState(StrEnum):
    """Where a live worker is."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    """The child has ended; the next one starts soon. Units fed now are dropped."""
    FAILED = "failed"
    """Too many restarts in a minute: the next try is a minute or more away."""
    STOPPED = "stopped"


NEXT_STATES: Final = {
    WorkerState.IDLE: {WorkerState.STARTING, WorkerState.STOPPED},
    WorkerState.STARTING: {WorkerState.RUNNING, WorkerState.BACKOFF, WorkerState.FAILED, WorkerState.STOPPED},
    WorkerState.RUNNING: {WorkerState.BACKOFF, WorkerState.FAILED, WorkerState.STOPPED},
    WorkerState.BACKOFF: {WorkerState.STARTING, WorkerState.STOPPED},
    WorkerState.FAILED: {WorkerState.STARTING, WorkerState.STOPPED},
    WorkerState.STOPPED: set[WorkerState](),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveJob:
    """What a live worker is to do."""

    stream: str
    ladder: Ladder
    tracks: tuple[Track, ...]
    max_lag_s: float | None = MAX_LAG_S
    """Units that wait longer in the child are dropped up to the next sync unit. None: never (files)."""
    hang_s: float = HANG_S
    """A child that for so long takes nothing, or takes and gives nothing back, is killed. At least 1: it
    reports twice a second."""
    restarts_per_minute: int = PER_MINUTE
    give_up: tuple[str, ...] = ()
    """Rungs that may be given up where the machine is too slow, the first one first."""
    calm_s: float = CALM_S
    """How long it must be calm before a rung that was given up comes back."""
    encoder: str = "auto"
    """``auto``, or the name of an :class:`~transcoder.encoders.Encoder`."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The next segment starts at the first picture with pts >= ``time_s`` on the publication's timeline.

    Feed it before the unit that reaches it: every encoded rung has an IDR on exactly that picture.
    """

    time_s: float


class TrackAnnouncement(Protocol):
    """Anything that carries a track's new format; the publication's TrackUpdate does."""

    @property
    def track(self) -> Track: ...


@dataclass(frozen=True, slots=True)
class RungSpeed:
    """How a rendition fares."""

    rendition: str
    units_out: int
    speed: float
    """Media seconds encoded in a second of work, lately: below 1 it cannot keep up. 0 where not known."""
    encoder: Encoder | None
    """None for sound, and where nothing was encoded yet."""


@dataclass(frozen=True, slots=True)
class WorkerStatistics:
    """A snapshot."""

    state: WorkerState
    pid: int | None
    restarts: int
    units_in: int
    units_out: int
    dropped: int
    """Units that were never decoded: the child was gone, or behind by more than the job's lag."""
    damaged: int
    """Units that the decoder refused."""
    waiting: int
    """Units that were fed and not yet decoded."""
    lag_s: float
    """How long the oldest of them has been waiting."""
    given_up: frozenset[str]
    """Rungs that are not encoded at present, because the machine is too slow."""
    rungs: tuple[RungSpeed, ...]
