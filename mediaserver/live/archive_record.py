"""What is kept of a run beside its segments, as ``window.json``: all that a later process needs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Final

import msgspec

from transcoder.ladder import Rendition
from transcoder.manifests.config import WindowConfig
from transcoder.manifests.stored import StoredWindow
from transcoder.media import Track

VERSION: Final = 1
ROOT: Final = "live/"
RECORD_NAME: Final = "window.json"
RECORD_TYPE: Final = "application/json"


class RecordUnreadable(ValueError):
    """It is not one of ours, or of a version that we do not know."""


class Moment(msgspec.Struct, frozen=True):
    """An instant that a later process can measure from, whether the wall clock is set meanwhile or not."""

    unix_s: float
    boot_id: str
    """Of the machine's run; empty where that is not known."""
    boot_s: float
    """Seconds since the machine started, sleep included."""

    def since(self, earlier: Moment) -> float:
        """Seconds that have passed, never negative. Exact on a machine that was not started anew."""
        if self.is_same_boot(earlier):
            return max(0.0, self.boot_s - earlier.boot_s)
        return max(0.0, self.unix_s - earlier.unix_s)

    def is_same_boot(self, other: Moment) -> bool:
        return self.boot_id != "" and self.boot_id == other.boot_id


class StoredRendition(msgspec.Struct, frozen=True):
    """One rendition and its window."""

    rendition: Rendition
    track: Track | None
    frame_rate: Fraction | None
    window: StoredWindow


class StoredText(msgspec.Struct, frozen=True):
    """Words beside the renditions, and their window."""

    channel: str
    language: str | None
    window: StoredWindow


class StoredRun(msgspec.Struct, frozen=True):
    """One run of a stream, as far as the store has it."""

    version: int
    stream: str
    epoch: str
    config: WindowConfig
    program_origin_s: float
    """Unix time of media time zero."""
    saved: Moment
    saved_media_s: float
    """Media time when this was written."""
    ended: bool
    """EXT-X-ENDLIST has been said."""
    renditions: dict[str, StoredRendition]
    """Best first."""
    texts: dict[str, StoredText]
    started_at: float | None = None
    """Unix time at which it went live; None before."""

    @property
    def windows(self) -> dict[str, StoredWindow]:
        """Of pictures, sound and words, by name."""
        windows = {name: each.window for name, each in self.renditions.items()}
        return windows | {name: each.window for name, each in self.texts.items()}

    @property
    def keys(self) -> set[str]:
        """Of everything that the store must have for it."""
        return {
            media_key(self.stream, rendition, name)
            for rendition, window in self.windows.items()
            for name in window.names
        }

    def encode(self) -> bytes:
        return msgspec.json.encode(self, enc_hook=_encode)

    @classmethod
    def decode(cls, data: bytes) -> StoredRun:
        """Raises RecordUnreadable."""
        try:
            run = msgspec.json.decode(data, type=cls, dec_hook=_decode)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RecordUnreadable(str(error)) from None
        if run.version != VERSION:
            raise RecordUnreadable(f"version {run.version} is not {VERSION}")
        return run

    def without(self, lost: Iterable[str]) -> StoredRun:
        """The same where the objects ``lost`` are not there: listed is only what can be fetched."""
        gone = set(lost)
        windows = {
            name: window.without(
                {media for media in window.names if media_key(self.stream, name, media) in gone}
            )
            for name, window in self.windows.items()
        }
        return msgspec.structs.replace(
            self,
            renditions={
                name: msgspec.structs.replace(each, window=windows[name])
                for name, each in self.renditions.items()
            },
            texts={
                name: msgspec.structs.replace(each, window=windows[name]) for name, each in self.texts.items()
            },
        )


def media_key(stream: str, rendition: str, name: str) -> str:
    """Where an init or a segment is kept: in the folder of the epoch that its name begins with."""
    return f"{ROOT}{stream}/{name.partition('-')[0]}/{rendition}/{name}"


def record_key(stream: str, epoch: str) -> str:
    """Where a run's :class:`StoredRun` is kept."""
    return f"{ROOT}{stream}/{epoch}/{RECORD_NAME}"


def stream_and_epoch(key: str) -> tuple[str, str]:
    """Whose an object is. Empty words for what nobody has put there."""
    words = key.removeprefix(ROOT).split("/")
    return (words[0], words[1]) if key.startswith(ROOT) and len(words) > 2 else ("", "")


def _encode(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    raise NotImplementedError(type(value).__name__)


def _decode(wanted: type, value: Any) -> Any:
    if wanted is Fraction and isinstance(value, str):
        try:
            return Fraction(value)
        except ZeroDivisionError:
            raise ValueError(f"{value!r} is no fraction") from None
    raise NotImplementedError(wanted.__name__)
