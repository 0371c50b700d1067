"""Streams over the API: make, change, list, look at, give a new key, throw the publisher out, delete."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec
from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from mediaserver.live.records import LadderSetting, StreamChanges, Visibility
from mediaserver.live.states import StreamState
from mediaserver.web.auth import Gate
from mediaserver.web.bodies import json_response, paginate, read_json
from mediaserver.web.client import Links
from mediaserver.web.media import NAME, is_public
from mediaserver.web.problems import Problem, forbidden, not_found, unauthenticated
from mediaserver.web.routes import Answer, Needs, Parameter, Route
from transcoder.codecs import rfc6381
from transcoder.media import Kind

if TYPE_CHECKING:
    from mediaserver.access.policy import Principal
    from mediaserver.live.output import RenditionOutput
    from mediaserver.live.registry import StreamRegistry
    from mediaserver.live.stream import LiveStream

T = TypeVar("T")


class PublisherView(Struct, frozen=True, kw_only=True):
    """Who sends, and what."""

    protocol: str
    address: str
    codecs: list[str]
    """RFC 6381."""
    width: int
    height: int
    fps: float | None
    bitrate_bps: int
    """Measured over the last seconds."""


class RenditionView(Struct, frozen=True, kw_only=True):
    """One quality as offered now, in the multivariant playlist."""

    name: str
    codecs: str
    width: int
    """0 for sound, as is the height."""
    height: int
    bitrate_bps: int
    """What the encoder aims at; measured where the source is passed through."""
    passthrough: bool


class UrlsView(Struct, frozen=True, kw_only=True):
    """Where to go. null: this server does not offer it."""

    watch: str
    hls: str
    dash: str | None
    whep: str | None
    whip: str | None
    rtmp: str | None
    """Without the key. In OBS: server up to ``/live``, stream key ``{stream}?key={key}``."""
    rtmps: str | None
    """The same inside TLS."""
    poster: str | None
    """null also while there is no picture yet."""


class StreamView(Struct, frozen=True, kw_only=True):
    """A stream. The last members are there only for who may manage it."""

    name: str
    title: str
    visibility: Visibility
    state: Literal["offline", "starting", "live", "interrupted", "ended"]
    started_at: str | None
    """RFC 3339, UTC."""
    viewers: int
    renditions: list[RenditionView]
    urls: UrlsView
    publisher: PublisherView | UnsetType | None = UNSET
    record: bool | UnsetType = UNSET
    ladder: LadderSetting | UnsetType | None = UNSET
    """null: the server's `live.ladder`."""
    takeover: bool | UnsetType | None = UNSET
    """null: the server's `live.takeover`."""
    dvr_s: float | UnsetType = UNSET
    publish_key: str | UnsetType = UNSET
    """In the answer of the making call only."""


class StreamPage(Struct, frozen=True):
    """A piece of the list."""

    items: list[StreamView]
    next: str | None
    """The cursor of the following page, null on the last one."""


class PublishKey(Struct, frozen=True):
    """A new key, shown this once."""

    publish_key: str


_TAG: Final = "streams"
_PAGE_PARAMETERS: Final = (
    Parameter("limit", "Items on a page; 50 unless told.", {"type": "integer", "minimum": 1, "maximum": 200}),
    Parameter("cursor", "`next` of the page before.", {"type": "string"}),
)


