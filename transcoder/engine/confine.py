"""What a child takes from itself before it touches a stranger's bytes."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from typing import Final

from av import logging as av_logging

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
STANDARD_FILES: Final = 3
BASE_BYTES: Final = 2 << 30
"""Address space for the interpreter, FFmpeg, thread stacks and heaps; most of it is never touched."""
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

    With no descriptor above stderr to be had, nothing can be opened nor connected, so there is no
    network either; and with a file size of 0 nothing can be written but pipes.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (STANDARD_FILES, STANDARD_FILES))


def limit_memory(pixels: int) -> None:
    """Bound the address space by the size of the pictures to decode."""
    wanted = BASE_BYTES + BYTES_PER_PIXEL * pixels
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, wanted))


def silence_ffmpeg() -> None:
    """FFmpeg has a word for each damaged macroblock: what is worth knowing, we count and say ourselves."""
    av_logging.set_libav_level(av_logging.PANIC)
