"""Bodies that do not come, and errors of msgspec read for their field."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from mediaserver.live.records import StreamChanges
from mediaserver.web.bodies import invalid, read_json
from mediaserver.web.problems import Problem


class DrippingPayload:
    """One byte, and then nothing for ever."""

    def __init__(self) -> None:
        self._sent = False

    def set_read_chunk_size(self, size: int) -> None: ...

    async def readany(self) -> bytes:
        if self._sent:
            await asyncio.Event().wait()
        self._sent = True
        return b"{"


async def test_a_body_that_drips_is_not_waited_for() -> None:
    request = make_mocked_request(
        "PUT",
        "/",
        headers={"Content-Type": "application/json", "Content-Length": "9"},
        payload=DrippingPayload(),  # type: ignore[arg-type]
    )
    with pytest.raises(Problem) as caught:
        await read_json(request, StreamChanges, deadline_s=0.01)
    assert caught.value.status == 408


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    number: int


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    inner: Inner
    many: list[Inner] = []


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b'{"inner": {"number": "x"}}', "inner.number"),
        (b'{"inner": {"number": 1, "more": 1}}', "inner.more"),
        (b'{"inner": {}}', "inner.number"),
        (b"{}", "inner"),
        (b'{"inner": {"number": 1}, "many": [{"number": 1}, {"number": null}]}', "many[1].number"),
        (b"[]", None),
    ],
)
def test_the_field_is_named_with_its_path(raw: bytes, field: str | None) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(raw, type=Outer)
    assert invalid(caught.value).field == field
