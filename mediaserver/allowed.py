"""What a value may be, in words: read from the types that msgspec checks. For whoever wrote a wrong one."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from msgspec import Meta, Struct

VALUE_LIMIT: Final = 40
"""Characters of a wrong value that are shown."""


def allowed_in(body: type[Struct], member: str) -> str | None:
    """``must be …`` for a member of a body, None where the type has no words of its own."""
    return allowed(get_type_hints(body, include_extras=True).get(member))


def allowed(annotation: Any) -> str | None:
    """The ``description`` of the type's own ``Meta``, or else the words that it lists."""
    for meta in _metas(annotation):
        if meta.description:
            return meta.description
    words = list(dict.fromkeys(_words(annotation)))
    if not words:
        return None
    return f"must be {', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else f"must be {words[0]}"


def instead_of(sentence: str, value: object) -> str:
    """``sentence`` with the wrong value behind it, cut to a length and made one line."""
    shown = repr(value)
    return f"{sentence}, not {shown if len(shown) <= VALUE_LIMIT else shown[:VALUE_LIMIT] + '…'}"


def _metas(annotation: Any) -> list[Meta]:
    found = [meta for meta in getattr(annotation, "__metadata__", ()) if isinstance(meta, Meta)]
    for part in _parts(annotation):
        found += _metas(part)
    return found


def _words(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(word) for word in get_args(annotation)]
    return [word for part in _parts(annotation) for word in _words(part)]


def _parts(annotation: Any) -> tuple[Any, ...]:
    """The types that a type is made of."""
    if get_origin(annotation) is Literal:
        return ()
    if hasattr(annotation, "__metadata__"):
        return (annotation.__origin__,)
    return get_args(annotation)
