"""Finds out which hardware encoders work here, by encoding a few pictures in a child. asyncio."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from transcoder import framing
from transcoder.asked import START_S
from transcoder.child import Child, ChildGone
from transcoder.encoders import AUTO, HARDWARE, Encoder, wants_hardware
from transcoder.framing import FramingError

log: Final = logging.getLogger(__name__)

DEADLINE_S: Final = 10.0
"""For one encoder: a driver that is started for the first time takes seconds."""
_DEVICES: Final = {
    Encoder.NVENC: ("/dev/nvidiactl", "/dev/dxg"),
    Encoder.QSV: ("/dev/dri",),
    Encoder.VAAPI: ("/dev/dri",),
}
"""Where there is none of these, no driver has anything to talk to."""


def has_device(encoder: Encoder) -> bool:
    """Whether there may be hardware for it at all: costs nothing, unlike a child."""
    return any(Path(device).exists() for device in _DEVICES.get(encoder, ()))


class EncoderProbe:
    """Tries each encoder once, at the first need, and remembers. Always :meth:`close` it."""

    def __init__(
        self, *, deadline_s: float = DEADLINE_S, has_device: Callable[[Encoder], bool] = has_device
    ) -> None:
        self._deadline_s = deadline_s
        self._has_device = has_device
        self._trying: dict[Encoder, asyncio.Task[str]] = {}

    async def tried(self, setting: str = AUTO) -> Mapping[Encoder, str]:
        """For each hardware encoder that the setting may mean why it does not work; empty where it does."""
        # Who is in a hurry may stop waiting; the trying goes on, for the next one who asks.
        tasks = {encoder: asyncio.shield(task) for encoder, task in self.begin(setting).items()}
        return {encoder: await task for encoder, task in tasks.items()}

    def begin(self, setting: str = AUTO) -> Mapping[Encoder, asyncio.Task[str]]:
        """Try what has not been tried yet, ahead of the first need."""
        if not wants_hardware(setting):
            return {}
        wanted = HARDWARE if setting == AUTO else (Encoder(setting),)
        for encoder in wanted:
            if encoder not in self._trying:
                self._trying[encoder] = asyncio.create_task(self._try(encoder), name=f"try {encoder}")
        return {encoder: self._trying[encoder] for encoder in wanted}

    async def close(self) -> None:
        """End what is still being tried."""
        for task in self._trying.values():
            task.cancel()
        await asyncio.gather(*self._trying.values(), return_exceptions=True)

    async def _try(self, encoder: Encoder) -> str:
        reason = await self._why_not(encoder)
        log.info("encoder %s: %s", encoder, reason or "works")
        return reason

    async def _why_not(self, encoder: Encoder) -> str:
        if not self._has_device(encoder):
            return "no device"
        try:
            child = await Child.spawn("encoders", f"encoder {encoder}")
        except OSError as error:
            return f"no child could be started: {error}"
        try:
            async with asyncio.timeout(START_S):
                await child.receive()  # Ready.
            async with asyncio.timeout(self._deadline_s):
                await child.send(framing.TryEncoders((encoder,)))
                answer, _ = await child.receive()
            if not isinstance(answer, framing.EncoderTried) or answer.encoder is not encoder:
                raise FramingError("that was not asked")
            return answer.reason
        except TimeoutError:
            return "it hangs"
        except ChildGone:
            return child.last_line or "the child ended over it"
        except FramingError as error:
            return f"the child spoke nonsense: {error}"
        finally:
            await child.end()
