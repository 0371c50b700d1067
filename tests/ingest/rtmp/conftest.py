"""A conversation between our publisher client and our server session, in memory."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from ingest.rtmp.client import PublisherClient, PublishUrl
from ingest.rtmp.handshake import RANDOM_SIZE, Scheme
from ingest.rtmp.session import Event, PublishRequested, ServerSession, SessionConfig

_RANDOM = random.Random(7)


@dataclass
class Conversation:
    client: PublisherClient
    session: ServerSession
    events: list[Event] = field(default_factory=list)
    on_request: Callable[[ServerSession], None] = ServerSession.accept
    to_server: bytearray = field(default_factory=bytearray)

    def exchange(self) -> None:
        """Carry bytes both ways until neither side has anything to say."""
        while True:
            data = self.client.data_to_send()
            self.to_server += data
            if data:
                self.session.receive(data)
            while (event := self.session.next_event()) is not None:
                self.events.append(event)
                if isinstance(event, PublishRequested):
                    self.on_request(self.session)
            answer = self.session.data_to_send()
            if answer:
                self.client.receive(answer)
            if not data and not answer:
                return


Converse = Callable[..., Conversation]


@pytest.fixture
def converse() -> Converse:
    def make(
        url: str = "rtmp://host/live/mine?key=secret",
        *,
        config: SessionConfig | None = None,
        scheme: Scheme | None = None,
        chunk_size_bytes: int = 4096,
    ) -> Conversation:
        return Conversation(
            PublisherClient(
                PublishUrl.parse(url),
                random=_RANDOM.randbytes(RANDOM_SIZE),
                scheme=scheme,
                chunk_size_bytes=chunk_size_bytes,
            ),
            ServerSession(random=_RANDOM.randbytes(RANDOM_SIZE), config=config),
        )

    return make
