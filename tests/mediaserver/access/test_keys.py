"""Publish keys: random, hashed, compared whole."""

from __future__ import annotations

import hashlib
import re

from mediaserver.access.keys import KEY_LIMIT_CHARS, hash_key, key_matches, new_key


def test_a_key_needs_no_escaping_and_holds_256_bits() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", key) for key in keys)


def test_the_hash_is_sha256_and_does_not_hold_the_key() -> None:
    # FIPS 180-2, appendix B.1
    assert hash_key("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    key = new_key()
    assert hash_key(key) == hashlib.sha256(key.encode()).hexdigest()
    assert key not in hash_key(key)


def test_only_the_whole_key_matches() -> None:
    key = new_key()
    stored = hash_key(key)
    assert key_matches(key, stored)
    for wrong in ["", key[:-1], key + "x", key.swapcase(), stored, "\udcff", "é" * 43]:
        assert not key_matches(wrong, stored)


def test_what_is_longer_than_any_key_is_not_hashed() -> None:
    huge = "x" * (KEY_LIMIT_CHARS + 1)
    assert not key_matches(huge, hash_key(huge))
