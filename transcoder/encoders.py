"""Which H.264 encoders there are, and which of them a job uses. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Encoder(StrEnum):
    """An H.264 encoder. The value is what the setting says."""

    SOFTWARE = "software"
    NVENC = "nvenc"
    QSV = "qsv"
    VAAPI = "vaapi"


HARDWARE: Final = (Encoder.NVENC, Encoder.QSV, Encoder.VAAPI)
"""In the order in which ``auto`` takes them: by what their pictures look like at our bitrates."""
AUTO: Final = "auto"


def choose(setting: str, tried: Mapping[Encoder, str]) -> tuple[Encoder, ...]:
    """The encoders to use, the first one first; the last one is always x264, which needs no device.

    ``tried``: for each hardware encoder why it does not work here, empty where it does. Raises ValueError
    for a setting that is none.
    """
    wanted = HARDWARE if setting == AUTO else (Encoder(setting),)
    working = tuple(encoder for encoder in wanted if tried.get(encoder) == "")
    return (*working[:1], Encoder.SOFTWARE)


def wants_hardware(setting: str) -> bool:
    """Whether it has to be known which hardware encoders work."""
    return setting != Encoder.SOFTWARE
