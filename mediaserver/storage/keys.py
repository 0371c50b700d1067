"""The grammar of object keys: what every store can hold, and no file system can be tricked with. Pure."""

from __future__ import annotations

import re
from typing import Final

MAX_KEY_CHARS: Final = 512
"""S3 allows 1024 bytes; the rest is left to the prefix that a bucket may be shared under."""
MAX_NAME_CHARS: Final = 128
"""Between two slashes. File systems allow 255 bytes, and stores add to it."""

# No name begins with a dot: so none is ".", ".." or hidden, and what a store keeps for itself may be.
_NAME: Final = rf"[A-Za-z0-9_-][A-Za-z0-9._-]{{0,{MAX_NAME_CHARS - 1}}}"
_KEY: Final = re.compile(rf"{_NAME}(?:/{_NAME})*", re.ASCII)
_ONE_NAME: Final = re.compile(_NAME, re.ASCII)


def check_key(key: str) -> str:
    """The key itself. Raises ValueError where it is outside the grammar."""
    if len(key) > MAX_KEY_CHARS or _KEY.fullmatch(key) is None:
        raise ValueError(f"{key[:80]!r} is no object key")
    return key


def is_name(text: str) -> bool:
    """Whether ``text`` may stand between two slashes of a key."""
    return _ONE_NAME.fullmatch(text) is not None
