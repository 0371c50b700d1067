"""RTMP handshake, both sides: plain (RTMP 1.0, section 5.2) and with digests (Flash Player 9 and later).

The digest form is in no specification; it is what Flash, ffmpeg, librtmp and their servers do. C1 and S1
hide an HMAC-SHA256 of themselves at a place computed from four of their own bytes, C2 and S2 are signed
with a key derived from the other side's digest. A peer shows that it speaks this form by a version field
that is not zero and a digest that is right at one of two places (the "schemes").

Pure: random bytes come in as arguments.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Final

PROTOCOL_VERSION: Final = 3
PACKET_SIZE: Final = 1536
RANDOM_SIZE: Final = 2 * PACKET_SIZE
"""Random bytes that either side needs: its first packet and the filling of its second."""

_DIGEST_SIZE: Final = 32
_SIGNED_SIZE: Final = PACKET_SIZE - _DIGEST_SIZE
_KEY_TAIL: Final = bytes.fromhex("f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae")
_PLAYER_KEY: Final = b"Genuine Adobe Flash Player 001"
_SERVER_KEY: Final = b"Genuine Adobe Flash Media Server 001"
_SERVER_VERSION: Final = bytes((3, 5, 1, 1))
_PLAYER_VERSION: Final = bytes((9, 0, 124, 2))


class HandshakeError(ValueError):
    """The peer's first bytes are not RTMP that we speak."""


class Scheme(Enum):
    """Where a packet hides its digest: the offset of the four bytes whose sum names the place."""

    DIGEST_FIRST = 8
    """Scheme 0: digest block at byte 8, key block after it. What ffmpeg and librtmp send."""
    KEY_FIRST = 772
    """Scheme 1: key block at byte 8, digest block at byte 772."""


def digest_position(packet: bytes, scheme: Scheme) -> int:
    """Offset of the 32 digest bytes: the sum of four bytes modulo 728, after those four."""
    start = scheme.value
    return sum(packet[start : start + 4]) % 728 + start + 4


def _digest(packet: bytes, position: int, key: bytes) -> bytes:
    rest = packet[:position] + packet[position + _DIGEST_SIZE :]
    return hmac.digest(key, rest, sha256)


def find_digest(packet: bytes, key: bytes) -> tuple[Scheme, bytes] | None:
    """The scheme and digest of a C1 or S1, or None if it carries no right one."""
    for scheme in Scheme:
        position = digest_position(packet, scheme)
        found = packet[position : position + _DIGEST_SIZE]
        if hmac.compare_digest(found, _digest(packet, position, key)):
            return scheme, found
    return None


def _with_digest(packet: bytes, scheme: Scheme, key: bytes) -> tuple[bytes, bytes]:
    position = digest_position(packet, scheme)
    digest = _digest(packet, position, key)
    return packet[:position] + digest + packet[position + _DIGEST_SIZE :], digest


def _signed(filling: bytes, key: bytes, peer_digest: bytes) -> bytes:
    """A C2 or S2 of the digest form: random bytes, then their HMAC under a key from the peer's digest."""
    derived = hmac.digest(key + _KEY_TAIL, peer_digest, sha256)
    return filling[:_SIGNED_SIZE] + hmac.digest(derived, filling[:_SIGNED_SIZE], sha256)


def _check_random(random: bytes) -> None:
    if len(random) < RANDOM_SIZE:
        raise ValueError(f"the handshake needs {RANDOM_SIZE} random bytes, got {len(random)}")


class _ServerState(Enum):
    WAIT_C0_C1 = 1
    WAIT_C2 = 2
    DONE = 3


@dataclass(frozen=True, slots=True)
class HandshakeStep:
    """What to send now, and whether the chunk stream begins after the bytes consumed so far."""

    reply: bytes
    done: bool


