"""Signed tokens: JWT (RFC 7519) by HS256 and nothing else, read as RFC 8725 advises.

A token says who (``sub``) may do what (``action``) with what (``resource``) until when (``exp``).
Every token that is not good is refused by the same :class:`BadToken`, so a caller learns nothing.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import jwt
import msgspec
from msgspec import Meta, Struct

from mediaserver.access.secret_file import read_or_create
from mediaserver.allowed import allowed, instead_of
from mediaserver.state.records import Records

FILE_NAME: Final = "token-secret"
SECRET_BYTES: Final = 48
SECRET_MIN_CHARS: Final = 43
"""RFC 7518, 3.2: "A key of the same size as the hash output ... or larger MUST be used": 256 bits."""
ALGORITHM: Final = "HS256"
AUDIENCE: Final = "mediaserver"
TOKEN_LIMIT_CHARS: Final = 4_096
TTL_LIMIT_S: Final = 366 * 86_400
CLOCK_SKEW_S: Final = 30
"""How far another node's clock may be ahead when a token comes from there."""
REVOKED_KIND: Final = "revoked-token"

Action = Literal["view", "publish", "join", "moderate", "teach", "upload", "manage"]
Resource = Annotated[
    str,
    Meta(
        pattern=r"^(stream|asset|room|class|audio):([A-Za-z0-9_-]{1,64}|[A-Za-z0-9_-]{0,63}\*)\Z",
        description="must be stream:NAME, asset:NAME, room:NAME, class:NAME or audio:NAME, "
        "where a * at the end of NAME stands for every rest",
    ),
]
Subject = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        pattern=r"^[^\x00-\x1f\x7f]*\Z",
        description="must be 1 to 128 characters on one line",
    ),
]


class BadToken(Exception):
    """Not a token that is good now. Why, is nobody's business."""


class UnfitClaims(ValueError):
    """What a token was to say is not allowed; ``field`` is the claim."""

    def __init__(self, field_name: str, detail: str) -> None:
        super().__init__(f"{field_name}: {detail}")
        self.field = field_name


class Claims(Struct, frozen=True, kw_only=True):
    """What a good token says. Times are Unix seconds."""

    sub: Subject
    action: Action
    resource: Resource
    exp: int
    iat: int
    jti: Annotated[str, Meta(pattern=r"^[0-9a-f]{1,12}-[A-Za-z0-9_-]{16,32}\Z")]
    """Holds the expiry in front, so that revoking needs no list of all that were ever issued."""
    aud: Literal["mediaserver"]

    def covers(self, action: str, resource: str) -> bool:
        """Whether the token is for ``action`` on ``resource``; a ``*`` at its end stands for every rest."""
        if self.action != action:
            return False
        if self.resource.endswith("*"):
            return resource.startswith(self.resource[:-1])
        return self.resource == resource


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token; nobody keeps it but who asked for it. ``id`` revokes it."""

    token: str = field(repr=False)
    id: str
    expires_at: int
    """Unix seconds."""


def load_token_secret(data_path: Path) -> str:
    """The signing secret. Raises :class:`mediaserver.access.secret_file.SecretFileError`."""
    secret, _ = read_or_create(
        data_path / FILE_NAME, lambda: secrets.token_urlsafe(SECRET_BYTES), min_chars=SECRET_MIN_CHARS
    )
    return secret


class TokenSigner:
    """Issues and reads tokens. Needs no store; revocation is :class:`Revocations`."""

    def __init__(self, secret: str, *, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock

    def issue(self, subject: str, action: str, resource: str, ttl_s: float) -> IssuedToken:
        """Sign a token that is good from now for ``ttl_s``. Raises :class:`UnfitClaims`."""
        if not 1 <= ttl_s <= TTL_LIMIT_S:
            raise UnfitClaims("ttl_s", f"must be seconds from 1 to {TTL_LIMIT_S}")
        now = int(self._clock())
        expires_at = now + int(ttl_s)
        token_id = f"{expires_at:x}-{secrets.token_urlsafe(12)}"
        payload = {
            "sub": subject,
            "action": action,
            "resource": resource,
            "exp": expires_at,
            "iat": now,
            "jti": token_id,
            "aud": AUDIENCE,
        }
        for name, kind in (("subject", Subject), ("action", Action), ("resource", Resource)):
            value = payload["sub" if name == "subject" else name]
            try:
                msgspec.convert(value, kind)
            except msgspec.ValidationError as error:
                raise UnfitClaims(name, instead_of(allowed(kind) or str(error), value)) from None
        return IssuedToken(jwt.encode(payload, self._secret, algorithm=ALGORITHM), token_id, expires_at)

    def verify(self, token: str) -> Claims:
        """What a token says, if it is ours and good now. Raises :class:`BadToken`."""
        if len(token) > TOKEN_LIMIT_CHARS:
            raise BadToken
        try:
            header = jwt.get_unverified_header(token)
            # RFC 8725, 3.1: "Libraries MUST enable the caller to specify a supported set of algorithms
            # and MUST NOT use any other algorithms". 3.5 and RFC 7515, 4.1.11: kid, jku, x5u and crit
            # ask for things that we never do, so a token that carries them is not ours.
            if header.get("alg") != ALGORITHM or not header.keys() <= {"alg", "typ"}:
                raise BadToken
            payload: dict[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={
                    "require": ["sub", "action", "resource", "exp", "iat", "jti", "aud"],
                    "strict_aud": True,
                    # Times are ours to check: by the clock that we were given.
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            claims = msgspec.convert(payload, Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, RecursionError):
            raise BadToken from None
        now = self._clock()
        # RFC 7519, 4.1.4: "MUST NOT be accepted for processing" on or after exp. The allowance for
        # clocks is for the beginning only: no token lives longer than it says.
        if not claims.iat - CLOCK_SKEW_S <= now < claims.exp:
            raise BadToken
        return claims


class Revocations:
    """Ids of tokens that were taken back before their time; forgotten when they would have ended."""

    def __init__(self, records: Records, *, clock: Callable[[], float] = time.time) -> None:
        self._records = records
        self._clock = clock
        self._expiries: dict[str, int] = {}

    async def load(self) -> None:
        """Read what earlier processes revoked."""
        after = ""
        while page := await self._records.list_records(REVOKED_KIND, after=after):
            self._expiries.update({record.key: _expiry_of(record.key) or 0 for record in page})
            after = page[-1].key

    def __contains__(self, token_id: str) -> bool:
        return token_id in self._expiries

    async def add(self, token_id: str) -> bool:
        """Take a token back. False: no token of this id can be good now."""
        now = self._clock()
        expires_at = _expiry_of(token_id)
        if expires_at is None or not now < expires_at <= now + TTL_LIMIT_S + CLOCK_SKEW_S:
            return False
        await self._records.put(REVOKED_KIND, token_id, b"", ttl_s=expires_at - now)
        self._expiries = {key: end for key, end in self._expiries.items() if end > now}
        self._expiries[token_id] = expires_at
        return True


def _expiry_of(token_id: str) -> int | None:
    """Unix seconds, read from the id. None: it is none of ours."""
    front, dash, rest = token_id.partition("-")
    if not dash or not 1 <= len(front) <= 12 or not 16 <= len(rest) <= 32:
        return None
    if not set(front) <= set("0123456789abcdef") or not rest.replace("-", "").replace("_", "").isalnum():
        return None
    return int(front, 16)
