"""Handshake: RTMP 1.0 section 5.2, and the digest form as the field speaks it."""

import hashlib
import hmac
import random

import pytest

from ingest.rtmp.handshake import (
    PACKET_SIZE,
    RANDOM_SIZE,
    ClientHandshake,
    HandshakeError,
    Scheme,
    ServerHandshake,
    digest_position,
    find_digest,
)

RANDOM = random.Random(1).randbytes(RANDOM_SIZE)
OTHER = random.Random(2).randbytes(RANDOM_SIZE)


def test_plain_client_gets_its_c1_back_as_s2() -> None:
    server = ServerHandshake(random=RANDOM, uptime_ms=0x01020304)
    c1 = bytes((0, 0, 0, 9)) + bytes(4) + OTHER[: PACKET_SIZE - 8]
    reply = server.receive(b"\x03" + c1).reply
    assert len(reply) == 1 + 2 * PACKET_SIZE
    assert reply[0] == 3
    assert reply[1:9] == b"\x01\x02\x03\x04\x00\x00\x00\x00"
    assert reply[1 + PACKET_SIZE :] == c1
    assert server.receive(reply[1 : 1 + PACKET_SIZE] + b"chunks").done
    assert server.leftover == b"chunks"
    assert server.scheme is None


@pytest.mark.parametrize("scheme", Scheme)
def test_digest_client_gets_a_signed_s1_and_s2(scheme: Scheme) -> None:
    """Checked by the formulas written out here again, not by the module's own."""
    client = ClientHandshake(random=OTHER, scheme=scheme)
    server = ServerHandshake(random=RANDOM)
    c0_c1 = client.hello()
    reply = server.receive(c0_c1).reply
    assert server.scheme is scheme
    s1, s2 = reply[1 : 1 + PACKET_SIZE], reply[1 + PACKET_SIZE :]

    tail = bytes.fromhex("f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae")
    base = {Scheme.DIGEST_FIRST: 8, Scheme.KEY_FIRST: 772}[scheme]
    at = sum(s1[base : base + 4]) % 728 + base + 4
    key = b"Genuine Adobe Flash Media Server 001"
    assert s1[at : at + 32] == hmac.new(key, s1[:at] + s1[at + 32 :], hashlib.sha256).digest()

    c1 = c0_c1[1:]
    at = sum(c1[base : base + 4]) % 728 + base + 4
    signing = hmac.new(key + tail, c1[at : at + 32], hashlib.sha256).digest()
    assert s2[-32:] == hmac.new(signing, s2[:-32], hashlib.sha256).digest()

    c2 = client.receive(reply).reply
    at = sum(s1[base : base + 4]) % 728 + base + 4
    signing = hmac.new(b"Genuine Adobe Flash Player 001" + tail, s1[at : at + 32], hashlib.sha256).digest()
    assert c2[-32:] == hmac.new(signing, c2[:-32], hashlib.sha256).digest()
    assert server.receive(c2).done


def test_digest_at_the_ends_of_its_block() -> None:
    """The sum modulo 728 runs from 0 to 727; the digest must stay inside the packet."""
    for four in (bytes(4), b"\xff\xff\xd9\x00"):  # sums 0 and 727
        packet = bytes(8) + four + bytes(PACKET_SIZE - 12)
        assert digest_position(packet, Scheme.DIGEST_FIRST) == 12 + sum(four)
        packet = bytes(772) + four + bytes(PACKET_SIZE - 776)
        assert digest_position(packet, Scheme.KEY_FIRST) + 32 <= PACKET_SIZE


def test_a_version_without_a_right_digest_falls_back_to_plain() -> None:
    server = ServerHandshake(random=RANDOM)
    c1 = bytes(4) + b"\x09\x00\x7c\x02" + OTHER[: PACKET_SIZE - 8]
    assert server.receive(b"\x03" + c1).reply[1 + PACKET_SIZE :] == c1
    assert server.scheme is None


@pytest.mark.parametrize("scheme", [None, *Scheme])
def test_one_byte_at_a_time(scheme: Scheme | None) -> None:
    client, server = ClientHandshake(random=OTHER, scheme=scheme), ServerHandshake(random=RANDOM)
    to_client = b"".join(server.receive(bytes((b,))).reply for b in client.hello())
    to_server = b"".join(client.receive(bytes((b,))).reply for b in to_client)
    for b in to_server:
        server.receive(bytes((b,)))
    assert client.done
    assert server.done


def test_c2_is_not_looked_at() -> None:
    server = ServerHandshake(random=RANDOM)
    server.receive(b"\x03" + bytes(PACKET_SIZE))
    assert server.receive(b"\xaa" * PACKET_SIZE).done


@pytest.mark.parametrize(("first", "sentence"), [(6, "RTMPE"), (0x47, "0x47"), (0, "0x00"), (255, "0xff")])
def test_other_protocols_are_refused_at_the_first_byte(first: int, sentence: str) -> None:
    with pytest.raises(HandshakeError, match=sentence):
        ServerHandshake(random=RANDOM).receive(bytes((first,)))


def test_a_future_version_is_answered_with_3() -> None:
    """5.2.2: "A server that does not recognize the client's requested version SHOULD respond with 3"."""
    assert ServerHandshake(random=RANDOM).receive(b"\x1f" + bytes(PACKET_SIZE)).reply[0] == 3


def test_client_refuses_what_is_no_server() -> None:
    with pytest.raises(HandshakeError, match="not an RTMP server"):
        ClientHandshake(random=OTHER).receive(b"HTTP/1.1 400")


def test_client_notices_a_wrong_signature() -> None:
    client, server = ClientHandshake(random=OTHER, scheme=Scheme.DIGEST_FIRST), ServerHandshake(random=RANDOM)
    reply = bytearray(server.receive(client.hello()).reply)
    reply[-1] ^= 1
    with pytest.raises(HandshakeError, match="signed wrongly"):
        client.receive(bytes(reply))


def test_client_takes_a_plain_answer_to_its_digest() -> None:
    client = ClientHandshake(random=OTHER, scheme=Scheme.DIGEST_FIRST)
    s1 = bytes(8) + RANDOM[: PACKET_SIZE - 8]
    assert client.receive(b"\x03" + s1 + client.hello()[1:]).reply == s1


def test_too_little_randomness_is_the_callers_fault() -> None:
    with pytest.raises(ValueError, match="random bytes"):
        ServerHandshake(random=b"short")


def test_find_digest_on_noise() -> None:
    assert find_digest(RANDOM[:PACKET_SIZE], b"key") is None
