"""RFC 9110, 13 and 14."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.web.ranges import Precondition, Slice, Whole, precondition, requested_slice

ETAG = '"abc"'


class TestRange:
    # The examples of 14.1.2, for a representation of 10,000 bytes.
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("bytes=0-499", Slice(0, 499)),
            ("bytes=500-999", Slice(500, 999)),
            ("bytes=-500", Slice(9500, 9999)),
            ("bytes=9500-", Slice(9500, 9999)),
            ("bytes=0-0,-1", Whole.ALL),
            ("BYTES=0-1", Slice(0, 1)),
            ("bytes= 0-1 ", Slice(0, 1)),
            ("bytes=0-99999999999999999999999", Whole.ALL),
            ("bytes=", Whole.ALL),
            ("bytes=--1", Whole.ALL),
            ("bytes=٠-١", Whole.ALL),
            ("bytes=10000-", Whole.UNSATISFIABLE),
            ("bytes=-0", Whole.UNSATISFIABLE),
        ],
    )
    def test_one_range(self, value: str, expected: Slice | Whole) -> None:
        assert requested_slice({"Range": value}, 10_000, ETAG) == expected

    def test_nothing_of_nothing(self) -> None:
        assert requested_slice({"Range": "bytes=0-"}, 0, ETAG) is Whole.UNSATISFIABLE
        assert requested_slice({"Range": "bytes=-5"}, 0, ETAG) is Whole.UNSATISFIABLE

    @given(st.text(max_size=60), st.integers(0, 1_000))
    def test_whatever_is_asked_the_slice_lies_inside(self, value: str, size: int) -> None:
        found = requested_slice({"Range": f"bytes={value}"}, size, ETAG)
        if isinstance(found, Slice):
            assert 0 <= found.first <= found.last < size


class TestPrecondition:
    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({}, Precondition.GO_ON),
            ({"If-None-Match": ETAG}, Precondition.NOT_MODIFIED),
            ({"If-None-Match": f"W/{ETAG}"}, Precondition.NOT_MODIFIED),
            ({"If-None-Match": f'"x",  {ETAG}'}, Precondition.NOT_MODIFIED),
            ({"If-None-Match": "*"}, Precondition.NOT_MODIFIED),
            ({"If-None-Match": '"x"'}, Precondition.GO_ON),
            ({"If-None-Match": "abc"}, Precondition.GO_ON),
            ({"If-Match": ETAG}, Precondition.GO_ON),
            ({"If-Match": "*"}, Precondition.GO_ON),
            ({"If-Match": f"W/{ETAG}"}, Precondition.FAILED),
            ({"If-Match": '"x"', "If-None-Match": ETAG}, Precondition.FAILED),
        ],
    )
    def test_table(self, headers: dict[str, str], expected: Precondition) -> None:
        assert precondition(headers, ETAG) is expected
