"""The operator's token: from the settings, else made at the first start and kept in the data folder."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mediaserver.access.secret_file import read_or_create
from mediaserver.settings import ADMIN_TOKEN_MIN_CHARS

FILE_NAME: Final = "admin-token"


@dataclass(frozen=True, slots=True)
class AdminToken:
    """The operator's token, and where it is to be found. Never shown by ``repr``."""

    secret: str = field(repr=False)
    file: Path | None
    """None: it stands in the settings."""
    is_new: bool
    """This start made it, so say once how to find it."""

    def matches(self, candidate: str) -> bool:
        """Constant time; hashed first, so that the length does not tell either."""
        return hmac.compare_digest(_digest(self.secret), _digest(candidate))


def _digest(text: str) -> bytes:
    # surrogatepass: a candidate may be any text that came in a header, also what is no Unicode.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def load_admin_token(data_path: Path, configured: str) -> AdminToken:
    """The token in force. Raises :class:`mediaserver.access.secret_file.SecretFileError`."""
    if configured:
        return AdminToken(configured, None, is_new=False)
    file = data_path / FILE_NAME
    secret, created = read_or_create(file, lambda: secrets.token_urlsafe(32), min_chars=ADMIN_TOKEN_MIN_CHARS)
    return AdminToken(secret, file, created)
