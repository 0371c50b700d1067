"""CEA-708 packets: caption channel packets and the service blocks in them (CTA-708 sections 5 and 6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

LARGEST_PACKET: Final = 128


class ServiceBlock(NamedTuple):
    service: int
    """1 to 63."""
    data: bytes


class PacketAssembler:
    """Collects byte pairs to packets. What is lost costs the packet that it belonged to, nothing else."""

    def __init__(self) -> None:
        self._packet = bytearray()
        self._size = 0

    def start(self, first: int, second: int) -> list[ServiceBlock]:
        """DTVCC_PACKET_START: the header and one byte. The packet before it, if not whole, is dropped."""
        # 5.1: packet_size_code 0 means 128 bytes, others two bytes each; the header counts.
        code = first & 0x3F
        self._size = 2 * code if code else LARGEST_PACKET
        self._packet = bytearray((first, second))
        return self._finish()

    def go_on(self, first: int, second: int) -> list[ServiceBlock]:
        """DTVCC_PACKET_DATA."""
        if not self._size:
            return []
        self._packet += bytes((first, second))
        return self._finish()

    def _finish(self) -> list[ServiceBlock]:
        if len(self._packet) < self._size:
            return []
        blocks = list(_blocks(bytes(self._packet[1 : self._size])))
        self._size = 0
        return blocks


def _blocks(data: bytes) -> Iterator[ServiceBlock]:
    position = 0
    while position < len(data):
        service, size = data[position] >> 5, data[position] & 0x1F
        position += 1
        if service == 7 and size:
            # 6.2.2: the extended header, for services 7 to 63.
            if position >= len(data):
                return
            service = data[position] & 0x3F
            position += 1
        # 6.2.3: "The null service block header" ends what is used of the packet.
        if not service or position + size > len(data):
            return
        yield ServiceBlock(service, data[position : position + size])
        position += size
