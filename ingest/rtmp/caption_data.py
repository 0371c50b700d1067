"""``onCaptionInfo`` of type 708: CEA-608 and -708 caption bytes beside the picture that they belong to.

AWS MediaLive and Elemental, libcaption and other encoders send one for each picture: ``type`` "708" and, in
base64, what would stand in the picture's SEI (ATSC A/53 part 4, 6.2.3).
"""

from __future__ import annotations

import binascii
from typing import Final

from ingest.rtmp.amf0 import Value

T35_BYTES: Final = 1_024
"""A picture's cc_data has at most 31 packets of three bytes."""
_ATSC_CAPTIONS: Final = b"\xb5\x00\x31GA94\x03"
"""itu_t_t35_country_code, itu_t_t35_provider_code, user_identifier, user_data_type_code."""


def caption_data(handler: str, values: tuple[Value, ...]) -> bytes | None:
    """The T.35 message, or None where the data message is another one."""
    said = next((value for value in values if isinstance(value, dict)), None)
    if handler != "onCaptionInfo" or said is None or said.get("type") != "708":
        return None
    data = said.get("data")
    if not isinstance(data, str) or len(data) > 2 * T35_BYTES:
        return None
    try:
        message = binascii.a2b_base64(data)
    except (ValueError, binascii.Error):
        return None
    # Some leave country and provider at zero, or off: what follows is told by its own identifier.
    at = message.find(_ATSC_CAPTIONS[3:], 0, 16)
    if at < 0 or len(message) > T35_BYTES:
        return None
    return _ATSC_CAPTIONS[:3] + message[at:]
