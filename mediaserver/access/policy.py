"""From a bearer token to a principal, and what a principal may do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from mediaserver.access.admin import AdminToken, load_admin_token
from mediaserver.access.tokens import (
    BadToken,
    Claims,
    IssuedToken,
    Revocations,
    TokenSigner,
    load_token_secret,
)
from mediaserver.settings import AccessSettings
from mediaserver.state.records import Records


class Role(Enum):
    """Where a principal's rights come from."""

    OPERATOR = "operator"
    TOKEN = "token"  # noqa: S105 - a word, no secret
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody, as far as we know them."""

    role: Role
    claims: Claims | None = None
    """Only of who holds a token."""

    @property
    def is_operator(self) -> bool:
        return self.role is Role.OPERATOR

    def may(self, action: str, resource: str) -> bool:
        """Whether ``action`` on ``resource`` (``stream:NAME``) is allowed. The operator may everything."""
        match self.role:
            case Role.OPERATOR:
                return True
            case Role.TOKEN:
                return self.claims is not None and self.claims.covers(action, resource)
            case Role.ANONYMOUS:
                return False


OPERATOR: Final = Principal(Role.OPERATOR)
ANONYMOUS: Final = Principal(Role.ANONYMOUS)
"""Nobody's principal. What is open to everybody is decided by what it is, not by who asks."""


class Access:
    """Reads, issues and revokes tokens."""

    def __init__(self, admin: AdminToken, signer: TokenSigner, revocations: Revocations) -> None:
        self.admin = admin
        self._signer = signer
        self._revocations = revocations

    def authenticate(self, token: str) -> Principal | None:
        """Who holds this token; None, and never why, if it is not good."""
        if self.admin.matches(token):
            return OPERATOR
        try:
            claims = self._signer.verify(token)
        except BadToken:
            return None
        return None if claims.jti in self._revocations else Principal(Role.TOKEN, claims)

    async def issue(self, subject: str, action: str, resource: str, ttl_s: float) -> IssuedToken:
        """A new token. Raises :class:`mediaserver.access.tokens.UnfitClaims`."""
        return self._signer.issue(subject, action, resource, ttl_s)

    async def revoke(self, token_id: str) -> bool:
        """Take a token back, durably. False: no token of this id can be good."""
        return await self._revocations.add(token_id)


async def open_access(
    data_path: Path, settings: AccessSettings, records: Records, *, clock: Callable[[], float] = time.time
) -> Access:
    """Read, or make at the first start, the secrets in the data folder.

    Raises :class:`mediaserver.access.secret_file.SecretFileError` and
    :class:`mediaserver.state.records.RecordsError`.
    """
    admin = load_admin_token(data_path, settings.admin_token)
    signer = TokenSigner(load_token_secret(data_path), clock=clock)
    revocations = Revocations(records, clock=clock)
    await revocations.load()
    return Access(admin, signer, revocations)
