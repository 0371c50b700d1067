"""Slices of shared bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mediaserver.web.raw import slice_pieces


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=6), st.data())
def test_a_slice_is_the_slice_of_the_whole(chunks: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(chunks)
    if not whole:
        return
    first = data.draw(st.integers(0, len(whole) - 1))
    last = data.draw(st.integers(first, len(whole) - 1))
    pieces = slice_pieces(chunks, first, last)
    assert b"".join(pieces) == whole[first : last + 1]


def test_whole_chunks_are_not_copied() -> None:
    chunks = (b"abc", b"def")
    assert slice_pieces(chunks, 0, 5)[1] is chunks[1]
