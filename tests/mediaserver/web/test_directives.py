"""RFC 8216bis, 6.2.5, as a query on the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.web.directives import DirectiveError, Directives, parse_directives


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", Directives()),
        ("_HLS_msn=7", Directives(7)),
        ("_HLS_msn=7&_HLS_part=0", Directives(7, 0)),
        ("_HLS_part=0&_HLS_msn=18446744073709551615", Directives(2**64 - 1, 0)),
        ("_HLS_skip=YES", Directives(skip="YES")),
        ("_HLS_skip=v2", Directives(skip="v2")),
        ("_HLS_skip=v3", Directives()),
        ("session=abcd-_12", Directives(session="abcd-_12")),
        ("%5FHLS_msn=%37", Directives(7)),
        ("other=1&&=&a", Directives()),
    ],
)
def test_good_queries(query: str, expected: Directives) -> None:
    assert parse_directives(query) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("_HLS_msn", "_HLS_msn"),
        ("_HLS_msn=-1", "_HLS_msn"),
        ("_HLS_msn=+1", "_HLS_msn"),
        ("_HLS_msn=1_0", "_HLS_msn"),
        ("_HLS_msn=18446744073709551616", "_HLS_msn"),
        ("_HLS_msn=1&_HLS_msn=1", "_HLS_msn"),
        ("_HLS_msn=1&_HLS_part=x", "_HLS_part"),
        ("_HLS_part=1", "_HLS_part"),
        ("session=short", "session"),
        ("session=a%0d%0aSet-Cookie:x", "session"),
        ("a" * 3000, None),
    ],
)
def test_bad_queries_name_their_field(query: str, field: str | None) -> None:
    with pytest.raises(DirectiveError) as caught:
        parse_directives(query)
    assert caught.value.field == field


@given(st.text(max_size=200))
def test_any_query_gives_directives_or_the_error(query: str) -> None:
    try:
        found = parse_directives(query)
    except DirectiveError:
        return
    assert found.msn is None or 0 <= found.msn < 2**64
