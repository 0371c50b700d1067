"""Who may do what: the operator's token, publish keys, signed tokens. Closed by default."""

from mediaserver.access.policy import Access, open_access

__all__ = ["Access", "open_access"]
