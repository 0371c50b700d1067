"""What ``onMetaData`` says of the tracks: frame rates, languages, names.

Everything else there the bitstreams know better.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Final

from ingest.rtmp.amf0 import Value
from transcoder.media import Kind

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,3}\Z")
_TRACK_NUMBER: Final = re.compile(r"(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})\Z")
_NAME_CHARACTERS: Final = 64
_MAPS: Final = {Kind.VIDEO: "videoTrackIdInfoMap", Kind.AUDIO: "audioTrackIdInfoMap"}
_LANGUAGE_KEYS: Final = ("language", "lang", "languageCode")
_NAME_KEYS: Final = ("name", "title", "label", "trackName")
_MOST_TRACKS: Final = 256

# ISO 639-2 (both its lists) to ISO 639-1: RFC 5646 2.2.1 wants the shortest code that there is.
_TWO_LETTERS: Final = {
    "ara": "ar", "bul": "bg", "ben": "bn", "ces": "cs", "cze": "cs", "dan": "da", "deu": "de", "ger": "de",
    "ell": "el", "gre": "el", "eng": "en", "spa": "es", "est": "et", "fas": "fa", "per": "fa", "fin": "fi",
    "fra": "fr", "fre": "fr", "heb": "he", "hin": "hi", "hrv": "hr", "hun": "hu", "ind": "id", "ita": "it",
    "jpn": "ja", "kor": "ko", "lit": "lt", "lav": "lv", "msa": "ms", "may": "ms", "nob": "nb", "nld": "nl",
    "dut": "nl", "nor": "no", "pol": "pl", "por": "pt", "ron": "ro", "rum": "ro", "rus": "ru", "slk": "sk",
    "slo": "sk", "slv": "sl", "srp": "sr", "swe": "sv", "tam": "ta", "tha": "th", "tur": "tr", "ukr": "uk",
    "urd": "ur", "vie": "vi", "zho": "zh", "chi": "zh",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """What the publisher says of one track. None: nothing, or nothing usable."""

    language: str | None = None
    """BCP 47."""
    name: str | None = None
    frame_rate: Fraction | None = None


NOTHING: Final = TrackInfo()


def tracks_told(values: Mapping[str, Value]) -> dict[tuple[Kind, int], TrackInfo]:
    """By kind and track number.

    Enhanced RTMP v2, "Enhancing onMetaData": audioTrackIdInfoMap and videoTrackIdInfoMap hold an object for
    each track id, with "properties […] which deviate from the default track settings"; the names of
    language and name it leaves open, so we take those that are in use. The default track's stand beside.
    """
    found = {
        (Kind.VIDEO, 0): TrackInfo(
            frame_rate=frame_rate(values.get("framerate")), language=_language_of(values, ("videolanguage",))
        ),
        (Kind.AUDIO, 0): TrackInfo(language=_language_of(values, ("audiolanguage", *_LANGUAGE_KEYS))),
    }
    for kind, key in _MAPS.items():
        told = values.get(key)
        for number, track in list(told.items())[:_MOST_TRACKS] if isinstance(told, dict) else ():
            if isinstance(track, dict) and _TRACK_NUMBER.match(number) is not None:
                default = found.get((kind, int(number)), NOTHING)
                found[kind, int(number)] = TrackInfo(
                    _language_of(track, _LANGUAGE_KEYS) or default.language,
                    _name_of(track),
                    frame_rate(track.get("framerate")) or default.frame_rate,
                )
    return {track: info for track, info in found.items() if info != NOTHING}


def language(text: Value) -> str | None:
    """A BCP 47 tag of what was sent; three-letter codes become two-letter ones where there are such."""
    if not isinstance(text, str) or _LANGUAGE.match(text) is None:
        return None
    primary, *rest = text.replace("_", "-").split("-")
    primary = primary.lower()
    if primary in ("und", "mul", "zxx", "mis"):
        return None
    return "-".join((_TWO_LETTERS.get(primary, primary), *rest))


def frame_rate(value: Value) -> Fraction | None:
    """29.97 means 30000/1001: the nearest fraction with a denominator that video uses."""
    if not isinstance(value, float) or not isfinite(value) or not 1 <= value <= 480:
        return None
    told = Fraction(value)
    whole = Fraction(round(value))
    ntsc = Fraction(round(value * 1.001) * 1000, 1001)
    nearest = min(whole, ntsc, key=lambda candidate: abs(candidate - told))
    return nearest if abs(nearest - told) < Fraction(1, 100) else told.limit_denominator(1001)


def _language_of(values: Mapping[str, Value], keys: tuple[str, ...]) -> str | None:
    return next((tag for key in keys if (tag := language(values.get(key))) is not None), None)


def _name_of(values: Mapping[str, Value]) -> str | None:
    for key in _NAME_KEYS:
        if isinstance(text := values.get(key), str):
            shown = "".join(character for character in text if character.isprintable()).strip()
            if shown:
                return shown[:_NAME_CHARACTERS]
    return None
