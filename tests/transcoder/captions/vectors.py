"""Caption bytes as they are on the wire, written from the tables of CTA-608, CTA-708 and ATSC A/53."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from transcoder.captions.cue import Cue

# CEA-608 commands of CC1 with their parity bits (47 CFR 15.119 tables): each two bytes.
RCL = bytes.fromhex("9420")
BS = bytes.fromhex("94a1")
DER = bytes.fromhex("94a4")
RU2 = bytes.fromhex("9425")
RU3 = bytes.fromhex("9426")
RU4 = bytes.fromhex("94a7")
RDC = bytes.fromhex("9429")
TR = bytes.fromhex("942a")
EDM = bytes.fromhex("942c")
CR = bytes.fromhex("94ad")
ENM = bytes.fromhex("94ae")
EOC = bytes.fromhex("942f")
TO1 = bytes.fromhex("97a1")
TO2 = bytes.fromhex("97a2")
TO3 = bytes.fromhex("9723")
ROW_15 = bytes.fromhex("9470")
"""Preamble: row 15, white, indent 0."""
ROW_14 = bytes.fromhex("94d0")
ROW_1 = bytes.fromhex("91d0")
ROW_15_INDENT_8 = bytes.fromhex("94f4")
ITALICS = bytes.fromhex("91ae")
"""Mid-row: italics, no underline."""
WHITE = bytes.fromhex("9120")
UNDERLINED = bytes.fromhex("91a1")
NULL = bytes.fromhex("8080")


def odd(value: int) -> int:
    """The byte with its parity bit."""
    return value if value.bit_count() & 1 else value | 0x80


def chars(text: str) -> bytes:
    """ASCII with parity, padded to pairs."""
    data = bytes(odd(ord(char)) for char in text)
    return data + b"\x80" * (len(data) & 1)


def on_channel(data: bytes, channel: int) -> bytes:
    """The same commands for CC2, CC3 or CC4 (bit 3: second channel; 0x15 for 0x14 in field 2)."""
    out = bytearray()
    for at in range(0, len(data), 2):
        first, second = data[at] & 0x7F, data[at + 1]
        if 0x10 <= first < 0x20:
            if channel >= 3 and first == 0x14 and second & 0x7F < 0x30:
                first = 0x15
            if channel in (2, 4):
                first |= 8
        out += bytes((odd(first), second))
    return bytes(out)


def pairs(data: bytes) -> list[tuple[int, int]]:
    return [(data[at], data[at + 1]) for at in range(0, len(data), 2)]


def cc_data(packets: Iterable[tuple[int, int, int]]) -> bytes:
    """ATSC A/53 part 4 6.2: the T.35 payload with cc_data() of these (cc_type, first, second)."""
    body = b"".join(bytes((0xFC | kind, first, second)) for kind, first, second in packets)
    assert len(body) <= 31 * 3
    return bytes.fromhex("b500314741393403") + bytes((0x40 | len(body) // 3, 0xFF)) + body + b"\xff"


def sei_message(payload: bytes) -> bytes:
    """user_data_registered_itu_t_t35 (payload type 4), and the RBSP's stop bit."""
    return b"\x04" + b"\xff" * (len(payload) // 255) + bytes((len(payload) % 255,)) + payload + b"\x80"


def escaped(rbsp: bytes) -> bytes:
    """With emulation prevention (H.264 7.4.1)."""
    out = bytearray()
    zeros = 0
    for byte in rbsp:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def h264_sei(payload: bytes) -> bytes:
    """A length-prefixed SEI NAL unit."""
    nal = b"\x06" + escaped(sei_message(payload))
    return len(nal).to_bytes(4, "big") + nal


def h265_sei(payload: bytes) -> bytes:
    """The same in H.265: PREFIX_SEI_NUT is 39."""
    nal = b"\x4e\x01" + escaped(sei_message(payload))
    return len(nal).to_bytes(4, "big") + nal


def av1_metadata(payload: bytes) -> bytes:
    """metadata_obu() with size: OBU type 5, metadata_type 4 (AV1 5.8.2), trailing bits."""
    body = b"\x04" + payload + b"\x80"
    return bytes((5 << 3 | 2, len(body))) + body


def dtvcc(blocks: Sequence[tuple[int, bytes]], sequence: int = 0) -> list[tuple[int, int, int]]:
    """One caption channel packet as cc_data packets: DTVCC_PACKET_START is 3, DTVCC_PACKET_DATA is 2."""
    data = b"".join(bytes((service << 5 | len(block),)) + block for service, block in blocks)
    if not len(data) & 1:
        data += b"\0"
    packet = bytes((sequence << 6 | (len(data) + 1) // 2,)) + data
    return [(2 if at else 3, packet[at], packet[at + 1]) for at in range(0, len(packet), 2)]


def shown(cues: Iterable[Cue]) -> list[tuple[float, float | None, str]]:
    """(start, end, text) of each cue that is told, in order."""
    return [
        (round(cue.start_s, 3), None if cue.end_s is None else round(cue.end_s, 3), cue.text) for cue in cues
    ]