class StreamsApi:
    """The handlers below ``/api/v1/streams``."""

    def __init__(self, registry: StreamRegistry, gate: Gate, links: Links) -> None:
        self._registry = registry
        self._gate = gate
        self._links = links
        self._running: set[asyncio.Task[Any]] = set()

    async def put(self, request: web.Request) -> web.StreamResponse:
        """Make the stream, or change what the body names."""
        name = self._managed(request)
        body = await read_json(request, StreamChanges)
        record, key, created = await self._finish(self._registry.create_or_update(name, body))
        stream = self._registry.get(record.name)
        if stream is None:
            raise not_found()
        view = self._view(request, stream, manages=True)
        if key is not None:
            view = msgspec.structs.replace(view, publish_key=key)
        return json_response(view, status=201 if created else 200)

    async def get(self, request: web.Request) -> web.StreamResponse:
        """One stream."""
        name = _name(request)
        holder = self._gate.holder(request)
        stream = self._registry.get(name)
        public = stream is not None and is_public(stream)
        manages = _manages(holder, name)
        if not (public or manages or _views(holder, name)):
            if holder is not None:
                raise forbidden()
            raise unauthenticated() if stream is not None else not_found()
        if stream is None:
            raise not_found()
        return json_response(self._view(request, stream, manages=manages))

    async def list_streams(self, request: web.Request) -> web.StreamResponse:
        """The streams that the caller may see, by name."""
        holder = self._gate.holder(request)
        visible = [
            stream
            for stream in self._registry.all()
            if is_public(stream) or _manages(holder, stream.name) or _views(holder, stream.name)
        ]
        rows, following = paginate(request, visible, lambda stream: stream.name)
        items = [self._view(request, stream, manages=_manages(holder, stream.name)) for stream in rows]
        return json_response(StreamPage(items, following))

    async def new_key(self, request: web.Request) -> web.StreamResponse:
        """A new publish key; the old one stops working at once."""
        name = self._managed(request, existing=True)
        with _known():
            return json_response(PublishKey(await self._finish(self._registry.new_key(name))))

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Throw the publisher out and forget the stream."""
        name = self._managed(request, existing=True)
        with _known():
            await self._finish(self._registry.delete(name))
        return web.Response(status=204)

    async def kick(self, request: web.Request) -> web.StreamResponse:
        """Throw the publisher out: it needs a new key, or 60 seconds, to return."""
        name = self._managed(request, existing=True)
        if not self._registry.kick(name, "thrown out by the operator"):
            raise Problem(404, "no_publisher", "Nobody publishes this stream.")
        return web.Response(status=204)

    def _managed(self, request: web.Request, *, existing: bool = False) -> str:
        """The name of the path, if the caller may manage that stream. Raises 401, 403, 404, 422."""
        raw = request.match_info["stream"]
        self._gate.require(request, "manage", f"stream:{raw}")
        name = _name(request)
        if existing and self._registry.get(name) is None:
            raise not_found()
        return name

    async def _finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` to its end even if the client goes away meanwhile: nothing is left half-done."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    def _view(self, request: web.Request, stream: LiveStream, *, manages: bool) -> StreamView:
        record = stream.record
        statistics = stream.statistics()
        base = self._links.base(request)
        view = StreamView(
            name=stream.name,
            title="" if record is None else record.title,
            visibility="public" if record is None else record.visibility,
            state=stream.state.value,
            started_at=_rfc3339(stream.started_at),
            viewers=statistics.viewers,
            renditions=[_rendition(output) for output in stream.renditions if output.listed],
            urls=UrlsView(
                watch=f"{base}/watch/{stream.name}",
                hls=f"{base}/live/{stream.name}/master.m3u8",
                dash=f"{base}/live/{stream.name}/manifest.mpd",
                whep=None,
                whip=None,
                rtmp=self._links.rtmp(request, stream.name),
                rtmps=self._links.rtmps(request, stream.name),
                poster=None if stream.poster is None else f"{base}/live/{stream.name}/poster.jpg",
            ),
        )
        if not manages:
            return view
        view = msgspec.structs.replace(view, publisher=_publisher(stream, statistics.input_bps))
        if record is None:
            return view
        return msgspec.structs.replace(
            view,
            record=record.record,
            ladder=record.ladder,
            dvr_s=record.dvr_s,
            takeover=record.takeover,
        )

    def routes(self) -> list[Route]:
        one, managed = "/api/v1/streams/{stream}", frozenset({401, 403, 404})
        return [
            Route(
                method="GET",
                path="/api/v1/streams",
                handler=self.list_streams,
                summary="List streams",
                description="Without a token: public streams, without their publisher.",
                tag=_TAG,
                needs=Needs.VIEW,
                query=_PAGE_PARAMETERS,
                answers={200: Answer("A page of them.", StreamPage)},
                problems=frozenset({401, 422}),
            ),
            Route(
                method="GET",
                path=one,
                handler=self.get,
                summary="Look at a stream",
                tag=_TAG,
                needs=Needs.VIEW,
                answers={200: Answer("The stream.", StreamView)},
                problems=managed,
            ),
            Route(
                method="PUT",
                path=one,
                handler=self.put,
                summary="Make or change a stream",
                description="Members that are left out stay as they are. `ladder`: null is the server's "
                "`live.ladder`; another one holds from the next publication on. `takeover`: whether a second "
                "publisher with the key takes the first one's place; null is the server's `live.takeover`. "
                "`record` and `dvr_s` are kept and answered, and nothing is done with them yet.",
                tag=_TAG,
                needs=Needs.MANAGE,
                body=StreamChanges,
                answers={
                    201: Answer("It was made; `publish_key` is shown this once.", StreamView),
                    200: Answer("It was changed.", StreamView),
                },
                problems=frozenset({400, 401, 403, 408, 413, 415, 422}),
            ),
            Route(
                method="DELETE",
                path=one,
                handler=self.delete,
                summary="Delete a stream",
                description="Its publisher is thrown out first.",
                tag=_TAG,
                needs=Needs.MANAGE,
                answers={204: Answer("It is gone.")},
                problems=managed,
            ),
            Route(
                method="POST",
                path=f"{one}/key",
                handler=self.new_key,
                summary="Make a new publish key",
                description="The old one stops working at once.",
                tag=_TAG,
                needs=Needs.MANAGE,
                answers={200: Answer("The key, shown this once.", PublishKey)},
                problems=managed,
            ),
            Route(
                method="DELETE",
                path=f"{one}/publisher",
                handler=self.kick,
                summary="Throw the publisher out",
                description="It needs a new key, or 60 seconds, to return.",
                tag=_TAG,
                needs=Needs.MANAGE,
                answers={204: Answer("It is out.")},
                problems=managed,
            ),
        ]


@contextmanager
def _known() -> Iterator[None]:
    """A stream that has no record, or has just lost it, is not there."""
    try:
        yield
    except KeyError:
        raise not_found() from None


def _name(request: web.Request) -> str:
    name = request.match_info["stream"]
    if not NAME.fullmatch(name):
        raise Problem(422, "invalid_field", "A name takes 1 to 64 letters, digits, - or _.", field="stream")
    return name


def _manages(holder: Principal | None, name: str) -> bool:
    return holder is not None and holder.may("manage", f"stream:{name}")


def _views(holder: Principal | None, name: str) -> bool:
    return holder is not None and holder.may("view", f"stream:{name}")


def _rendition(output: RenditionOutput) -> RenditionView:
    rendition = output.rendition
    return RenditionView(
        name=rendition.name,
        codecs="" if output.track is None else rfc6381(output.track),
        width=rendition.width,
        height=rendition.height,
        bitrate_bps=rendition.bitrate_bps or round(output.window.bandwidth.average_bps or 0),
        passthrough=rendition.passthrough,
    )


def _publisher(stream: LiveStream, input_bps: float) -> PublisherView | None:
    publication = stream.publication
    if publication is None or stream.state is StreamState.OFFLINE:
        return None
    tracks = list(publication.tracks.values())
    video = next((track for track in tracks if track.kind is Kind.VIDEO), None)
    rate = None if video is None or video.frame_rate is None else round(float(video.frame_rate), 3)
    return PublisherView(
        protocol=publication.request.protocol,
        address=publication.request.address,
        codecs=[rfc6381(track) for track in tracks],
        width=0 if video is None else video.width,
        height=0 if video is None else video.height,
        fps=rate,
        bitrate_bps=round(input_bps),
    )


def _rfc3339(unix_s: float | None) -> str | None:
    if unix_s is None:
        return None
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
