"""What is allowed is said where a value is wrong."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest

from mediaserver.access.tokens import TokenSigner, UnfitClaims
from mediaserver.allowed import allowed, instead_of
from mediaserver.live.records import StreamChanges
from mediaserver.web.bodies import invalid
from mediaserver.web.tokens import TokenRequest


def test_words_of_a_type() -> None:
    assert allowed(Literal["a", "b", "c"] | None) == "must be a, b or c"
    assert allowed(Literal["a"]) == "must be a"
    assert allowed(Annotated[int, msgspec.Meta(ge=1, description="must be 1 or more")]) == "must be 1 or more"
    assert allowed(bool) is None
    assert len(instead_of("must be a", "x" * 1_000)) < 70


@pytest.mark.parametrize(
    ("body_type", "body", "field", "wanted"),
    [
        (StreamChanges, {"visibility": "secret"}, "visibility", "public or private"),
        (StreamChanges, {"ladder": ["900p"]}, "ladder[0]", "1080p, 720p, 480p, 360p"),
        (StreamChanges, {"ladder": []}, "ladder", '"auto", "passthrough"'),
        (StreamChanges, {"title": "a\nb"}, "title", "one line"),
        (StreamChanges, {"dvr_s": -1}, "dvr_s", "from 0 to 604800"),
        (StreamChanges, {"record": "yes"}, "record", "bool"),
        (StreamChanges, {"visible": True}, "visible", "title, visibility, record"),
        (TokenRequest, {"subject": "a", "action": "own", "resource": "stream:a"}, "action", "view, publish"),
        (TokenRequest, {"subject": "a", "action": "view", "resource": "mine"}, "resource", "stream:NAME"),
        (TokenRequest, {"subject": "", "action": "view", "resource": "stream:a"}, "subject", "1 to 128"),
    ],
)
def test_a_wrong_member_is_told_what_it_may_be(
    body_type: type, body: dict[str, object], field: str, wanted: str
) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(body, body_type)
    problem = invalid(caught.value, body_type)
    assert problem.field == field
    assert wanted in problem.detail
    assert "regex" not in problem.detail


@pytest.mark.parametrize(
    ("claims", "wanted"),
    [
        (("a", "view", "mine"), "resource: must be stream:NAME"),
        (("a", "own", "stream:a"), "action: must be view, publish, join"),
        (("", "view", "stream:a"), "subject: must be 1 to 128"),
    ],
)
def test_so_is_who_makes_a_token(claims: tuple[str, str, str], wanted: str) -> None:
    with pytest.raises(UnfitClaims) as caught:
        TokenSigner("s" * 64).issue(*claims, 60)
    assert wanted in str(caught.value)
