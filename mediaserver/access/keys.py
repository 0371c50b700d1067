"""Publish keys: long random text, shown once, kept as a hash.

A plain SHA-256 is enough: the key is 256 random bits, so there is nothing to guess that a slow hash
would protect.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

KEY_BYTES: Final = 32
KEY_LIMIT_CHARS: Final = 256
"""Of what a publisher may send as its key; longer ones are not even hashed."""


def new_key() -> str:
    """43 characters that need no escaping in a URL."""
    return secrets.token_urlsafe(KEY_BYTES)


def hash_key(key: str) -> str:
    """What is kept of a key: hexadecimal SHA-256."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def key_matches(key: str, key_hash: str) -> bool:
    """Whether ``key`` is the one that was hashed; in constant time."""
    return len(key) <= KEY_LIMIT_CHARS and hmac.compare_digest(hash_key(key), key_hash)
