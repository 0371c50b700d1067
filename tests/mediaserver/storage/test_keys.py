"""Listing against a plain sorted list, over any keys that the grammar allows."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.storage.files import ObjectFiles
from mediaserver.storage.keys import check_key, is_name

NAMES = st.text("abAB01-_.", min_size=1, max_size=3).filter(is_name)
KEYS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
ANY_TEXT = st.text("abAB01-_./~", max_size=6)


@given(keys=st.lists(KEYS, max_size=25), prefix=ANY_TEXT, after=ANY_TEXT, limit=st.integers(0, 30))
@settings(max_examples=120, deadline=None)
def test_list_is_the_sorted_list(keys: list[str], prefix: str, after: str, limit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = ObjectFiles(Path(folder), fsync=False)
        files.open()
        for key in keys:
            files.put(key, [key.encode()], "text/plain")
        expected = sorted(key for key in set(keys) if key.startswith(prefix) and key > after)[:limit]
        assert files.list(prefix, after, limit) == expected
        assert all(files.get(key, 0, None) == key.encode() for key in expected)


@given(st.text(max_size=600))
@settings(max_examples=500)
def test_no_text_leads_out_of_the_root(text: str) -> None:
    root = Path("/srv/objects")
    try:
        check_key(text)
    except ValueError:
        return
    parts = (root / text).parts
    assert ".." not in parts
    assert parts[:3] == root.parts
    assert "\0" not in text
    assert not any(part.startswith(".") for part in text.split("/"))


@pytest.mark.parametrize("name", ["a", "A-_.9", "-", "_", "x" * 128])
def test_names(name: str) -> None:
    assert is_name(name)
