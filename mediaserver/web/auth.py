"""Who is asking, and may they? Bearer tokens and the ``/t/{token}/…`` prefix, mapped to 401 and 403.

The order is fixed, so that an answer never tells whether a thing exists to who may not know: no good token is
401, a good token for something else is 403, and only who is allowed meets 404.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aiohttp import web

from mediaserver.web.problems import forbidden, unauthenticated

if TYPE_CHECKING:
    from mediaserver.access.policy import Access, Principal

# RFC 6750, 2.1: "b64token", with a limit on its length.
_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/-]{1,4096}=*)", re.IGNORECASE | re.ASCII)


class Gate:
    """Asks the access part who holds a token."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def holder(self, request: web.BaseRequest) -> Principal | None:
        """Who sent this, None without an Authorization field. Raises 401 for one that is not good."""
        values = request.headers.getall("Authorization", ())
        if not values:
            return None
        found = _BEARER.fullmatch(values[0].strip())
        holder = self._access.authenticate(found[1]) if found is not None and len(values) == 1 else None
        if holder is None:
            raise unauthenticated()
        return holder

    def require_operator(self, request: web.BaseRequest) -> None:
        """Raises 401 or 403."""
        holder = self.holder(request)
        if holder is None:
            raise unauthenticated()
        if not holder.is_operator:
            raise forbidden()

    def require(self, request: web.BaseRequest, action: str, resource: str) -> None:
        """Raises 401 or 403."""
        holder = self.holder(request)
        if holder is None:
            raise unauthenticated()
        if not holder.may(action, resource):
            raise forbidden()

    def require_view_below_token(self, token: str, stream: str, *, is_public: bool) -> None:
        """For ``/t/{token}/…``: the token must be good, and be for this stream unless everybody may see it.

        Raises 401 or 403, the same for a private stream and for one that does not exist.
        """
        holder = self._access.authenticate(token)
        if holder is None:
            raise unauthenticated()
        if not is_public and not holder.may("view", f"stream:{stream}"):
            raise forbidden()
