"""What a child takes from itself before it touches a stranger's bytes."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from typing import Final

from av import logging as av_logging

from transcoder.engine.seccomp import refuse_calls
from transcoder.ladder import PIXELS_LIMIT

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_CLONE_NEWUSER: Final = 0x1000_0000
_CLONE_NEWNET: Final = 0x4000_0000
STANDARD_FILES: Final = 3
BASE_BYTES: Final = 2 << 30
"""Address space for the interpreter, FFmpeg, thread stacks and heaps; most of it is never touched."""
DEVICE_FILES: Final = 64
DEVICE_BYTES: Final = 6 << 30
BYTES_PER_PIXEL: Final = 128
"""Decoded pictures of up to 3 bytes a pixel: 17 in the decoder, the rest between the stages."""


class Orphaned(RuntimeError):
    """The server that started this child is already gone."""


def die_with(parent_pid: int) -> None:
    """Be killed when the server dies, however it dies (prctl(2)). Raises :class:`Orphaned`.

    The kernel watches the thread that started us: the server starts children from its main thread.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent_pid:
        raise Orphaned
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def give_up_files() -> None:
    """No file, socket or core dump from now on: call it when every library is loaded.

    With no descriptor above stderr to be had, nothing can be opened nor connected by mistake, so there is
    no network either; with a file size of 0 nothing can be written but pipes. And where the kernel lets us,
    the calls themselves are taken away, from whoever would do it on purpose.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (STANDARD_FILES, STANDARD_FILES))
    refuse_calls()


def keep_devices() -> None:
    """As :func:`give_up_files`, for a child whose encoder is a device.

    A driver opens device files whenever it likes, so a few descriptors stay; the network goes with a
    namespace of its own, where the kernel lets us have one.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (DEVICE_FILES, DEVICE_FILES))
    ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def limit_memory(pixels: int, *, has_device: bool = False) -> None:
    """Bound the address space by the size of the pictures to decode.

    A device's driver reserves far more addresses than there is memory, so there only data is bounded.
    """
    # What is larger no decoder is opened for, whatever a header claims.
    wanted = BASE_BYTES + BYTES_PER_PIXEL * min(pixels, PIXELS_LIMIT)
    limit = resource.RLIMIT_AS
    if has_device:
        wanted += DEVICE_BYTES
        limit = resource.RLIMIT_DATA
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(limit, (wanted, wanted))


def silence_ffmpeg() -> None:
    """FFmpeg has a word for each damaged macroblock: what is worth knowing, we count and say ourselves."""
    av_logging.set_libav_level(av_logging.PANIC)
