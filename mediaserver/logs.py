"""The log: stderr, for people on a terminal and one JSON object a line otherwise. Never a secret.

No part of the program logs a key or a token on purpose. The redaction here is the last line of defence:
it runs over every finished line, over the text of exceptions too.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import msgspec

from mediaserver.settings import LogSettings

HIDDEN: Final = "***"
LINE_LIMIT_CHARS: Final = 16_384
"""Of one message with its traceback; redaction stays quick however long a peer's text is."""

# Each pattern is linear: no repetition inside a repetition that could match the same text.
_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # Authorization: Bearer x, and its pieces as dicts of headers are printed.
    (re.compile(r"(authorization['\"]?\s{0,4}[:=]\s{0,4}['\"]?)[^'\"\r\n,;]{1,8192}", re.I), rf"\1{HIDDEN}"),
    (re.compile(r"\b(bearer|basic) [A-Za-z0-9._~+/=-]+", re.I), rf"\1 {HIDDEN}"),
    # The prefix of private media: /t/{token}/live/…
    (re.compile(r"/t/[^/\s'\"?]+"), f"/t/{HIDDEN}"),
    # A JSON Web Token wherever it stands.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), HIDDEN),
    # A query string: after a path or a name, up to the next space or quote.
    (re.compile(r"(?<=[A-Za-z0-9_/.~%-])\?[^\s'\"<>?]*=[^\s'\"<>]*"), f"?{HIDDEN}"),
    # key=…, token: … on their own.
    (
        re.compile(
            r"\b((?:[a-z]{1,16}_)?(?:key|token|secret|password|signature)['\"]?[=:]\s?['\"]?)[^\s'\"&,;)}\]]+",
            re.I,
        ),
        rf"\1{HIDDEN}",
    ),
    # user:password@host in a URL.
    (re.compile(r"://[^/\s@'\"]{1,256}@"), f"://{HIDDEN}@"),
)


class Redaction:
    """Takes secrets out of text: what looks like one, and those that it was told."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set(secrets)

    def protect(self, secret: str) -> None:
        """From now on this exact text is hidden wherever it stands."""
        if secret:
            self._secrets.add(secret)

    def __call__(self, text: str) -> str:
        text = text[:LINE_LIMIT_CHARS]
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


class _Formatter(logging.Formatter):
    def __init__(self, redaction: Redaction) -> None:
        super().__init__()
        self.redact = redaction

    def fault(self, record: logging.LogRecord) -> str:
        """The traceback, if there is one."""
        if record.exc_info and record.exc_info[0] is not None:
            return self.redact(self.formatException(record.exc_info))
        return ""

    def message(self, record: logging.LogRecord) -> str:
        """The message on one line, whatever a peer put into it."""
        return one_line(self.redact(record.getMessage()))


class TextFormatter(_Formatter):
    """``12:03:04.123 info    live.stream  message`` and the traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        source = record.name.removeprefix("mediaserver.")
        line = (
            f"{clock}.{int(record.msecs):03d} {record.levelname.lower():7} {source}: {self.message(record)}"
        )
        fault = self.fault(record)
        return f"{line}\n{fault}" if fault else line


class JsonFormatter(_Formatter):
    """``{"time": RFC 3339, "level": …, "logger": …, "message": …, "exception": …}``."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.message(record),
        }
        if fault := self.fault(record):
            line["exception"] = fault
        # Text that is no Unicode (a surrogate from a peer's bytes) must not stop the log.
        return msgspec.json.encode(_printable(line)).decode()


def _printable(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value.encode("utf-8", "backslashreplace").decode() for key, value in line.items()}


def one_line(text: str) -> str:
    """``text`` with its control characters written out, so that it cannot forge a line or drive a
    terminal."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def set_up(settings: LogSettings, stream: TextIO | None = None) -> Redaction:
    """Send the log of the whole process to ``stream`` (stderr). Answers its redaction, to be told secrets."""
    target = stream if stream is not None else sys.stderr
    redaction = Redaction()
    as_json = settings.format == "json" or (settings.format == "auto" and not target.isatty())
    handler = logging.StreamHandler(target)
    handler.setFormatter(JsonFormatter(redaction) if as_json else TextFormatter(redaction))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    logging.captureWarnings(True)
    # Below warnings these two only tell about themselves, and a debug level is meant for our own parts.
    for noisy in ("aiosqlite", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # aiohttp's access log writes query strings.
    logging.getLogger("aiohttp.access").disabled = True
    return redaction
