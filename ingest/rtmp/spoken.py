"""Data messages that say something of a moment: ``onTextData``, ``onCaptionInfo``, ``onCuePoint``.

None of them has a specification of weight; these are the forms that encoders send (FLV 10.1 knows cue points,
the text messages come from Adobe's and Wowza's servers). All of it is a stranger's: short, few, and clean.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Final

from ingest.publication import CuePoint, Remark, TimedText
from ingest.rtmp.amf0 import Value
from ingest.rtmp.track_info import language

HANDLERS: Final = frozenset({"onTextData", "onCaption", "onCaptionInfo", "onCuePoint"})
TEXT_CHARACTERS: Final = 1_000
NAME_CHARACTERS: Final = 128
MOST_ATTRIBUTES: Final = 32
LONGEST_S: Final = 60.0


def spoken(handler: str, values: tuple[Value, ...], time_s: float) -> Remark | None:
    """What a data message says, or None where it says nothing that we can carry."""
    said = next((value for value in values if isinstance(value, dict)), None)
    if said is None:
        return None
    return _cue_point(said, time_s) if handler == "onCuePoint" else _text(said, time_s)


def _text(said: Mapping[str, Value], time_s: float) -> TimedText | None:
    text = said.get("text")
    if not isinstance(text, str) or not (shown := _clean(text, TEXT_CHARACTERS, "\n").strip()):
        return None
    duration_s = said.get("duration")
    lasts = isinstance(duration_s, float) and isfinite(duration_s) and 0 < duration_s <= LONGEST_S
    return TimedText(
        time_s=time_s,
        text=shown,
        language=language(said.get("language")) or language(said.get("lang")),
        duration_s=duration_s if lasts and isinstance(duration_s, float) else None,
    )


def _cue_point(said: Mapping[str, Value], time_s: float) -> CuePoint | None:
    name, kind = said.get("name"), said.get("type")
    if not isinstance(name, str) or not (shown := _clean(name, NAME_CHARACTERS)):
        return None
    parameters = said.get("parameters")
    return CuePoint(
        time_s=time_s,
        name=shown,
        kind=_clean(kind, NAME_CHARACTERS) if isinstance(kind, str) else "event",
        attributes=_attributes(parameters if isinstance(parameters, dict) else {}),
    )


def _attributes(parameters: Mapping[str, Value]) -> Mapping[str, str | float | bool]:
    """The plain ones: what is within an object has no place in a playlist's attribute."""
    kept: dict[str, str | float | bool] = {}
    for key, value in parameters.items():
        if len(kept) == MOST_ATTRIBUTES:
            break
        name = _clean(key, NAME_CHARACTERS)
        if isinstance(value, str):
            kept[name] = _clean(value, TEXT_CHARACTERS)
        elif isinstance(value, bool) or (isinstance(value, float) and isfinite(value)):
            kept[name] = value
    return kept


def _clean(text: str, most: int, also: str = "") -> str:
    return "".join(character for character in text[:most] if character.isprintable() or character in also)
