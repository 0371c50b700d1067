"""The log: two shapes, one line each, and no secret in it whatever is logged."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.logs import HIDDEN, LINE_LIMIT_CHARS, Redaction, one_line, set_up
from mediaserver.settings import LogSettings

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ2aWV3ZXIifQ.c2lnbmF0dXJl"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


Logged = Callable[..., str]


@pytest.fixture
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)


@pytest.fixture
def logged(root_logger: None) -> Logged:
    """Logs one warning in a format, and answers what came out."""

    def log(message: str, *arguments: object, shape: str = "json", fault: bool = False) -> str:
        stream = io.StringIO()
        set_up(LogSettings(format=shape), stream)  # type: ignore[arg-type]
        logging.getLogger("mediaserver.live.stream").warning(message, *arguments, exc_info=fault)
        return stream.getvalue()

    return log


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET /watch/mine?token=s3cretvalue HTTP/1.1", "s3cretvalue"),
        ("GET /api/v1/streams?cursor=s3cretvalue", "s3cretvalue"),
        ("http://127.0.0.1:8080/live/a/media.m3u8?_HLS_msn=7&session=s3cretvalue 200", "s3cretvalue"),
        ("rtmp://127.0.0.1/live/mine?key=s3cretvalue", "s3cretvalue"),
        ("publish mine?key=s3cretvalue refused", "s3cretvalue"),
        ("wrong key=s3cretvalue", "s3cretvalue"),
        ("{'publish_key': 's3cretvalue', 'name': 'mine'}", "s3cretvalue"),
        ('{"admin_token":"s3cretvalue"}', "s3cretvalue"),
        ("password: s3cretvalue", "s3cretvalue"),
        (f"GET /t/{JWT}/live/mine/master.m3u8", JWT.split(".")[1]),
        ("GET /t/s3cretvalue/live/mine/audio/media.m3u8", "s3cretvalue"),
        ("Authorization: Bearer s3cretvalue", "s3cretvalue"),
        ("{'Authorization': 'Bearer s3cretvalue'}", "s3cretvalue"),
        ("authorization=Basic czNjcmV0dmFsdWU=", "czNjcmV0dmFsdWU"),
        ("got bearer s3cretvalue from the peer", "s3cretvalue"),
        (f"token was {JWT}, which has expired", JWT.split(".")[2]),
        ("redis://user:s3cretvalue@127.0.0.1:6379/0", "s3cretvalue"),
    ],
)
def test_secrets_are_taken_out(text: str, secret: str) -> None:
    redacted = Redaction()(text)
    assert secret not in redacted
    assert HIDDEN in redacted


@pytest.mark.parametrize(
    "text",
    [
        "stream mine: offline -> starting",
        "GET /live/mine/720p/ab12-7.3.m4s 200",
        "what happened? nobody knows",
        "3 keys, 2 tokens",
        "listening on http://127.0.0.1:8080/",
        "publish refused (wrong_key): no stream with this name and key",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert Redaction()(text) == text


def test_a_secret_that_was_named_is_hidden_anywhere() -> None:
    redaction = Redaction()
    redaction.protect("correct horse")
    redaction.protect("")
    assert redaction("the correct horse says") == f"the {HIDDEN} says"


def test_redaction_is_quick_on_hostile_text() -> None:
    """No pattern may take quadratic time or worse: a peer chooses much of what is logged."""
    for piece in ["?", "/t/", "eyJaaaa.", "key=", "authorization:", "bearer ", "a?b=", "://", "_", " "]:
        text = piece * (1_000_000 // len(piece))
        began = time.process_time()
        Redaction()(text)
        assert time.process_time() - began < 1.0, piece


@given(st.text())
def test_any_text_becomes_one_printable_line(text: str) -> None:
    assert one_line(text).isprintable()
    assert "\n" not in one_line(text)


def test_json_is_one_object_a_line(logged: Logged) -> None:
    lines = logged('stream %s said "%s"', "mine", "é\nforged").splitlines()
    assert len(lines) == 1
    line = json.loads(lines[0])
    assert line["level"] == "warning"
    assert line["logger"] == "mediaserver.live.stream"
    assert line["message"] == 'stream mine said "é\\nforged"'
    assert line["time"].endswith("Z")
    assert "exception" not in line


def test_text_that_is_no_unicode_is_logged(logged: Logged) -> None:
    for shape in ("json", "text"):
        assert "udcff" in logged("peer said %s", b"\xff".decode("utf-8", "surrogateescape"), shape=shape)


def test_text_is_one_line_without_control_characters(logged: Logged) -> None:
    out = logged("a\x1b[2Jb\r\nforged", shape="text")
    assert out.count("\n") == 1
    assert "\x1b" not in out
    assert " warning live.stream: a\\x1b[2Jb\\r\\nforged\n" in out


@pytest.mark.parametrize("shape", ["json", "text"])
def test_exceptions_are_shown_without_their_secrets(logged: Logged, shape: str) -> None:
    try:
        raise ValueError("cannot open rtmp://host/live/mine?key=s3cretvalue")
    except ValueError:
        out = logged("it broke", shape=shape, fault=True)
    assert "ValueError" in out
    assert "s3cretvalue" not in out


def test_a_long_line_is_cut() -> None:
    assert len(Redaction()("x" * (LINE_LIMIT_CHARS * 3))) == LINE_LIMIT_CHARS


@pytest.mark.usefixtures("root_logger")
def test_auto_is_text_on_a_terminal_and_json_elsewhere() -> None:
    for stream, is_json in ((Terminal(), False), (io.StringIO(), True)):
        set_up(LogSettings(), stream)
        logging.getLogger("x").info("hello")
        assert stream.getvalue().startswith("{") is is_json


@pytest.mark.usefixtures("root_logger")
def test_the_level_holds_and_libraries_are_quiet() -> None:
    stream = io.StringIO()
    set_up(LogSettings(level="debug"), stream)
    logging.getLogger("mediaserver.x").debug("ours")
    logging.getLogger("aiosqlite").debug("theirs")
    logging.getLogger("aiohttp.access").warning("GET /?token=x")
    assert len(stream.getvalue().splitlines()) == 1
    set_up(LogSettings(level="error"), stream)
    logging.getLogger("mediaserver.x").warning("not this")
    assert len(stream.getvalue().splitlines()) == 1
    logging.getLogger("aiohttp.access").disabled = False
