"""Live delivery: playlists with blocking reload, MPDs, init segments, segments, parts, posters.

``/live/{stream}/…`` for public streams; the same below ``/t/{token}/…`` for who holds a token. Names are
checked against their grammar before any state is looked at, and an unknown name leaves no trace.
"""

from __future__ import annotations

import functools
import hashlib
import math
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from aiohttp import HttpVersion11, web

from mediaserver.live.output import PlaylistRefused
from mediaserver.web.auth import Gate
from mediaserver.web.client import Proxies
from mediaserver.web.cors import MediaOrigins
from mediaserver.web.directives import DirectiveError, Directives, parse_directives
from mediaserver.web.growing import GrowingResponse
from mediaserver.web.problems import Problem, not_found, unauthenticated
from mediaserver.web.ranges import Precondition, Slice, Whole, precondition, requested_slice
from mediaserver.web.raw import (
    STREAM_BYTES,
    HttpDate,
    MediaResponse,
    SharedResponse,
    Traffic,
    head,
    slice_pieces,
)
from mediaserver.web.routes import Answer, Needs, Parameter, Route
from transcoder.manifests.dash import CONTENT_TYPE as MPD_TYPE
from transcoder.manifests.dates import date_time
from transcoder.manifests.rendered import RenderedPlaylist

if TYPE_CHECKING:
    from mediaserver.live.registry import StreamRegistry
    from mediaserver.live.stream import LiveStream

PLAYLIST_TYPE: Final = "application/vnd.apple.mpegurl"
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
MEDIA_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}\.(mp4|m4s|vtt)", re.ASCII)
SHARED_LIMIT: Final = 512
"""Finished playlist messages kept; the oldest makes room. A stream's newest part needs a handful."""
IMMUTABLE: Final = "public, max-age=31536000, immutable"


