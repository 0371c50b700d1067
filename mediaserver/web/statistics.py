"""How a stream is doing right now: what its operator's page draws, asked once a second."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from aiohttp import web
from msgspec import Struct

from mediaserver.web.auth import Gate
from mediaserver.web.bodies import json_response
from mediaserver.web.directives import SESSION
from mediaserver.web.media import NAME, SESSION_PARAMETER
from mediaserver.web.problems import Problem, not_found
from mediaserver.web.routes import Answer, Needs, Parameter, Route
from transcoder.media import Kind

if TYPE_CHECKING:
    from mediaserver.live.measures import StreamMeasured
    from mediaserver.live.output import RenditionOutput
    from mediaserver.live.registry import StreamRegistry
    from mediaserver.live.stream import LiveStream
    from transcoder.supervisor import RungSpeed, WorkerStatistics

RenditionState = Literal["passed", "encoded", "given_up"]

_OWN_SESSION: Final = Parameter(
    "session",
    "Of a player beside the figures: it is not counted as a viewer while they are asked for.",
    SESSION_PARAMETER.schema,
)


class ViewersFigures(Struct, frozen=True, kw_only=True):
    """Sessions that asked for a playlist lately."""

    total: int
    hls: int
    dash: int


class RenditionFigures(Struct, frozen=True, kw_only=True):
    """How one rendition fares."""

    name: str
    state: RenditionState
    """`given_up`: this machine cannot keep up, and the rung has gaps until it can."""
    encoder: str | None
    """null where nothing is encoded, or not known yet."""
    speed: float | None
    """Media seconds encoded in a second of work; below 1 it cannot keep up."""
    part_lateness_s: float
    """The latest part of the last ten seconds, against the most punctual one."""
    bitrate_bps: int
    """Measured over the window."""


class WorkerFigures(Struct, frozen=True, kw_only=True):
    """The child process that encodes."""

    state: str
    restarts: int
    pid: int | None


class StreamFigures(Struct, frozen=True, kw_only=True):
    """One moment of a stream. Times are seconds."""

    at: str
    """RFC 3339, UTC."""
    state: Literal["offline", "starting", "live", "interrupted", "ended"]
    input_bps: int
    fps: float | None
    """Pictures a second as they arrive, of the leading video track."""
    keyframe_interval_s: float | None
    timestamp_corrections: int
    """Timestamps of this publication that could not be taken as they came."""
    latency_s: float | None
    """From the arrival of the last frame in the newest listed part until now."""
    viewers: ViewersFigures
    bytes_out: int
    """Handed to viewers since the server started."""
    dropped_units: int
    renditions: list[RenditionFigures]
    barred_s: float
    """Until the key of a publisher that was thrown out is good again; 0 where it is."""
    grace_left_s: float | None
    """How long viewers are kept although nobody sends; null while somebody does, or nothing is on air."""
    worker: WorkerFigures | None
    """null where nothing is encoded."""


class StatisticsApi:
    """``GET /api/v1/streams/{stream}/statistics``."""

    def __init__(self, registry: StreamRegistry, gate: Gate) -> None:
        self._registry = registry
        self._gate = gate

    async def get(self, request: web.Request) -> web.StreamResponse:
        """The stream's figures of this moment."""
        name = request.match_info["stream"]
        self._gate.require(request, "manage", f"stream:{name}")
        if not NAME.fullmatch(name):
            raise Problem(
                422, "invalid_field", "A name takes 1 to 64 letters, digits, - or _.", field="stream"
            )
        stream = self._registry.get(name)
        if stream is None:
            raise not_found()
        now_s = time.monotonic()
        own = request.query.get("session")
        if own is not None:
            if not SESSION.fullmatch(own):
                detail = "session takes 8 to 64 letters, digits, - or _."
                raise Problem(422, "invalid_field", detail, field="session")
            stream.viewers.exempt(own, now_s)
        return json_response(figures(stream, now_s, time.time(), barred_s=self._registry.barred_s(name)))

    def routes(self) -> list[Route]:
        return [
            Route(
                method="GET",
                path="/api/v1/streams/{stream}/statistics",
                handler=self.get,
                summary="How a stream is doing",
                description="Figures of this moment, for a graph that is drawn once a second.",
                tag="streams",
                needs=Needs.MANAGE,
                query=(_OWN_SESSION,),
                answers={200: Answer("The figures.", StreamFigures)},
                problems=frozenset({401, 403, 404, 422}),
            )
        ]


def figures(stream: LiveStream, now_s: float, unix_s: float, *, barred_s: float = 0.0) -> StreamFigures:
    """What is known of a stream. ``now_s`` is the monotonic clock, ``unix_s`` the wall clock."""
    seen = stream.statistics()
    measured = stream.measures.snapshot(now_s)
    by_protocol = stream.viewers.by_protocol(now_s)
    transcoding = stream.broadcast.transcoding if stream.broadcast is not None else None
    at_work = transcoding.worker.statistics() if transcoding is not None else None
    rungs = {rung.rendition: rung for rung in at_work.rungs} if at_work is not None else {}
    publication = stream.publication
    corrections = publication.corrections if publication is not None else None
    return StreamFigures(
        at=datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        state=seen.state.value,
        input_bps=round(measured.input_bps),
        fps=_leading_fps(stream, measured),
        keyframe_interval_s=_rounded(measured.keyframe_interval_s),
        timestamp_corrections=corrections() if corrections is not None else 0,
        latency_s=_rounded(measured.latency_s),
        viewers=ViewersFigures(
            total=seen.viewers, hls=by_protocol.get("hls", 0), dash=by_protocol.get("dash", 0)
        ),
        bytes_out=sum(measured.bytes_out.values()),
        dropped_units=seen.dropped_units + (transcoding.dropped_units if transcoding is not None else 0),
        renditions=[
            _rendition(output, measured, at_work, rungs.get(output.rendition.name))
            for output in stream.renditions
            if output.listed
        ],
        barred_s=round(barred_s, 3),
        grace_left_s=_rounded(stream.grace_left_s),
        worker=None
        if at_work is None
        else WorkerFigures(state=at_work.state.value, restarts=at_work.restarts, pid=at_work.pid),
    )


def _leading_fps(stream: LiveStream, measured: StreamMeasured) -> float | None:
    publication = stream.publication
    if publication is None:
        return None
    pictures = [track.track_id for track in publication.tracks.values() if track.kind is Kind.VIDEO]
    return _rounded(measured.fps.get(pictures[0])) if pictures else None


def _rounded(value: float | None) -> float | None:
    """To a thousandth: what is measured is no finer, and a graph asks each second."""
    return None if value is None else round(value, 3)


def _rendition(
    output: RenditionOutput,
    measured: StreamMeasured,
    at_work: WorkerStatistics | None,
    rung: RungSpeed | None,
) -> RenditionFigures:
    name = output.rendition.name
    parts = measured.renditions.get(name)
    state: RenditionState = "passed" if output.rendition.passthrough else "encoded"
    if at_work is not None and name in at_work.given_up:
        state = "given_up"
    return RenditionFigures(
        name=name,
        state=state,
        encoder=None if rung is None or rung.encoder is None else rung.encoder.value,
        speed=None if rung is None or rung.speed <= 0 else _rounded(rung.speed),
        part_lateness_s=0.0 if parts is None else round(parts.part_lateness_s, 3),
        bitrate_bps=round(output.window.bandwidth.average_bps or 0),
    )
