"""What nginx-rtmp asks. Forms as Debian's 1.2.2 sends them."""

from __future__ import annotations

import random

import pytest

from ingest.publication import PublishRefused, Refusal
from tests.mediaserver.web.conftest import Door

PATH = "/hooks/nginx-rtmp"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SESSION = (
    "app=live&flashver=FMLE/3.0%20(compatible%3B%20Lavf59.27.100)&swfurl=&tcurl=rtmp://127.0.0.1:1935/live"
    "&pageurl=&addr=203.0.113.9&clientid=7"
)
PUBLISH = f"{SESSION}&call=publish&name=show&type=live"


async def ask(door: Door, form: str, **headers: str) -> int:
    fields = FORM | {name.replace("_", "-"): value for name, value in headers.items()}
    async with door.client.post(PATH, data=form, headers=fields) as answer:
        return answer.status


@pytest.mark.parametrize("door", [{"relay_addresses": ("127.0.0.1", "10.0.0.0/8")}], indirect=True)
class TestFromARelay:
    async def test_what_the_registry_allows_is_2xx(self, door: Door) -> None:
        assert await ask(door, f"{PUBLISH}&key=a+b%2Fc") == 204
        ((request, client),) = door.registry.relayed
        assert (request.stream, request.key, request.address, client) == ("show", "a+b/c", "127.0.0.1", "7")
        assert request.encoder == "FMLE/3.0 (compatible; Lavf59.27.100)"
        assert door.web.statistics().hook.accepted == 1

    @pytest.mark.parametrize(
        ("refusal", "status"),
        [(Refusal.WRONG_KEY, 403), (Refusal.THROWN_OUT, 403), (Refusal.BUSY, 409), (Refusal.DRAINING, 503)],
    )
    async def test_a_refusal_is_no_2xx(self, door: Door, refusal: Refusal, status: int) -> None:
        door.registry.relay_refusal = PublishRefused(refusal, "no")
        assert await ask(door, f"{PUBLISH}&key=k") == status
        assert door.web.statistics().hook.refused == 1

    async def test_the_key_may_stand_behind_the_server_url(self, door: Door) -> None:
        form = PUBLISH.replace("tcurl=rtmp://127.0.0.1:1935/live", "tcurl=rtmp://h/live%3Fkey%3Dfrom-url")
        assert await ask(door, form) == 204
        assert door.registry.relayed[0][0].key == "from-url"

    async def test_an_update_asks_again_and_a_leaving_is_told(self, door: Door) -> None:
        for call in ("update", "update_publish"):
            assert await ask(door, f"{SESSION}&call={call}&time=1&timestamp=2&name=show&key=k") == 204
        assert len(door.registry.relayed) == 2
        assert await ask(door, f"{SESSION}&call=publish_done&name=show&key=k") == 204
        assert door.registry.relays_ended == [("show", "7")]

    @pytest.mark.parametrize("field", ["name", "call", "addr", "clientid", "key"])
    async def test_what_a_publisher_forges_is_refused(self, door: Door, field: str) -> None:
        """A publisher's own arguments stand behind nginx's fields."""
        assert await ask(door, f"{PUBLISH}&key=k&{field}=other") == 422
        assert door.registry.relayed == []

    @pytest.mark.parametrize("call", ["play_done", "update_play", "record_done", "done", "disconnect"])
    async def test_notices_are_taken_and_ask_for_nothing(self, door: Door, call: str) -> None:
        assert await ask(door, f"{SESSION}&call={call}&name=show") == 204
        assert door.registry.relayed == []

    async def test_other_calls_name_what_is_allowed(self, door: Door) -> None:
        async with door.client.post(PATH, data=f"{SESSION}&call=play&name=show", headers=FORM) as answer:
            assert answer.status == 422
            assert "publish, publish_done or update" in (await answer.json())["detail"]

    async def test_without_the_connections_number_nobody_can_leave(self, door: Door) -> None:
        assert await ask(door, "call=publish&name=show&key=k") == 422
        assert await ask(door, "call=publish&name=show&key=k&clientid=../x") == 422

    async def test_hostile_bodies(self, door: Door) -> None:
        assert await ask(door, "x" * 20_000) == 413
        assert await ask(door, "&".join(f"f{number}=1" for number in range(200))) == 400
        assert await ask(door, "name=é") == 400
        assert await ask(door, PUBLISH, Content_Type="application/json") == 415
        async with door.client.get(PATH) as answer:
            assert answer.status == 405

    @pytest.mark.parametrize("header", ["X_Forwarded_For", "X_Real_IP", "Via", "Forwarded"])
    async def test_a_proxy_that_is_not_trusted_is_no_relay(self, door: Door, header: str) -> None:
        assert await ask(door, f"{PUBLISH}&key=k", **{header: "10.0.0.5"}) == 403
        assert door.web.statistics().hook.foreign == 1


class TestFuzzedForms:
    @pytest.mark.parametrize("door", [{"relay_addresses": ("127.0.0.1",)}], indirect=True)
    async def test_no_form_breaks_anything(self, door: Door, caplog: pytest.LogCaptureFixture) -> None:
        chance = random.Random(20261121)
        good = f"{PUBLISH}&key=k".encode()
        pieces = [
            b"&",
            b"=",
            b"%",
            b"%00",
            b"%zz",
            b"+",
            b"\xff",
            b"&name=",
            b"&clientid=",
            b"call=publish",
            b";",
        ]
        for _ in range(300):
            cut = chance.randrange(len(good))
            body = good[:cut] + b"".join(chance.choices(pieces, k=3)) + good[chance.randrange(len(good)) :]
            async with door.client.post(PATH, data=body, headers=FORM) as answer:
                assert answer.status in (204, 400, 422), (answer.status, body)
        for request, client in door.registry.relayed:
            assert client.isdigit()
            assert "\x00" not in request.address
        assert "Traceback" not in caplog.text


class TestWithoutRelays:
    async def test_nobody_may_ask(self, door: Door, caplog: pytest.LogCaptureFixture) -> None:
        for _ in range(3):
            assert await ask(door, f"{PUBLISH}&key=k") == 403
        assert caplog.text.count("127.0.0.1 asks") == 1
        assert door.registry.relayed == []


class TestBehindATrustedProxy:
    @pytest.mark.parametrize(
        "door", [{"relay_addresses": ("10.0.0.5",), "trusted_proxies": ("127.0.0.1",)}], indirect=True
    )
    async def test_the_relays_own_address_counts(self, door: Door) -> None:
        assert await ask(door, f"{PUBLISH}&key=k", X_Forwarded_For="10.0.0.5") == 204
        assert await ask(door, f"{PUBLISH}&key=k", X_Forwarded_For="203.0.113.9") == 403
        assert await ask(door, f"{PUBLISH}&key=k") == 403
