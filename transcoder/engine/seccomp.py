"""System calls that a child can do without, taken away for good (seccomp(2), Linux).

A limit on descriptors alone is not enough: whoever runs code in a child closes one of its pipes and has a
descriptor for a file or a socket; and a process that it forks outlives it.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""Classic BPF: ``ld [k]``, ``jeq``, ``jge``, ``jset``, ``ret`` (linux/bpf_common.h)."""
_ALLOW: Final = 0x7FFF_0000
_ERRNO: Final = 0x0005_0000
_KILL: Final = 0x8000_0000
_NUMBER_AT, _MACHINE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
"""Offsets in ``struct seccomp_data``, whose arguments are little endian on the machines below."""
_CLONE_THREAD: Final = 0x0001_0000
_X32: Final = 0x4000_0000
"""Numbers from here up are the same calls once more, for programs with short pointers."""


@dataclass(frozen=True, slots=True)
class _Machine:
    audit: int
    """AUDIT_ARCH_… (linux/audit.h)."""
    clone: int
    refused: tuple[int, ...]


_CLONE3: Final = 435
_SAME_EVERYWHERE: Final = (425, 434, 437)  # io_uring_setup pidfd_open openat2
_MACHINES: Final[Mapping[str, _Machine]] = {
    # open socket connect fork vfork execve kill creat ptrace tkill openat unshare process_vm_readv
    # process_vm_writev bpf execveat
    "x86_64": _Machine(
        0xC000_003E,
        56,
        (2, 41, 42, 57, 58, 59, 62, 85, 101, 200, 257, 272, 310, 311, 321, 322, *_SAME_EVERYWHERE),
    ),
    # openat unshare ptrace kill tkill socket connect execve process_vm_readv process_vm_writev bpf execveat
    "aarch64": _Machine(
        0xC000_00B7, 220, (56, 97, 117, 129, 130, 198, 203, 221, 270, 271, 280, 281, *_SAME_EVERYWHERE)
    ),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def refuse_calls() -> bool:
    """No file, socket, process or signal to another process from now on, in this thread and those it starts.

    False where the machine or the kernel does not know how. Needs ``no_new_privs``.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    code = _filter(machine)
    program = _Program(len(code) // 8, code)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return bool(prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _filter(machine: _Machine) -> bytes:
    refuse = _step(_RETURN, _ERRNO | errno.EPERM)
    steps = [
        _step(_LOAD, _MACHINE_AT),
        _step(_EQUAL, machine.audit, then=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
        _step(_AT_LEAST, _X32, otherwise=1),
        refuse,
    ]
    for number in machine.refused:
        steps += [_step(_EQUAL, number, otherwise=1), refuse]
    # Its flags are in memory, where no filter looks: the C library then takes the older call for threads.
    steps += [_step(_EQUAL, _CLONE3, otherwise=1), _step(_RETURN, _ERRNO | errno.ENOSYS)]
    steps += [
        _step(_EQUAL, machine.clone, otherwise=3),
        _step(_LOAD, _FIRST_ARGUMENT_AT),
        _step(_ANY_BIT, _CLONE_THREAD, then=1),
        refuse,
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(steps)


def _step(operation: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """``struct sock_filter``: ``then`` and ``otherwise`` are how many steps a comparison skips."""
    return struct.pack("=HBBI", operation, then, otherwise, value)
