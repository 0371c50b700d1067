"""Addresses and networks."""

from __future__ import annotations

import pytest

from mediaserver.access.networks import Networks, is_loopback, parse_address


def test_an_ipv4_address_in_an_ipv6_one_is_the_former() -> None:
    assert str(parse_address("::ffff:10.0.0.5")) == "10.0.0.5"
    assert parse_address("example.org") is None
    assert parse_address("") is None


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "0.0.0.0", "::", "localhost", "127.0.0.1.example.org"])
def test_not_this_machine(address: str) -> None:
    assert not is_loopback(address)


def test_addresses_and_networks_together() -> None:
    networks = Networks(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"])
    for inside in ("10.255.0.1", "192.0.2.7", "2001:db8:1::1", "::ffff:10.0.0.1"):
        assert inside in networks
    for outside in ("11.0.0.1", "192.0.2.8", "2001:db9::1", "unknown", ""):
        assert outside not in networks
    assert networks
    assert not Networks([])
    assert 7 not in networks


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="relay"):
        Networks(["relay.local"])
