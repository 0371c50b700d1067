"""Stand-ins with the public face of the live engine and of access: small, real windows inside, no media."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import msgspec
from msgspec import UNSET

from ingest.publication import PublishRefused, PublishRequest
from mediaserver.live.measures import StreamMeasures
from mediaserver.live.output import PlaylistRefused, RenditionOutput
from mediaserver.live.records import StreamRecord
from mediaserver.live.states import StreamState
from mediaserver.live.stream import StreamStatistics
from mediaserver.live.viewers import Viewers
from transcoder.ladder import Rendition
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.hls import Report
from transcoder.manifests.rendered import RenderedPlaylist
from transcoder.manifests.window import MediaWindow
from transcoder.media import Codec, Kind

CONFIG = WindowConfig(target_duration_s=4, part_target_s=0.25, window_s=30)
OPERATOR_TOKEN = "operator-token-of-the-tests"
PROGRAM_TIME_S = 1_750_000_000.0


def record_of(name: str, **fields: Any) -> StreamRecord:
    return StreamRecord(
        name=name, key_hash="", created_at=PROGRAM_TIME_S, updated_at=PROGRAM_TIME_S, **fields
    )


class FakeStream:
    """Two renditions, ``720p`` and ``audio``; the test adds parts."""

    def __init__(
        self, record: StreamRecord, *, config: WindowConfig = CONFIG, epoch: str = "e1a2b3c4"
    ) -> None:
        self.record = record
        self.name = record.name
        self.state = StreamState.LIVE
        self.started_at = PROGRAM_TIME_S
        self.publication = None
        self.viewers = Viewers(15.0)
        self.measures = StreamMeasures()
        self.poster: bytes | None = None
        self.poster_etag: str | None = None
        self.grace_left_s: float | None = None
        self.broadcast = None
        self.part_target_s = config.part_target_s
        self.broken = False
        self.now_s = 0.0
        self._outputs: dict[str, RenditionOutput] = {}
        for rendition in (
            Rendition(
                name="720p", kind=Kind.VIDEO, codec=Codec.H264, passthrough=False, width=1280, height=720,
                frame_rate=Fraction(30), bitrate_bps=2_500_000, source_track_id=1,
            ),
            Rendition(
                name="audio", kind=Kind.AUDIO, codec=Codec.AAC, passthrough=True, source_track_id=2,
                sample_rate=48_000, channels=2,
            ),
        ):  # fmt: skip
            window = MediaWindow(config, epoch)
            window.set_init(b"init of " + rendition.name.encode())
            self._outputs[rendition.name] = RenditionOutput(
                rendition, window, self._reports_for(rendition.name)
            )

    def _reports_for(self, name: str):  # type: ignore[no-untyped-def]
        return lambda: [
            Report(f"../{other}/media.m3u8", output.window.position)
            for other, output in self._outputs.items()
            if other != name and output.window.position is not None
        ]

    @property
    def renditions(self) -> list[RenditionOutput]:
        return list(self._outputs.values())

    def window(self, rendition: str = "720p") -> MediaWindow:
        return self._outputs[rendition].window

    def add_part(self, data: bytes = b"part", *, independent: bool = True) -> None:
        """One part in every rendition; who waits is woken."""
        self.now_s += 0.25
        for output in self._outputs.values():
            output.window.add_part(
                data,
                duration_s=0.25,
                independent=independent,
                now_s=self.now_s,
                program_time_s=PROGRAM_TIME_S + self.now_s,
            )
        self.notify()

    def add_segment(self, parts: int = 8, data: bytes = b"part") -> None:
        for _ in range(parts):
            self.add_part(data)
        for output in self._outputs.values():
            output.window.end_segment(self.now_s)
        self.notify()

    def end(self) -> None:
        for output in self._outputs.values():
            output.window.end()
        self.notify()

    def stop(self) -> None:
        for output in self._outputs.values():
            output.stop()

    def notify(self) -> None:
        for output in self._outputs.values():
            output.notify()

    @property
    def waiting(self) -> int:
        return sum(output.waiting for output in self._outputs.values())

    async def master_playlist(self) -> RenderedPlaylist | None:
        if self.broken:
            raise RuntimeError("a bug of the tests, with a secret path /etc/secret")
        if not self.window().is_playable:
            return None
        return RenderedPlaylist("#EXTM3U\n#EXT-X-VERSION:9\n")

    async def dash_manifest(self, known: str | None = None) -> RenderedPlaylist | None:
        if not self.window().is_playable:
            return None
        return RenderedPlaylist(f"<MPD {self.window().next_msn}/>")

    @property
    def clock_ms(self) -> int | None:
        return round(PROGRAM_TIME_S * 1000) + 250

    async def media_playlist(self, rendition, *, msn, part, skip):  # type: ignore[no-untyped-def]
        return await self._output(rendition).playlist(msn, part, skip)

    async def media(self, rendition, name):  # type: ignore[no-untyped-def]
        return await self._output(rendition).media(name)

    def _output(self, rendition: str) -> RenditionOutput:
        if rendition not in self._outputs:
            raise PlaylistRefused(404, "there is no such rendition")
        return self._outputs[rendition]

    def statistics(self) -> StreamStatistics:
        return StreamStatistics(
            state=self.state,
            started_at=self.started_at,
            viewers=self.viewers.count(0.0),
            input_bps=1_000_000.0,
            dropped_units=0,
            gap_segments=0,
            waiting_requests=self.waiting,
        )


class FakeRegistry:
    """Streams in a dict."""

    def __init__(self) -> None:
        self._streams: dict[str, FakeStream] = {}
        self._keys = itertools.count(1)
        self.kicked: list[tuple[str, str]] = []
        self.lookups = 0
        self.relayed: list[tuple[PublishRequest, str]] = []
        self.relays_ended: list[tuple[str, str]] = []
        self.relay_refusal: PublishRefused | None = None

    def add(self, name: str, **fields: object) -> FakeStream:
        stream = FakeStream(record_of(name, **fields))
        self._streams[name] = stream
        return stream

    def all(self) -> list[FakeStream]:
        return [self._streams[name] for name in sorted(self._streams)]

    def get(self, name: str) -> FakeStream | None:
        self.lookups += 1
        return self._streams.get(name)

    async def create_or_update(self, name, changes):  # type: ignore[no-untyped-def]
        created = name not in self._streams
        stream = self._streams.get(name) or self.add(name)
        told = {key: value for key, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
        stream.record = msgspec.structs.replace(stream.record, **told)
        return stream.record, f"key-{next(self._keys)}" if created else None, created

    async def new_key(self, name: str) -> str:
        return f"key-{next(self._keys)}"

    async def delete(self, name: str) -> None:
        del self._streams[name]

    async def allow_relay(self, request: PublishRequest, client: str) -> None:
        if self.relay_refusal is not None:
            raise self.relay_refusal
        self.relayed.append((request, client))

    async def end_relay(self, request: PublishRequest, client: str) -> None:
        self.relays_ended.append((request.stream, client))

    def kick(self, name: str, reason: str) -> bool:
        if self._streams[name].publication is None:
            return False
        self.kicked.append((name, reason))
        self._streams[name].publication = None
        return True

    def barred_s(self, name: str) -> float:
        return 41.5 if any(name == kicked for kicked, _ in self.kicked) else 0.0


@dataclass(frozen=True)
class FakeHolder:
    is_operator: bool = False
    grants: tuple[tuple[str, str], ...] = ()

    def may(self, action: str, resource: str) -> bool:
        return self.is_operator or (action, resource) in self.grants


@dataclass(frozen=True)
class Issued:
    token: str
    id: str
    expires_at: float


@dataclass
class FakeAccess:
    """Tokens in a dict."""

    holders: dict[str, FakeHolder] = field(
        default_factory=lambda: {OPERATOR_TOKEN: FakeHolder(is_operator=True)}
    )
    ids: dict[str, str] = field(default_factory=dict)

    def give(self, token: str, *grants: tuple[str, str]) -> str:
        self.holders[token] = FakeHolder(grants=grants)
        return token

    def authenticate(self, token: str) -> FakeHolder | None:
        return self.holders.get(token)

    async def issue(self, subject: str, action: str, resource: str, ttl_s: int) -> Issued:
        token = f"token-{len(self.holders)}"
        self.give(token, (action, resource))
        self.ids[f"id-{token}"] = token
        return Issued(token, f"id-{token}", PROGRAM_TIME_S + ttl_s)

    async def revoke(self, token_id: str) -> bool:
        token = self.ids.pop(token_id, None)
        return token is not None and self.holders.pop(token) is not None
