"""The one error of this folder."""


class CodecError(ValueError):
    """A configuration record or an access unit is malformed or unsupported: the peer's fault."""
