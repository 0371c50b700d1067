"""Writes header fields bit by bit, so that a test can spell a parameter set as the spec's table does."""

from __future__ import annotations


class BitWriter:
    def __init__(self) -> None:
        self._bits: list[str] = []

    def u(self, count: int, value: int) -> BitWriter:
        self._bits.append(f"{value:0{count}b}"[-count:] if count else "")
        return self

    def ue(self, value: int) -> BitWriter:
        code = f"{value + 1:b}"
        self._bits.append("0" * (len(code) - 1) + code)
        return self

    def se(self, value: int) -> BitWriter:
        return self.ue(2 * value - 1 if value > 0 else -2 * value)

    def rbsp(self) -> bytes:
        """With rbsp_trailing_bits."""
        return self._pack("".join(self._bits) + "1")

    def plain(self) -> bytes:
        return self._pack("".join(self._bits))

    @staticmethod
    def _pack(bits: str) -> bytes:
        bits += "0" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""


def escape(rbsp: bytes) -> bytes:
    """Insert emulation prevention bytes (H.264 7.4.1)."""
    out, zeros = bytearray(), 0
    for byte in rbsp:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)