class LiveDelivery:
    """The handlers of everything a player fetches."""

    def __init__(
        self,
        registry: StreamRegistry,
        gate: Gate,
        origins: MediaOrigins,
        proxies: Proxies,
        traffic: Traffic,
        *,
        session_salt: bytes,
    ) -> None:
        self._registry = registry
        self._gate = gate
        self._origins = origins
        self._proxies = proxies
        self._traffic = traffic
        self._date = HttpDate()
        self._session_salt = session_salt
        self._shared: dict[tuple[object, ...], tuple[RenderedPlaylist, SharedResponse]] = {}
        self._shared_second = 0

    async def master_playlist(self, request: web.Request) -> web.StreamResponse:
        """The multivariant playlist: renditions, codecs, measured bandwidth."""
        stream = self._stream(request)
        directives = self._directives(request)
        stream.viewers.seen(self._session(request, directives), time.monotonic())
        rendered = await stream.master_playlist()
        if rendered is None:
            raise not_found()
        return self._playlist(request, rendered, "no-cache")

    async def manifest(self, request: web.Request) -> web.StreamResponse:
        """The MPD: the same renditions and the same segments, the newest while it grows."""
        stream = self._stream(request)
        directives = self._directives(request)
        stream.viewers.seen(self._session(request, directives), time.monotonic(), "dash")
        rendered = await stream.dash_manifest(request.headers.get("If-None-Match"))
        if rendered is None:
            raise not_found()
        return self._playlist(request, rendered, "no-cache", MPD_TYPE)

    async def clock(self, request: web.Request) -> web.StreamResponse:
        """The time of the stream's own clock, by which DASH players know what is there already."""
        clock_ms = self._stream(request).clock_ms
        if clock_ms is None:
            raise not_found()
        response = web.Response(text=date_time(clock_ms), headers={"Cache-Control": "no-store"})
        self._origins.decorate(request, response)
        return response

    async def media_playlist(self, request: web.Request) -> web.StreamResponse:
        """A rendition's playlist; with ``_HLS_msn`` it is held until that segment or part is in it."""
        stream = self._stream(request)
        directives = self._directives(request)
        stream.viewers.seen(self._session(request, directives), time.monotonic())
        try:
            rendered = await stream.media_playlist(
                self._rendition(request), msn=directives.msn, part=directives.part, skip=directives.skip
            )
        except PlaylistRefused as refused:
            raise _problem(refused) from None
        # RFC 9111, 1.2.2: delta-seconds is an integer, so a part's length is rounded up.
        part_s = math.ceil(stream.part_target_s)
        return self._playlist(
            request, rendered, f"public, max-age={part_s}" if directives.blocking else "no-cache"
        )

    async def media(self, request: web.Request) -> web.StreamResponse:
        """An init segment, a segment or a part. A part that a playlist hints at is held until it is whole; a
        segment that has begun is sent part by part.

        RFC 8216bis, 6.2.6: "the server MUST refrain from transmitting any bytes belonging to a Partial
        Segment until all bytes of that Partial Segment can be transmitted at the full speed of the link".
        """
        stream = self._stream(request)
        name = request.match_info["name"]
        if not MEDIA_NAME.fullmatch(name):
            raise not_found()
        rendition = self._rendition(request)
        try:
            growing = await self._growing(request, stream, rendition, name)
            if growing is not None:
                return growing
            found = await stream.media(rendition, name)
        except PlaylistRefused as refused:
            raise _problem(refused) from None
        return self._bytes(request, found.chunks, found.size, found.etag, found.content_type, IMMUTABLE)

    async def _growing(
        self, request: web.Request, stream: LiveStream, rendition: str, name: str
    ) -> web.StreamResponse | None:
        """The answer for a segment that has begun and not ended, or is next; None for everything else."""
        output = next((each for each in stream.renditions if each.rendition.name == rendition), None)
        segment = None if output is None else await output.growing(name)
        if output is None or segment is None:
            return None
        if request.version < HttpVersion11:
            # There are no chunks in HTTP/1.0, and without them nobody can tell a part from the whole.
            while await output.wait_part(segment, len(segment.parts)):
                pass
            return None
        etag = f'"{name}"'
        fields = self._bytes_fields(request, etag, IMMUTABLE)
        closes = not request.keep_alive
        match precondition(request.headers, etag):
            case Precondition.NOT_MODIFIED:
                return self._fixed(304, fields, b"", closes)
            case Precondition.FAILED:
                raise Problem(412, "precondition_failed", "If-Match names another version.")
            case Precondition.GO_ON:
                pass
        # RFC 9110, 14.2: "A server MAY ignore the Range header field": of what is still growing there is no
        # last byte to count from.
        fields += [("Content-Type", output.window.content_type), ("Transfer-Encoding", "chunked")]
        if closes:
            fields.append(("Connection", "close"))
        return GrowingResponse(head(200, fields), output, segment, self._traffic, closes=closes)

    async def poster(self, request: web.Request) -> web.StreamResponse:
        """The newest still, at most ten seconds old while the stream is live."""
        stream = self._stream(request)
        still, etag = stream.poster, stream.poster_etag
        if still is None or etag is None:
            raise not_found()
        return self._bytes(request, (still,), len(still), etag, "image/jpeg", "no-cache")

    async def preflight(self, request: web.Request) -> web.StreamResponse:
        """CORS preflight: the same for every name, so nothing is looked up."""
        response = web.Response(status=204)
        self._origins.decorate_preflight(request, response)
        return response

    def _stream(self, request: web.Request) -> LiveStream:
        """The stream of the path, if this request may play it. Raises 401, 403 or 404."""
        info = request.match_info
        name, token = info["stream"], info.get("token")
        if not NAME.fullmatch(name):
            raise not_found()
        stream = self._registry.get(name)
        public = stream is not None and is_public(stream)
        if token is not None:
            self._gate.require_view_below_token(token, name, is_public=public)
        elif stream is not None and not public:
            raise unauthenticated()
        if stream is None:
            raise not_found()
        request[STREAM_BYTES] = stream.measures.viewer_bytes
        return stream

    def _rendition(self, request: web.Request) -> str:
        rendition = request.match_info["rendition"]
        if not NAME.fullmatch(rendition):
            raise not_found()
        return rendition

    def _directives(self, request: web.Request) -> Directives:
        try:
            return parse_directives(request.rel_url.raw_query_string)
        except DirectiveError as error:
            raise Problem(400, "bad_directive", error.detail, field=error.field) from None

    def _session(self, request: web.Request, directives: Directives) -> str:
        """The viewer's session: what the player says, else one for each address and program."""
        if directives.session is not None:
            return directives.session
        return derived_session(
            self._session_salt,
            self._proxies.client_address(request),
            request.headers.get("User-Agent", "")[:512],
        )

    def _playlist(
        self,
        request: web.Request,
        rendered: RenderedPlaylist,
        cache_control: str,
        content_type: str = PLAYLIST_TYPE,
    ) -> web.StreamResponse:
        headers = request.headers
        gzipped = accepts_gzip(headers.get("Accept-Encoding", ""))
        closes = not request.keep_alive
        origin = self._origins.allowed(request)
        key = (id(rendered), gzipped, closes, cache_control, origin)
        second = self._date.now()[0]
        if second != self._shared_second:
            # A message says its date: those of the last second are never sent again.
            self._shared.clear()
            self._shared_second = second
        kept = self._shared.get(key)
        if "If-None-Match" in headers or "If-Match" in headers:
            etag = rendered.gzip_etag if gzipped else rendered.etag
            match precondition(headers, etag):
                case Precondition.NOT_MODIFIED:
                    return self._fixed(304, self._playlist_fields(etag, cache_control, origin), b"", closes)
                case Precondition.FAILED:
                    raise Problem(412, "precondition_failed", "If-Match names another version.")
                case Precondition.GO_ON:
                    pass
        if kept is not None:
            return kept[1]
        body, etag = (rendered.gzip, rendered.gzip_etag) if gzipped else (rendered.body, rendered.etag)
        fields = [
            *self._playlist_fields(etag, cache_control, origin),
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
        ]
        if gzipped:
            fields.append(("Content-Encoding", "gzip"))
        response = self._fixed(200, fields, body, closes)
        if len(self._shared) >= SHARED_LIMIT:
            del self._shared[next(iter(self._shared))]
        # The playlist is kept beside its message: while it lives no other object can have its id.
        self._shared[key] = (rendered, response)
        return response

    def _playlist_fields(self, etag: str, cache_control: str, origin: str | None) -> list[tuple[str, str]]:
        return [
            ("Date", self._date.now()[1]),
            ("ETag", etag),
            ("Cache-Control", cache_control),
            ("Vary", self._origins.vary("Accept-Encoding")),
            *self._origins.fields(origin),
        ]

    def _fixed(self, status: int, fields: list[tuple[str, str]], body: bytes, closes: bool) -> SharedResponse:
        if closes:
            fields.append(("Connection", "close"))
        return SharedResponse(status, head(status, fields), body, self._traffic, closes=closes)

    def _bytes(
        self,
        request: web.Request,
        chunks: Sequence[bytes],
        size: int,
        etag: str,
        content_type: str,
        cache_control: str,
    ) -> web.StreamResponse:
        """Bytes with a strong ETag: conditions, then one range, then the whole (RFC 9110, 13.2.2)."""
        headers = request.headers
        closes = not request.keep_alive
        fields = self._bytes_fields(request, etag, cache_control)
        match precondition(headers, etag):
            case Precondition.NOT_MODIFIED:
                return self._fixed(304, fields, b"", closes)
            case Precondition.FAILED:
                raise Problem(412, "precondition_failed", "If-Match names another version.")
            case Precondition.GO_ON:
                pass
        # RFC 9110, 14.2: "A server MUST ignore a Range header field received with a request method that is
        # unrecognized or for which range handling is not defined. For this specification, GET is the only
        # method for which range handling is defined."
        wanted = requested_slice(headers, size, etag) if request.method == "GET" else Whole.ALL
        status, pieces, length = 200, list[bytes | memoryview](chunks), size
        match wanted:
            case Slice(first, last):
                status, pieces, length = 206, slice_pieces(chunks, first, last), wanted.size
                fields.append(("Content-Range", f"bytes {first}-{last}/{size}"))
            case Whole.UNSATISFIABLE:
                raise Problem(
                    416, "range_not_satisfiable", f"There are {size} bytes.", content_range=f"bytes */{size}"
                )
            case Whole.ALL:
                pass
        fields += [("Content-Type", content_type), ("Content-Length", str(length))]
        if closes:
            fields.append(("Connection", "close"))
        return MediaResponse(status, head(status, fields), pieces, self._traffic, closes=closes)

    def _bytes_fields(self, request: web.Request, etag: str, cache_control: str) -> list[tuple[str, str]]:
        fields = [
            ("Date", self._date.now()[1]),
            ("ETag", etag),
            ("Cache-Control", cache_control),
            ("Accept-Ranges", "bytes"),
            *self._origins.fields(self._origins.allowed(request)),
        ]
        if (vary := self._origins.vary("")) != "":
            fields.append(("Vary", vary))
        return fields

    def routes(self) -> list[Route]:
        """Every call here, both at its public place and below ``/t/{token}``."""
        return [*self._rows(""), *self._rows("/t/{token}")]

    def _rows(self, prefix: str) -> list[Route]:
        playlist = Answer("The playlist.", content_type=PLAYLIST_TYPE)
        # Most wanted first: aiohttp tries them in this order.
        calls = [
            (
                "{rendition}/media.m3u8",
                self.media_playlist,
                "Media playlist of a rendition, with blocking reload and delta updates",
                playlist,
                DIRECTIVES,
                {400, 412, 503},
            ),
            (
                "{rendition}/{name}",
                self.media,
                "Init segment (`.mp4`), segment or part (`.m4s`)",
                Answer("The bytes.", content_type="video/mp4"),
                (),
                {412, 416, 503},
            ),
            (
                "master.m3u8",
                self.master_playlist,
                "Multivariant playlist",
                playlist,
                (SESSION_PARAMETER,),
                {400, 412},
            ),
            (
                "manifest.mpd",
                self.manifest,
                "MPD, for DASH players",
                Answer("The document.", content_type=MPD_TYPE),
                (SESSION_PARAMETER,),
                {400, 412},
            ),
            (
                "time",
                self.clock,
                "Time of the stream's clock (DASH UTCTiming)",
                Answer("RFC 3339, UTC.", content_type="text/plain"),
                (),
                set(),
            ),
            (
                "poster.jpg",
                self.poster,
                "Newest still",
                Answer("The picture.", content_type="image/jpeg"),
                (),
                {412, 416},
            ),
        ]
        return [
            Route(
                method="GET",
                path=f"{prefix}/live/{{stream}}/{path}",
                handler=handler,
                summary=summary if not prefix else f"{summary}, of a private stream",
                tag="live",
                needs=Needs.VIEW,
                answers={200: answer} | ({206: _SLICE} if 416 in problems else {}) | {304: _UNCHANGED},
                query=query,
                problems=frozenset({401, 404} | ({403} if prefix else set()) | problems),
                media=True,
            )
            for path, handler, summary, answer, query, problems in calls
        ]


