"""Signed tokens: what is signed is read back, and everything else is refused in the same way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.access.tokens import (
    AUDIENCE,
    CLOCK_SKEW_S,
    TTL_LIMIT_S,
    BadToken,
    Revocations,
    TokenSigner,
    UnfitClaims,
    load_token_secret,
)
from mediaserver.state.sqlite import SqliteRecords, open_sqlite_records

SECRET = "a-signing-secret-of-the-tests-that-is-long-enough-for-hs256"
NOW = 1_800_000_000


class FakeClock:
    def __init__(self) -> None:
        self.now_s = float(NOW)

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def signer(clock: FakeClock) -> TokenSigner:
    return TokenSigner(SECRET, clock=clock)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(
    header: dict[str, Any] | None = None,
    *,
    secret: str = SECRET,
    digest: Any = hashlib.sha256,
    without: tuple[str, ...] = (),
    **claims: Any,
) -> str:
    """A JWS by hand (RFC 7515, 5.1), so that the tests do not lean on the library that the code uses."""
    payload = {
        "sub": "viewer",
        "action": "view",
        "resource": "stream:mine",
        "exp": NOW + 60,
        "iat": NOW,
        "jti": f"{NOW + 60:x}-abcdefghijklmnop",
        "aud": AUDIENCE,
    } | claims
    for name in without:
        del payload[name]
    head = _b64(json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode())
    body = _b64(json.dumps(payload).encode())
    signature = hmac.digest(secret.encode(), f"{head}.{body}".encode(), digest)
    return f"{head}.{body}.{_b64(signature)}"


def refused(signer: TokenSigner, token: str) -> bool:
    try:
        signer.verify(token)
    except BadToken as error:
        # All alike: neither the reason nor a chained exception may reach a log or an answer.
        return error.args == () and error.__cause__ is None
    return False


def test_a_token_says_what_was_signed(signer: TokenSigner) -> None:
    issued = signer.issue("viewer 7", "view", "stream:mine", 60)
    claims = signer.verify(issued.token)
    assert (claims.sub, claims.action, claims.resource) == ("viewer 7", "view", "stream:mine")
    assert claims.exp == issued.expires_at == NOW + 60
    assert claims.jti == issued.id
    assert issued.token not in repr(issued)


def test_a_token_made_by_hand_is_read(signer: TokenSigner) -> None:
    assert signer.verify(forge()).sub == "viewer"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "\udcff",
        forge()[:-1],
        forge() + "A",
        forge().replace(".", "", 1),
        "x" * 5_000,
        _b64(b"[" * 3_000) + ".e30.AA",
    ],
)
def test_garbage_is_refused(signer: TokenSigner, token: str) -> None:
    assert refused(signer, token)


def test_alg_none_is_refused(signer: TokenSigner) -> None:
    """RFC 8725, 3.2: a JWT library "should not generate or consume JWTs using none" unless asked to."""
    for algorithm in ("none", "None", "NONE", ""):
        head = _b64(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
        body = forge().split(".")[1]
        assert refused(signer, f"{head}.{body}.")
        assert refused(signer, f"{head}.{body}.{forge().split('.')[2]}")


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("HS384", hashlib.sha384),
        ("HS512", hashlib.sha512),
        ("RS256", hashlib.sha256),
        ("hs256", hashlib.sha256),
    ],
)
def test_another_algorithm_is_refused_though_the_key_is_right(
    signer: TokenSigner, algorithm: str, digest: Any
) -> None:
    assert refused(signer, forge({"alg": algorithm, "typ": "JWT"}, digest=digest))


@pytest.mark.parametrize(
    "extra",
    [
        {"kid": "../../etc/passwd"},
        {"kid": "1"},
        {"crit": ["b64"], "b64": False},
        {"crit": ["exp"]},
        {"jku": "https://example.org/keys"},
        {"jwk": {"kty": "oct", "k": "AA"}},
        {"x5u": "https://example.org/cert"},
        {"zip": "DEF"},
    ],
)
def test_headers_that_ask_for_more_are_refused(signer: TokenSigner, extra: dict[str, Any]) -> None:
    assert refused(signer, forge({"alg": "HS256", "typ": "JWT"} | extra))


def test_another_secret_is_refused(signer: TokenSigner) -> None:
    assert refused(signer, forge(secret="another-secret-of-the-tests-that-is-long-enough-too"))


@pytest.mark.parametrize("audience", ["other", "", ["mediaserver"], ["mediaserver", "other"], None, 1])
def test_another_audience_is_refused(signer: TokenSigner, audience: Any) -> None:
    assert refused(signer, forge(aud=audience))


@pytest.mark.parametrize("name", ["sub", "action", "resource", "exp", "iat", "jti", "aud"])
def test_a_missing_claim_is_refused(signer: TokenSigner, name: str) -> None:
    assert refused(signer, forge(without=(name,)))


@pytest.mark.parametrize(
    "claims",
    [
        {"action": "everything"},
        {"resource": "stream:"},
        {"resource": "*"},
        {"resource": "stream:a*b"},
        {"resource": "stream:../x"},
        {"resource": "file:mine"},
        {"sub": ""},
        {"sub": 7},
        {"exp": str(NOW + 60)},
        {"exp": 1e300},
        {"exp": True},
        {"jti": "x"},
    ],
)
def test_claims_that_we_never_sign_are_refused(signer: TokenSigner, claims: dict[str, Any]) -> None:
    assert refused(signer, forge(**claims))


def test_expiry_is_exact(signer: TokenSigner, clock: FakeClock) -> None:
    token = signer.issue("viewer", "view", "stream:mine", 60).token
    clock.now_s = NOW + 59.9
    assert not refused(signer, token)
    clock.now_s = NOW + 60
    assert refused(signer, token)


def test_a_clock_that_is_a_little_ahead_is_forgiven(signer: TokenSigner) -> None:
    assert not refused(signer, forge(iat=NOW + CLOCK_SKEW_S))
    assert refused(signer, forge(iat=NOW + CLOCK_SKEW_S + 1))


@given(position=st.integers(min_value=0), replacement=st.sampled_from("ABCXYZabcxyz0129-_."))
def test_a_changed_character_anywhere_is_refused(position: int, replacement: str) -> None:
    signer = TokenSigner(SECRET, clock=lambda: NOW)
    token = signer.issue("viewer", "view", "stream:mine", 60).token
    position %= len(token) - 1  # the last one's low bits are padding in base64
    changed = token[:position] + replacement + token[position + 1 :]
    assert changed == token or refused(signer, changed)


def test_a_token_covers_its_own_action_and_resource_only(signer: TokenSigner) -> None:
    claims = signer.verify(signer.issue("viewer", "view", "stream:mine", 60).token)
    assert claims.covers("view", "stream:mine")
    assert not claims.covers("view", "stream:mine2")
    assert not claims.covers("view", "stream:min")
    assert not claims.covers("view", "asset:mine")
    assert not claims.covers("publish", "stream:mine")
    assert not claims.covers("manage", "stream:mine")


def test_a_star_stands_for_every_rest(signer: TokenSigner) -> None:
    some = signer.verify(signer.issue("viewer", "view", "stream:lesson-*", 60).token)
    assert some.covers("view", "stream:lesson-1")
    assert some.covers("view", "stream:lesson-")
    assert not some.covers("view", "stream:lesson")
    every = signer.verify(signer.issue("viewer", "view", "stream:*", 60).token)
    assert every.covers("view", "stream:anything")
    assert not every.covers("view", "asset:anything")


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("subject", ("", "view", "stream:mine", 60)),
        ("subject", ("a\nb", "view", "stream:mine", 60)),
        ("action", ("a", "see", "stream:mine", 60)),
        ("resource", ("a", "view", "mine", 60)),
        ("ttl_s", ("a", "view", "stream:mine", 0)),
        ("ttl_s", ("a", "view", "stream:mine", TTL_LIMIT_S + 1)),
        ("ttl_s", ("a", "view", "stream:mine", float("nan"))),
    ],
)
def test_unfit_claims_are_not_signed(
    signer: TokenSigner, field: str, arguments: tuple[str, str, str, float]
) -> None:
    with pytest.raises(UnfitClaims) as caught:
        signer.issue(*arguments)
    assert caught.value.field == field


def test_the_secret_is_made_once(tmp_path: Path) -> None:
    secret = load_token_secret(tmp_path)
    assert load_token_secret(tmp_path) == secret
    assert len(secret) >= 43
    assert (tmp_path / "token-secret").stat().st_mode & 0o777 == 0o600


@pytest.fixture
async def records(tmp_path: Path, clock: FakeClock) -> AsyncIterator[SqliteRecords]:
    async with open_sqlite_records(tmp_path / "state.sqlite3", clock=clock) as opened:
        yield opened


async def test_a_revoked_token_stays_so_over_a_restart(
    records: SqliteRecords, signer: TokenSigner, clock: FakeClock
) -> None:
    issued = signer.issue("viewer", "view", "stream:mine", 60)
    revocations = Revocations(records, clock=clock)
    assert issued.id not in revocations
    assert await revocations.add(issued.id) is True
    assert issued.id in revocations
    later = Revocations(records, clock=clock)
    await later.load()
    assert issued.id in later


async def test_a_revocation_is_kept_no_longer_than_its_token(
    records: SqliteRecords, signer: TokenSigner, clock: FakeClock
) -> None:
    issued = signer.issue("viewer", "view", "stream:mine", 60)
    revocations = Revocations(records, clock=clock)
    await revocations.add(issued.id)
    clock.now_s += 61
    later = Revocations(records, clock=clock)
    await later.load()
    assert issued.id not in later


@pytest.mark.parametrize(
    "token_id",
    [
        "",
        "x",
        "-abcdefghijklmnop",
        f"{NOW - 1:x}-abcdefghijklmnop",
        f"{NOW + TTL_LIMIT_S + 100:x}-abcdefghijklmnop",
        f"{NOW + 5:x}-short",
        f"{NOW + 5:x}-abcdefghijkl/nop",
        f" {NOW + 5:x}-abcdefghijklmnop",
        f"{NOW + 5:X}-abcdefghijklmnop",
    ],
)
async def test_an_id_that_no_good_token_has_is_not_stored(
    records: SqliteRecords, clock: FakeClock, token_id: str
) -> None:
    assert await Revocations(records, clock=clock).add(token_id) is False
