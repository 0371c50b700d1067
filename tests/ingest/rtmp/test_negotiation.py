"""Enhanced RTMP's part of ``connect``."""

from __future__ import annotations

import pytest

from ingest.rtmp.amf0 import EcmaArray, Value
from ingest.rtmp.negotiation import (
    OURS,
    CapsEx,
    ConnectRequest,
    FourCcInfo,
    PeerCapabilities,
    connect_information,
)


def test_nothing_said_is_nothing_answered() -> None:
    peer = PeerCapabilities.of({"app": "live", "flashVer": "FMLE/3.0"})
    assert not peer.is_enhanced
    assert connect_information(peer).keys() == {"level", "code", "description", "objectEncoding"}


def test_info_maps_and_caps() -> None:
    peer = PeerCapabilities.of(
        {
            "capsEx": 3.0,
            "videoFourCcInfoMap": {"av01": 4.0, "hvc1": 7.0},
            "audioFourCcInfoMap": EcmaArray({"Opus": 1.0}),
        }
    )
    assert peer.caps_ex == CapsEx.RECONNECT | CapsEx.MULTITRACK
    assert peer.can_reconnect
    assert peer.codec("hvc1") == FourCcInfo.DECODE | FourCcInfo.ENCODE | FourCcInfo.FORWARD
    assert peer.codec("Opus") == FourCcInfo.DECODE
    assert peer.codec("vp09") == FourCcInfo(0)


def test_a_wildcard_overrides_what_is_said_of_single_codecs() -> None:
    peer = PeerCapabilities.of({"videoFourCcInfoMap": {"*": 4.0, "vp09": 3.0}})
    assert peer.codec("vp09") == peer.codec("avc1") == FourCcInfo.FORWARD
    assert PeerCapabilities.of({"fourCcList": ["*"]}).codec("av01") == FourCcInfo.FORWARD


@pytest.mark.parametrize("codecs", [["av01", "hvc1"], {"0": "av01", "1": "hvc1"}, EcmaArray({"0": "av01"})])
def test_a_list_may_be_any_of_amfs_arrays_and_objects(codecs: Value) -> None:
    peer = PeerCapabilities.of({"fourCcList": codecs})
    assert peer.codec("av01") == FourCcInfo.DECODE
    assert connect_information(peer)["capsEx"] == float(OURS)


@pytest.mark.parametrize(
    "odd", [None, 5.0, "x", [5.0, None], {"av01": "x"}, {"av01": float("inf")}, {"x": -1.0}]
)
def test_odd_values_say_nothing_but_that_the_peer_is_enhanced(odd: Value) -> None:
    peer = PeerCapabilities.of(dict.fromkeys(("fourCcList", "videoFourCcInfoMap", "capsEx"), odd))
    assert peer.is_enhanced
    assert not peer.codec("av01")


def test_what_a_peer_can_make_us_keep_is_bounded() -> None:
    many: dict[str, Value] = {f"{n:08}": 1.0 for n in range(4000)}
    peer = PeerCapabilities.of({"videoFourCcInfoMap": many, "fourCcList": list(many)})
    assert len(peer.codecs) <= 128
    assert all(len(name) <= 4 for name in peer.codecs)


def test_a_request_shows_no_key() -> None:
    request = ConnectRequest.of({"app": "/live/?key=secret", "tcUrl": "rtmp://h/live?key=secret"})
    assert (request.app, request.key) == ("live", "secret")
    assert "secret" not in repr(request)
    assert ConnectRequest.of(None) == ConnectRequest("", None, "", None, PeerCapabilities())