_SLICE: Final = Answer("The range that was asked for.", content_type="application/octet-stream")
_UNCHANGED: Final = Answer("The client has it already.")
_DECIMAL: Final = {"type": "integer", "minimum": 0, "maximum": 2**64 - 1}
SESSION_PARAMETER: Final = Parameter(
    "session",
    "A viewer counts once for each session; without it, once for each address and program.",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"},
)
DIRECTIVES: Final = (
    Parameter("_HLS_msn", "Hold the answer until this media sequence number is in the playlist.", _DECIMAL),
    Parameter("_HLS_part", "… until this part of it is. Needs `_HLS_msn`.", _DECIMAL),
    Parameter("_HLS_skip", "Answer a delta update.", {"type": "string", "enum": ["YES", "v2"]}),
    SESSION_PARAMETER,
)


def is_public(stream: LiveStream) -> bool:
    """Whether everybody may see it. A stream without a record is on air by ``access.open_publish``."""
    return stream.record is None or stream.record.visibility == "public"


@functools.lru_cache(maxsize=1024)
def derived_session(salt: bytes, address: str, program: str) -> str:
    """A session id for a player that brings none. Salted: the address cannot be found from it."""
    return hashlib.blake2b(f"{address}\n{program}".encode(), key=salt, digest_size=16).hexdigest()


@functools.lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: str) -> bool:
    """Whether the client takes gzip (RFC 9110, 12.5.3): named, or by ``*``, with a weight above 0."""
    weights: dict[str, float] = {}
    for item in accept_encoding.lower().split(","):
        coding, _, parameters = item.partition(";")
        name, _, value = parameters.strip().partition("=")
        try:
            weight = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            weight = 0.0
        weights[coding.strip()] = weight
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0.0


def _problem(refused: PlaylistRefused) -> Problem:
    codes = {400: "bad_directive", 404: "not_found", 503: "not_ready"}
    return Problem(
        refused.status,
        codes.get(refused.status, "refused"),
        refused.detail,
        retry_after_s=1 if refused.status == 503 else None,
    )
