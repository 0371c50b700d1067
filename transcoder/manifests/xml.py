"""Elements as text: the little of XML 1.0 that an MPD needs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape, quoteattr

# XML 1.0 2.2: what is no Char must not even stand there as a reference.
_NO_CHAR: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Attribute = tuple[str, str | int | None]


def element(name: str, attributes: Iterable[Attribute] = (), children: Iterable[str] = ()) -> str:
    """An element with the attributes that are not None, in the order given. ``children`` are elements."""
    inner = "".join(children)
    head = name + "".join(
        f" {key}={quoteattr(_clean(str(value)))}" for key, value in attributes if value is not None
    )
    return f"<{head}>\n{inner}</{name}>\n" if inner else f"<{head}/>\n"


def text_element(name: str, attributes: Iterable[Attribute], text: str) -> str:
    """An element around text."""
    head = name + "".join(
        f" {key}={quoteattr(_clean(str(value)))}" for key, value in attributes if value is not None
    )
    return f"<{head}>{escape(_clean(text))}</{name}>\n"


def _clean(text: str) -> str:
    return _NO_CHAR.sub("", text)
