"""A private stream plays only under a token's prefix, and no log ever shows token or key."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from mediaserver.server_process import ServerProcess
from tests.e2e.player import Player


class TokenPlayer(Player):
    """Requests under /t/{token}/live/{stream}/."""

    def __init__(self, server: ServerProcess, stream: str, token: str) -> None:
        super().__init__(server, stream)
        self.base = f"{server.http_url}/t/{token}/live/{stream}/"


@pytest.fixture(scope="module")
def private(server: ServerProcess, publish: Callable, until_state: Callable) -> str:
    url = server.publish_url("secret", visibility="private", ladder="passthrough")
    publish(url, "--size", "320x240", "--fps", "25")
    until_state(server, "secret")
    return url


def token_for(server: ServerProcess, resource: str, action: str = "view", ttl_s: int = 600) -> str:
    body = {"subject": "viewer", "action": action, "resource": resource, "ttl_s": ttl_s}
    status, answer = server.call("POST", "/api/v1/tokens", body)
    assert status in (200, 201)
    return answer["token"]


def test_everything_plays_under_the_tokens_prefix(server: ServerProcess, private: str) -> None:
    player = TokenPlayer(server, "secret", token_for(server, "stream:secret"))
    assert player.status("master.m3u8") == 200
    playlist = player.until_msn(0)
    for uri in [playlist.maps[0], playlist.segments[-1].uri, playlist.parts[-1].uri]:
        assert not uri.startswith("/")
        assert player.status(f"source/{uri}") == 200


def test_no_url_of_the_playlist_plays_without_or_with_another_token(
    server: ServerProcess, private: str
) -> None:
    playlist = TokenPlayer(server, "secret", token_for(server, "stream:secret")).playlist()
    strangers = [
        Player(server, "secret"),
        TokenPlayer(server, "secret", token_for(server, "stream:other")),
        TokenPlayer(server, "secret", token_for(server, "stream:secret", action="publish")),
        TokenPlayer(server, "secret", "not.a.token"),
    ]
    paths = ["master.m3u8", "source/media.m3u8", "poster.jpg"]
    paths += [f"source/{uri}" for uri in [*playlist.maps, playlist.parts[-1].uri]]
    for stranger in strangers:
        for path in paths:
            assert stranger.status(path) in (401, 403), (stranger.base, path)


def test_a_token_for_something_else_does_not_tell_whether_it_exists(
    server: ServerProcess, private: str
) -> None:
    token = token_for(server, "stream:other")
    there, _, there_body = TokenPlayer(server, "secret", token).get("master.m3u8")
    nowhere, _, nowhere_body = TokenPlayer(server, "nowhere", token).get("master.m3u8")
    assert (there, there_body) == (nowhere, nowhere_body)
    assert there == 403


def test_a_prefix_on_a_public_stream_does_no_harm(
    server: ServerProcess, private: str, publish: Callable, until_state: Callable
) -> None:
    publish(server.publish_url("open", ladder="passthrough"), "--size", "320x240")
    until_state(server, "open")
    assert TokenPlayer(server, "open", token_for(server, "stream:open")).status("master.m3u8") == 200


def test_no_secret_is_in_the_log(server: ServerProcess, private: str) -> None:
    token = token_for(server, "stream:secret")
    TokenPlayer(server, "secret", token).status("source/none.m4s")
    key = re.search(r"key=([^&]+)", private)[1]
    log = server.log_tail()
    for secret in (key, token, server.admin_token):
        assert secret not in log
