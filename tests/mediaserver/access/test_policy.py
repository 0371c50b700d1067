"""From a bearer token to what its holder may do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediaserver.access import Access, open_access
from mediaserver.access.policy import ANONYMOUS, OPERATOR, Role
from mediaserver.access.tokens import UnfitClaims
from mediaserver.settings import AccessSettings
from mediaserver.state.sqlite import open_sqlite_records

ADMIN = "the-operators-own-token"


@pytest.fixture
async def access(tmp_path: Path) -> AsyncIterator[Access]:
    async with open_sqlite_records(tmp_path / "state.sqlite3") as records:
        yield await open_access(tmp_path, AccessSettings(admin_token=ADMIN), records)


async def test_the_operator_may_everything(access: Access) -> None:
    principal = access.authenticate(ADMIN)
    assert principal == OPERATOR
    assert principal is not None
    assert principal.is_operator
    assert principal.may("manage", "stream:mine")


async def test_a_token_may_what_it_says(access: Access) -> None:
    issued = await access.issue("viewer", "view", "stream:mine", 60)
    principal = access.authenticate(issued.token)
    assert principal is not None
    assert principal.role is Role.TOKEN
    assert not principal.is_operator
    assert principal.may("view", "stream:mine")
    assert not principal.may("view", "stream:other")
    assert not principal.may("manage", "stream:mine")


async def test_nobody_may_nothing() -> None:
    assert not ANONYMOUS.is_operator
    assert not ANONYMOUS.may("view", "stream:mine")


@pytest.mark.parametrize("token", ["", "x", ADMIN[:-1], ADMIN + "x", "a.b.c", "\udcff"])
async def test_what_is_no_token_is_nobody(access: Access, token: str) -> None:
    assert access.authenticate(token) is None


async def test_a_revoked_token_is_nobody_at_once(access: Access) -> None:
    issued = await access.issue("viewer", "view", "stream:mine", 60)
    kept = await access.issue("viewer", "view", "stream:mine", 60)
    assert await access.revoke(issued.id) is True
    assert access.authenticate(issued.token) is None
    assert access.authenticate(kept.token) is not None
    assert await access.revoke("never-issued") is False


async def test_what_cannot_be_signed_says_which_claim(access: Access) -> None:
    with pytest.raises(UnfitClaims) as caught:
        await access.issue("viewer", "view", "everything", 60)
    assert caught.value.field == "resource"


async def test_tokens_are_good_after_a_restart(tmp_path: Path) -> None:
    async with open_sqlite_records(tmp_path / "state.sqlite3") as records:
        first = await open_access(tmp_path, AccessSettings(), records)
        issued = await first.issue("viewer", "view", "stream:mine", 60)
        revoked = await first.issue("viewer", "view", "stream:mine", 60)
        await first.revoke(revoked.id)
    async with open_sqlite_records(tmp_path / "state.sqlite3") as records:
        second = await open_access(tmp_path, AccessSettings(), records)
        assert second.authenticate(issued.token) is not None
        assert second.authenticate(revoked.token) is None
        assert second.authenticate(first.admin.secret) == OPERATOR
