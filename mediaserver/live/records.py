"""What is kept of a stream: its settings, the hash of its publish key, and where its playlists stood."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from mediaserver.access.keys import hash_key, key_matches, new_key
from mediaserver.state.records import ABSENT, RecordConflict, Records, RecordsError

log = logging.getLogger(__name__)

STREAM_KIND = "stream"
CHECKPOINT_KIND = "stream-checkpoint"

Visibility = Literal["public", "private"]
Rung = Literal["1080p", "720p", "480p", "360p"]
LadderSetting = (
    Literal["auto", "passthrough"]
    | Annotated[
        tuple[Rung, ...],
        Meta(
            min_length=1,
            max_length=4,
            description='must be "auto", "passthrough", null or a list of 1080p, 720p, 480p, 360p',
        ),
    ]
)
Title = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]*\Z",
        description="must be text on one line, of at most 200 characters",
    ),
]
Seconds = Annotated[float, Meta(ge=0, le=7 * 86_400, description="must be seconds from 0 to 604800")]


class StreamChanges(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a PUT may say; what it leaves out stays as it is, or gets the default of a new stream."""

    title: Title | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET
    record: bool | UnsetType = UNSET
    ladder: LadderSetting | UnsetType | None = UNSET
    """None goes back to the server's ``live.ladder``."""
    dvr_s: Seconds | UnsetType = UNSET
    takeover: bool | UnsetType | None = UNSET
    """None goes back to the server's ``live.takeover``."""


class Checkpoint(Struct, frozen=True, kw_only=True):
    """Where a stream's playlists stood, so that their numbers never go back over a restart."""

    next_msn: int
    discontinuity_sequence: int
    saved_at: float
    """Unix seconds."""


class StreamRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One stream. Immutable: a change makes a new one."""

    name: str
    key_hash: str
    created_at: float
    """Unix seconds, as ``updated_at``."""
    updated_at: float
    title: str = ""
    visibility: Visibility = "public"
    record: bool = False
    ladder: LadderSetting | None = None
    """None: the server's ``live.ladder``."""
    dvr_s: float = 0.0
    takeover: bool | None = None
    """Whether who has the key takes the place of a publisher that is there; None: ``live.takeover``."""
    checkpoint: Checkpoint | None = None
    """Kept as a record of its own, so that saving it never meets a change of the settings."""


class StreamRecords:
    """The streams that are kept. Raises :class:`mediaserver.state.records.RecordsError` throughout."""

    def __init__(self, records: Records, *, clock: Callable[[], float] = time.time) -> None:
        self._records = records
        self._clock = clock

    async def list(self) -> list[StreamRecord]:
        """Every stream, by name. One that cannot be read is logged and left out."""
        streams: list[StreamRecord] = []
        after = ""
        while page := await self._records.list_records(STREAM_KIND, after=after):
            after = page[-1].key
            for record in page:
                try:
                    streams.append(await self._with_checkpoint(_decode(record.key, record.value)))
                except RecordsError as error:
                    log.error("%s", error)
        return streams

    async def get(self, name: str) -> StreamRecord | None:
        """The stream of this name."""
        record = await self._records.get(STREAM_KIND, name)
        return None if record is None else await self._with_checkpoint(_decode(name, record.value))

    async def create_or_update(self, name: str, changes: StreamChanges) -> tuple[StreamRecord, str | None]:
        """The stream as it is now and, only if this call made it, its publish key."""
        while True:
            found = await self._records.get(STREAM_KIND, name)
            now = self._clock()
            key = None
            if found is None:
                key = new_key()
                stream = StreamRecord(name=name, key_hash=hash_key(key), created_at=now, updated_at=now)
            else:
                stream = _decode(name, found.value)
            stream = msgspec.structs.replace(stream, updated_at=now, **_changed(changes))
            if await self._write(stream, found.version if found else ABSENT):
                return await self._with_checkpoint(stream), key

    async def new_key(self, name: str) -> str:
        """A new publish key; the old one stops working at once. Raises KeyError."""
        while True:
            found = await self._records.get(STREAM_KIND, name)
            if found is None:
                raise KeyError(name)
            key = new_key()
            stream = msgspec.structs.replace(
                _decode(name, found.value), key_hash=hash_key(key), updated_at=self._clock()
            )
            if await self._write(stream, found.version):
                return key

    async def verify_key(self, name: str, key: str) -> bool:
        """Whether ``key`` may publish. False for a stream that does not exist, after the same work."""
        found = await self._records.get(STREAM_KIND, name)
        expected = _NO_HASH if found is None else _decode(name, found.value).key_hash
        return key_matches(key, expected)

    async def delete(self, name: str) -> None:
        """Forget a stream. Its playlists' numbers stay known: the name may be used again while players of
        the old stream still ask. Raises KeyError."""
        if not await self._records.delete(STREAM_KIND, name):
            raise KeyError(name)

    async def save_checkpoint(self, name: str, *, next_msn: int, discontinuity_sequence: int) -> None:
        """Keep where the playlists stand."""
        checkpoint = Checkpoint(
            next_msn=next_msn, discontinuity_sequence=discontinuity_sequence, saved_at=self._clock()
        )
        await self._records.put(
            CHECKPOINT_KIND, name, msgspec.json.encode(checkpoint), ttl_s=CHECKPOINT_TTL_S
        )

    async def _write(self, stream: StreamRecord, expected_version: int) -> bool:
        value = msgspec.json.encode(msgspec.structs.replace(stream, checkpoint=None))
        try:
            await self._records.put(STREAM_KIND, stream.name, value, expected_version=expected_version)
        except RecordConflict:
            return False
        return True

    async def _with_checkpoint(self, stream: StreamRecord) -> StreamRecord:
        found = await self._records.get(CHECKPOINT_KIND, stream.name)
        if found is None:
            return msgspec.structs.replace(stream, checkpoint=None)
        try:
            checkpoint = msgspec.json.decode(found.value, type=Checkpoint)
        except msgspec.DecodeError as error:
            raise RecordsError(f"checkpoint of stream {stream.name!r} cannot be read: {error}") from error
        return msgspec.structs.replace(stream, checkpoint=checkpoint)


CHECKPOINT_TTL_S = 366 * 86_400
"""Longer than any broadcast that has been heard of; a checkpoint outlives its stream."""
_NO_HASH = "0" * 64


def _decode(name: str, value: bytes) -> StreamRecord:
    try:
        return msgspec.json.decode(value, type=StreamRecord)
    except msgspec.DecodeError as error:
        raise RecordsError(f"record of stream {name!r} cannot be read: {error}") from error


def _changed(changes: StreamChanges) -> dict[str, object]:
    return {
        name: value
        for name in StreamChanges.__struct_fields__
        if (value := getattr(changes, name)) is not UNSET
    }
