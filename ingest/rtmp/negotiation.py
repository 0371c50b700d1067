"""What ``connect`` agrees on: the application, the key, and enhanced RTMP's capabilities of both sides.

Enhanced RTMP v2, "Enhancing NetConnection connect Command".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from math import isfinite
from typing import Final
from urllib.parse import unquote

from ingest.rtmp import flv
from ingest.rtmp.amf0 import Value

_ANY: Final = "*"
_MOST_CODECS: Final = 64
_ENCODER_CHARACTERS: Final = 64
_ENHANCED: Final = frozenset({"fourCcList", "videoFourCcInfoMap", "audioFourCcInfoMap", "capsEx"})


class CapsEx(IntFlag):
    """CapsExMask."""

    RECONNECT = 0x01
    MULTITRACK = 0x02
    MOD_EX = 0x04
    TIMESTAMP_NANO_OFFSET = 0x08


class FourCcInfo(IntFlag):
    """FourCcInfoMask: what can be done with a codec."""

    DECODE = 0x01
    ENCODE = 0x02
    FORWARD = 0x04


_NO_CAPS: Final = CapsEx(0)
OURS: Final = CapsEx.RECONNECT | CapsEx.MULTITRACK | CapsEx.MOD_EX | CapsEx.TIMESTAMP_NANO_OFFSET


@dataclass(frozen=True, slots=True)
class PeerCapabilities:
    """What a peer says that it can do beyond RTMP 1.0."""

    caps_ex: CapsEx = _NO_CAPS
    is_enhanced: bool = False
    """It has said anything of it at all."""
    codecs: Mapping[str, FourCcInfo] = field(default_factory=dict)
    """By FourCC; ``*`` stands for every one."""

    @property
    def can_reconnect(self) -> bool:
        """It can be asked to go to another server."""
        return CapsEx.RECONNECT in self.caps_ex

    def codec(self, fourcc: str) -> FourCcInfo:
        """What it can do with a codec. "When this wildcard key exists, it overrides the flags set on
        properties for specific codecs"."""
        return self.codecs.get(_ANY, self.codecs.get(fourcc, FourCcInfo(0)))

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> PeerCapabilities:
        """From ``connect``'s command object, or from the information of its answer.

        Lists and maps may come as any of AMF's arrays and objects.
        """
        codecs: dict[str, FourCcInfo] = {}
        for name in _names(values.get("fourCcList")):
            # A list says no more than that the codec may come: "clients capable of receiving any codec
            # (e.g., recorders or forwarders) may set a FourCC value to the wildcard value".
            codecs[name] = FourCcInfo.FORWARD if name == _ANY else FourCcInfo.DECODE
        for key in ("videoFourCcInfoMap", "audioFourCcInfoMap"):
            told = values.get(key)
            for name, mask in list(told.items())[:_MOST_CODECS] if isinstance(told, dict) else ():
                codecs[name[:4]] = FourCcInfo(_mask(mask))
        return cls(CapsEx(_mask(values.get("capsEx"))), bool(values.keys() & _ENHANCED), codecs)


NOTHING_ENHANCED: Final = PeerCapabilities()


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """What a client's ``connect`` asks for."""

    app: str
    """Without its query and the slashes around it."""
    key: str | None = field(repr=False)
    tc_url: str = field(repr=False)
    """As it was written: it may hold a key."""
    encoder: str | None
    """``flashVer``, printable and short."""
    capabilities: PeerCapabilities

    @classmethod
    def of(cls, command_object: Value) -> ConnectRequest:
        """Whatever is missing or of another type is as if it were empty."""
        asked = command_object if isinstance(command_object, dict) else {}
        app, app_query = split_query(text(asked.get("app")))
        tc_url = text(asked.get("tcUrl"))
        _, url_query = split_query(tc_url)
        return cls(
            app.strip("/"),
            key_of(url_query) or key_of(app_query),
            tc_url,
            _printable(text(asked.get("flashVer"))),
            PeerCapabilities.of(asked),
        )


def connect_information(peer: PeerCapabilities) -> dict[str, Value]:
    """The information of ``_result``: success, and to an enhanced client what we can, and no more."""
    information: dict[str, Value] = {
        "level": "status",
        "code": "NetConnection.Connect.Success",
        "description": "connected",
        "objectEncoding": 0.0,
    }
    if peer.is_enhanced:
        information |= our_capabilities()
    return information


def our_capabilities() -> dict[str, Value]:
    """What a server SHOULD state "via attributes such as videoFourCcInfoMap, capsEx, and similar"."""
    mask = float(FourCcInfo.DECODE | FourCcInfo.FORWARD)
    names = [name.decode() for name in (*flv.VIDEO_FOURCC, *flv.AUDIO_FOURCC)]
    return {
        "capsEx": float(OURS),
        "fourCcList": list(names),
        "videoFourCcInfoMap": {name.decode(): mask for name in flv.VIDEO_FOURCC},
        "audioFourCcInfoMap": {name.decode(): mask for name in flv.AUDIO_FOURCC},
    }


def text(value: Value) -> str:
    """The value where it is text, else nothing."""
    return value if isinstance(value, str) else ""


def split_query(path: str) -> tuple[str, str]:
    """What stands before and behind the first question mark."""
    before, _, query = path.partition("?")
    return before, query


def key_of(query: str) -> str | None:
    """The ``key`` of a query. ``+`` stays a plus: people paste keys, they do not submit forms."""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name == "key" and value:
            return unquote(value)
    return None


def _names(value: Value) -> list[str]:
    """A strict array of strings, or an object or ECMA array that has them as its values."""
    values = list(value.values()) if isinstance(value, dict) else value
    return (
        [name[:4] for name in values[:_MOST_CODECS] if isinstance(name, str)]
        if isinstance(values, list)
        else []
    )


def _mask(value: Value) -> int:
    return int(value) if isinstance(value, float) and isfinite(value) and 0 <= value < 1 << 16 else 0


def loggable(name: str, *, may_hold_key: bool = True) -> str:
    """A name that the peer chose, for the log. Who pastes the key alone into OBS has written it as a name."""
    shown = "".join(c for c in name if c.isprintable() and c not in "?&=")[:64]
    return shown if not may_hold_key or len(shown) < 16 else shown[:4] + "…"


def _printable(words: str) -> str | None:
    """Safe and short for a log line."""
    return "".join(character for character in words if character.isprintable())[:_ENCODER_CHARACTERS] or None
