"""Captions stay in the video: CEA-608 and CEA-708 bytes of the source, put into the pictures we encode. Pure.

Scaling makes new pictures, without what lay beside the old ones; and a viewer who changes between a rung
with captions and one without would lose them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from transcoder.captions.cc_data import MOST_PAIRS, CcPair
from transcoder.engine.skips import escaped

_SEI_UNIT: Final = 0x06
_T35_MESSAGE: Final = 4
_ATSC: Final = b"\xb5\x00\x31GA94\x03"
"""itu_t_t35_country_code (USA), provider code (ATSC), user_identifier, user_data_type_code of cc_data."""
PAIRS_A_MESSAGE: Final = 31
"""cc_count has five bits (CTA-708 table 2)."""


class CaptionCarrier:
    """Caption bytes on their way past decoder and gate: a picture that is left out leaves its own behind."""

    def __init__(self) -> None:
        self._by_pts: dict[int, list[CcPair]] = {}

    def put(self, pts: int, pairs: list[CcPair]) -> None:
        """The bytes of the picture with this presentation time."""
        if pairs:
            self._by_pts[pts] = pairs
            # A decoder that swallows pictures must not fill this: the oldest go.
            while len(self._by_pts) > MOST_PAIRS:
                del self._by_pts[min(self._by_pts)]

    def take(self, pts: int) -> tuple[CcPair, ...]:
        """The bytes for the picture shown at ``pts``, after those of pictures before it that never came."""
        if not self._by_pts:
            return ()
        due = sorted(at for at in self._by_pts if at <= pts)
        pairs = [pair for at in due for pair in self._by_pts.pop(at)]
        return tuple(pairs[-MOST_PAIRS:])


def sei(pairs: Sequence[CcPair]) -> bytes:
    """Length-prefixed SEI NAL units with these bytes, to stand before the slices; empty for none."""
    made = b""
    for start in range(0, len(pairs), PAIRS_A_MESSAGE):
        part = pairs[start : start + PAIRS_A_MESSAGE]
        # reserved, process_cc_data_flag, and cc_count; then em_data (CTA-708 table 2).
        data = _ATSC + bytes((0xC0 | len(part), 0xFF))
        data += b"".join(bytes((0xFC | pair.kind, pair.first, pair.second)) for pair in part) + b"\xff"
        # 31 packets are 104 bytes: the length is one byte (H.264 7.3.2.3.1). Then rbsp_trailing_bits.
        unit = bytes((_SEI_UNIT,)) + escaped(bytes((_T35_MESSAGE, len(data))) + data + b"\x80")
        made += len(unit).to_bytes(4, "big") + unit
    return made
