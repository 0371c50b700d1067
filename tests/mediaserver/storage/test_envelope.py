"""The end of an object's file."""

from __future__ import annotations

import zlib

import pytest

from mediaserver.storage.envelope import (
    BLOCK_BYTES,
    FOOTER,
    EnvelopeError,
    describe,
    seal,
    unseal,
)


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 7])
def test_it_round_trips(size: int) -> None:
    data = bytes(size)
    description = describe([data], "video/mp4")
    sealed = seal(description)
    assert unseal(sealed, size + len(sealed)) == description
    assert len(description.checksums) == 4 * -(-size // BLOCK_BYTES)


def test_pieces_make_no_difference() -> None:
    data = bytes(range(256)) * 3000
    whole = describe([data], "video/mp4")
    for step in (1000, BLOCK_BYTES, BLOCK_BYTES + 1):
        assert describe([data[at : at + step] for at in range(0, len(data), step)], "video/mp4") == whole


def test_checksums_are_those_of_the_blocks() -> None:
    data = bytes(range(256)) * 3000
    description = describe([data], "video/mp4")
    for number in description.blocks_of(0, len(data)):
        block = data[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES]
        assert description.is_block(number, block)
        assert description.checksums[4 * number : 4 * number + 4] == zlib.crc32(block).to_bytes(4, "big")


def test_blocks_of_a_range() -> None:
    description = describe([bytes(BLOCK_BYTES * 3)], "video/mp4")
    assert list(description.blocks_of(0, 1)) == [0]
    assert list(description.blocks_of(BLOCK_BYTES - 1, BLOCK_BYTES + 1)) == [0, 1]
    assert list(description.blocks_of(BLOCK_BYTES, 2 * BLOCK_BYTES)) == [1]
    assert list(description.blocks_of(5, 5)) == []


def forged(text: bytes) -> bytes:
    return text + FOOTER.pack(b"MSOBJ\r\n\x01", len(text), zlib.crc32(text))


@pytest.mark.parametrize(
    ("tail", "what"),
    [
        (b"", "too short"),
        (bytes(64), "end is missing"),
        (forged(b"{}"), "cannot be read"),
        (forged(b"no JSON"), "cannot be read"),
        (FOOTER.pack(b"MSOBJ\r\n\x01", 1 << 30, 0), "cut off"),
        (forged(b"{}")[:-1] + b"\0", "does not match its checksum"),
        (
            forged(b'{"size":1,"etag":"\\"x\\"","content_type":"a/b","block_bytes":0,"checksums":""}'),
            "not as many",
        ),
        (
            forged(
                b'{"size":9,"etag":"\\"x\\"","content_type":"a/b","block_bytes":9,"checksums":"AAAAAA=="}'
            ),
            "should have",
        ),
    ],
)
def test_what_is_not_one_of_ours(tail: bytes, what: str) -> None:
    with pytest.raises(EnvelopeError, match=what):
        unseal(tail, len(tail))