class ServerHandshake:
    """The server's side. Feed it what arrives; ``leftover`` is the first of the chunk stream once done."""

    def __init__(self, *, random: bytes, uptime_ms: int = 0) -> None:
        """``random``: at least ``RANDOM_SIZE`` unpredictable bytes."""
        _check_random(random)
        self._random = random
        self._uptime_ms = uptime_ms & 0xFFFFFFFF
        self._state = _ServerState.WAIT_C0_C1
        self.leftover = b""
        self.scheme: Scheme | None = None
        """The client's digest scheme; None while unknown and for the plain form."""

    @property
    def done(self) -> bool:
        return self._state is _ServerState.DONE

    def receive(self, data: bytes) -> HandshakeStep:
        """Take bytes. Raises :class:`HandshakeError`."""
        buffered = self.leftover + data
        reply = b""
        if buffered and self._state is _ServerState.WAIT_C0_C1:
            _check_version(buffered[0])
        if self._state is _ServerState.WAIT_C0_C1 and len(buffered) >= 1 + PACKET_SIZE:
            reply = self._answer(buffered[1 : 1 + PACKET_SIZE])
            buffered = buffered[1 + PACKET_SIZE :]
            self._state = _ServerState.WAIT_C2
        if self._state is _ServerState.WAIT_C2 and len(buffered) >= PACKET_SIZE:
            # RTMP 1.0, 5.2.4 lets us compare C2 with S1. Field encoders send anything here (librtmp signs,
            # some phones send zeroes), and nothing depends on it, so its content is not looked at.
            buffered = buffered[PACKET_SIZE:]
            self._state = _ServerState.DONE
        self.leftover = buffered
        return HandshakeStep(reply, self.done)

    def _answer(self, c1: bytes) -> bytes:
        """S0, S1 and S2 for this C1."""
        head = self._uptime_ms.to_bytes(4, "big")
        filling = self._random[: PACKET_SIZE - 8]
        found = find_digest(c1, _PLAYER_KEY) if c1[4:8] != bytes(4) else None
        if found is None:
            # 5.2.3: S1 has four zero bytes after the time; 5.2.4: S2 echoes C1.
            return bytes((PROTOCOL_VERSION,)) + head + bytes(4) + filling + c1
        self.scheme, c1_digest = found
        s1, _ = _with_digest(head + _SERVER_VERSION + filling, self.scheme, _SERVER_KEY)
        s2 = _signed(self._random[PACKET_SIZE:RANDOM_SIZE], _SERVER_KEY, c1_digest)
        return bytes((PROTOCOL_VERSION,)) + s1 + s2


def _check_version(version: int) -> None:
    if version == 6:
        raise HandshakeError("RTMPE (encrypted handshake, version 6) is not spoken here; use RTMPS")
    # 5.2.2: "Values 0-2 are deprecated [...]; 4-31 are reserved for future implementations; and 32-255 are
    # not allowed (to allow distinguishing RTMP from text-based protocols)". "A server that does not
    # recognize the client's requested version SHOULD respond with 3."
    if version < PROTOCOL_VERSION or version > 31:
        raise HandshakeError(f"not an RTMP client: first byte is {version:#04x}")


class ClientHandshake:
    """The publisher's side: send ``hello()``, feed what arrives, send each reply."""

    def __init__(self, *, random: bytes, scheme: Scheme | None = None, uptime_ms: int = 0) -> None:
        """``scheme`` None makes the plain form. Some servers only take H.264 after a digest handshake."""
        _check_random(random)
        self._scheme = scheme
        self._random = random
        self._done = False
        self.leftover = b""
        head = (uptime_ms & 0xFFFFFFFF).to_bytes(4, "big")
        filling = random[: PACKET_SIZE - 8]
        self._digest = b""
        if scheme is None:
            self._c1 = head + bytes(4) + filling
        else:
            self._c1, self._digest = _with_digest(head + _PLAYER_VERSION + filling, scheme, _PLAYER_KEY)

    @property
    def done(self) -> bool:
        return self._done

    def hello(self) -> bytes:
        """C0 and C1."""
        return bytes((PROTOCOL_VERSION,)) + self._c1

    def receive(self, data: bytes) -> HandshakeStep:
        """Take bytes; the reply is C2. Raises :class:`HandshakeError`."""
        if self._done:
            raise ValueError("the handshake is over")
        self.leftover += data
        if self.leftover and self.leftover[0] != PROTOCOL_VERSION:
            raise HandshakeError(f"not an RTMP server: first byte is {self.leftover[0]:#04x}")
        if len(self.leftover) < 1 + RANDOM_SIZE:
            return HandshakeStep(b"", done=False)
        s1 = self.leftover[1 : 1 + PACKET_SIZE]
        s2 = self.leftover[1 + PACKET_SIZE : 1 + RANDOM_SIZE]
        self.leftover = self.leftover[1 + RANDOM_SIZE :]
        self._done = True
        found = find_digest(s1, _SERVER_KEY) if self._scheme is not None else None
        if found is None:
            return HandshakeStep(s1, done=True)  # 5.2.4: C2 echoes S1
        if s2 != _signed(s2, _SERVER_KEY, self._digest):
            raise HandshakeError("the server's digest handshake (S2) is signed wrongly")
        return HandshakeStep(_signed(self._random[PACKET_SIZE:], _PLAYER_KEY, found[1]), done=True)
