"""The typed settings of the program, and how they are put together.

Order of strength: the defaults below, then the TOML file, then the environment
(``MEDIASERVER__LIVE__PART_TARGET_S=0.25``), then ``--set live.part_target_s=0.25``.
``config/mediaserver.toml`` shows every key with its default; a test holds the two together.
A key that is not known, or a value that is not allowed, stops the start with one line.
"""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_type_hints

import msgspec
from msgspec import Meta, Struct, field

ENVIRONMENT_PREFIX: Final = "MEDIASERVER__"
ADMIN_TOKEN_MIN_CHARS: Final = 16
RUNGS: Final = ("1080p", "720p", "480p", "360p")
"""The heights that a ladder may name."""
EVERY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - a server that others are to reach, closed by its keys


class SettingsError(ValueError):
    """A setting that cannot be used: its key, the value as written, and what is allowed instead."""

    def __init__(self, key: str, value: object, allowed: str) -> None:
        self.key = key
        self.shown = _show(key, value)
        self.allowed = allowed
        super().__init__(f"setting {key} = {self.shown}: {allowed}")


def _show(key: str, value: object, limit: int = 120) -> str:
    """The value as written, on one line; hidden where its name, rightly or wrongly spelt, says secret."""
    name = key.rpartition(".")[2].lower()
    is_path = key == "rtmps.key_file"
    says_secret = any(word in name for word in ("tok", "secret", "password", "key")) and not is_path
    # Somebody may have put the key itself where its path belongs.
    if key in SECRET_KEYS or says_secret or "PRIVATE KEY" in str(value):
        return "(hidden)"
    text = re.sub(r"//[^@/\s]*@", "//***@", repr(value))
    return text if len(text) <= limit else text[:limit] + "…"


PemFile = Annotated[
    str,
    Meta(
        max_length=4096,
        pattern=r"^[^\x00-\x1f\x7f]*\Z",
        description="must be empty or the path of a PEM file",
    ),
]
Flag = Annotated[bool, Meta(description="must be true or false")]
Port = Annotated[int, Meta(ge=0, le=65535, description="must be a port from 0 to 65535; 0: any free one")]
Host = Annotated[
    str, Meta(pattern=r"^[0-9A-Za-z.:_-]{1,253}\Z", description="must be an address or a host name")
]
Networks = Annotated[
    tuple[str, ...], Meta(description='must be a list of addresses or networks such as "10.0.0.0/8"')
]
Origins = Annotated[
    tuple[Annotated[str, Meta(pattern=r"^(\*|https?://[^\s/?#]+)\Z")], ...],
    Meta(description='must be a list of origins such as "https://example.org", or ["*"]'),
]


def _number(low: float, high: float, what: str) -> Meta:
    return Meta(ge=low, le=high, description=f"must be {what} from {low:g} to {high:g}")


def _count(low: int, high: int, what: str = "a whole number") -> Meta:
    return Meta(ge=low, le=high, description=f"must be {what} from {low} to {high}")


class HttpSettings(Struct, frozen=True, kw_only=True):
    """The HTTP door: pages, API, playlists and segments."""

    host: Host = EVERY_ADDRESS
    port: Port = 8080
    public_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s/?#@]+)?\Z",
            description='must be empty or "https://host[:port]" without a path',
        ),
    ] = ""
    trusted_proxies: Networks = ()
    allowed_origins: Origins = ("*",)
    reader_timeout_s: Annotated[float, _number(1, 3600, "seconds")] = 30.0
    max_connections: Annotated[int, _count(1, 1_000_000)] = 20_000
    max_body_bytes: Annotated[int, _count(1 << 10, 1 << 30, "bytes")] = 1 << 20
    max_requests_per_address_s: Annotated[int, _count(0, 1_000_000, "0 (no limit) or a whole number")] = 2_000


class RtmpSettings(Struct, frozen=True, kw_only=True):
    """The RTMP door, and what one peer may cost."""

    host: Host = EVERY_ADDRESS
    port: Port = 1935
    handshake_timeout_s: Annotated[float, _number(0.5, 60, "seconds")] = 5.0
    publish_timeout_s: Annotated[float, _number(1, 60, "seconds")] = 10.0
    silence_timeout_s: Annotated[float, _number(1, 3600, "seconds")] = 10.0
    max_connections: Annotated[int, _count(1, 100_000)] = 1_000
    max_connections_per_address: Annotated[int, _count(1, 100_000)] = 64
    max_message_bytes: Annotated[int, _count(64 << 10, (1 << 24) - 1, "bytes")] = 8 << 20
    max_chunk_streams: Annotated[int, _count(4, 65_599)] = 64
    max_amf_depth: Annotated[int, _count(2, 64)] = 8
    max_tracks: Annotated[int, _count(1, 32)] = 8
    relay_addresses: Networks = ()
    reconnect_url: Annotated[
        str,
        Meta(
            pattern=r"^(rtmps?://[^\s?#@]+)?\Z",
            description='must be empty or "rtmp://host[:port]/live" or the same with rtmps',
        ),
    ] = ""
    drain_s: Annotated[float, _number(0, 15, "seconds")] = 5.0


class RtmpsSettings(Struct, frozen=True, kw_only=True):
    """RTMP over TLS on a port of its own; hosts and limits are those of ``rtmp``."""

    port: Annotated[
        Literal["off"] | Annotated[int, Meta(ge=0, le=65535)],
        Meta(description='must be "off" or a port from 0 to 65535; 0: any free one'),
    ] = "off"
    certificate: PemFile = ""
    key_file: PemFile = ""


class LiveSettings(Struct, frozen=True, kw_only=True):
    """How live streams are cut, kept and encoded."""

    segment_target_s: Annotated[float, _number(0.5, 10, "seconds")] = 2.0
    part_target_s: Annotated[float, _number(0.1, 2, "seconds")] = 0.25
    window_s: Annotated[float, _number(10, 3600, "seconds")] = 30.0
    grace_s: Annotated[float, _number(0, 3600, "seconds")] = 60.0
    ladder: Annotated[
        Literal["auto", "passthrough"] | tuple[Literal["1080p", "720p", "480p", "360p"], ...],
        Meta(description=f'must be "auto", "passthrough" or a list of {", ".join(RUNGS)}'),
    ] = "auto"
    poster_interval_s: Annotated[float, _number(1, 3600, "seconds")] = 10.0
    slate: Flag = True
    slate_text: Annotated[str, Meta(max_length=80, description="must be text of at most 80 characters")] = (
        "We will be right back"
    )
    takeover: Flag = False
    give_up: Annotated[
        tuple[Literal["1080p", "720p", "480p", "360p"], ...],
        Meta(description=f"must be a list of {', '.join(RUNGS)}"),
    ] = RUNGS


class TranscoderSettings(Struct, frozen=True, kw_only=True):
    """The children that encode."""

    encoder: Annotated[
        Literal["auto", "software", "nvenc", "qsv", "vaapi"],
        Meta(description='must be "auto", "software", "nvenc", "qsv" or "vaapi"'),
    ] = "auto"
    hang_s: Annotated[float, _number(1, 60, "seconds")] = 3.0
    restarts_per_minute: Annotated[int, _count(1, 60)] = 5


class AccessSettings(Struct, frozen=True, kw_only=True):
    """Who may do what."""

    admin_token: Annotated[
        str,
        Meta(
            pattern=rf"^([!-~]{{{ADMIN_TOKEN_MIN_CHARS},512}})?\Z",
            description=f"must be empty (made at the first start) or {ADMIN_TOKEN_MIN_CHARS} to 512 "
            "characters without spaces",
        ),
    ] = ""
    open_publish: Flag = False


class LogSettings(Struct, frozen=True, kw_only=True):
    """What goes to stderr, and in which shape."""

    format: Annotated[
        Literal["auto", "text", "json"], Meta(description='must be "auto", "text" or "json"')
    ] = "auto"
    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description='must be "debug", "info", "warning" or "error"'),
    ] = "info"


class StateSettings(Struct, frozen=True, kw_only=True):
    """Where records are kept."""

    url: Annotated[
        str, Meta(pattern=r"^sqlite:\Z", description='must be "sqlite:"; no other kind is in this version')
    ] = "sqlite:"


class StorageSettings(Struct, frozen=True, kw_only=True):
    """Where objects are kept."""

    url: Annotated[
        str, Meta(pattern=r"^file:\Z", description='must be "file:"; no other kind is in this version')
    ] = "file:"
    fsync: Flag = False


class Config(Struct, frozen=True, kw_only=True):
    """All settings of one process. Immutable; each part of the program is handed its own section."""

    data_dir: Annotated[
        str, Meta(min_length=1, max_length=4096, description="must be the path of a folder")
    ] = "data"
    http: HttpSettings = field(default_factory=HttpSettings)
    rtmp: RtmpSettings = field(default_factory=RtmpSettings)
    rtmps: RtmpsSettings = field(default_factory=RtmpsSettings)
    live: LiveSettings = field(default_factory=LiveSettings)
    transcoder: TranscoderSettings = field(default_factory=TranscoderSettings)
    access: AccessSettings = field(default_factory=AccessSettings)
    log: LogSettings = field(default_factory=LogSettings)
    state: StateSettings = field(default_factory=StateSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)

    @property
    def data_path(self) -> Path:
        """The data folder as a path."""
        return Path(self.data_dir)

    def flat(self, *, mask_secrets: bool = True) -> dict[str, Any]:
        """Every key with its value, in order; secrets masked unless asked otherwise."""
        values = {key: _read(self, key) for key in SETTINGS}
        for key in SECRET_KEYS if mask_secrets else ():
            values[key] = "***" if values[key] else ""
        return values


@dataclass(frozen=True, slots=True)
class Setting:
    """One key: the type its value must have, and the sentence that says so."""

    key: str
    type: Any
    allowed: str

    @property
    def is_list(self) -> bool:
        """Whether a list is a possible value, so that text may hold one."""
        return "tuple" in str(self.type)


def _settings_of(section: type[Struct], prefix: str) -> Iterator[Setting]:
    for name, annotation in get_type_hints(section, include_extras=True).items():
        if isinstance(annotation, type) and issubclass(annotation, Struct):
            yield from _settings_of(annotation, f"{prefix}{name}.")
            continue
        metas = [meta for meta in getattr(annotation, "__metadata__", ()) if isinstance(meta, Meta)]
        yield Setting(f"{prefix}{name}", annotation, metas[-1].description or "")


SETTINGS: Final[Mapping[str, Setting]] = {setting.key: setting for setting in _settings_of(Config, "")}
SECRET_KEYS: Final = frozenset({"access.admin_token"})


def load(
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Iterable[str] = (),
    data_dir: str | None = None,
) -> Config:
    """Put the settings together. ``overrides`` are ``key=value`` texts; ``data_dir`` is ``--data``.

    Raises :class:`SettingsError`.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values.update(_from_file(file))
    values.update(_from_environment(environment or {}))
    values.update(_from_overrides(overrides))
    if data_dir is not None:
        values["data_dir"] = _convert("data_dir", data_dir)
    config: Config = _build(Config, "", values)
    _check(config)
    return config


def _from_file(file: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError("--config", str(file), f"cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError("--config", str(file), f"is not TOML: {error}") from None
    return {key: _convert(key, value) for key, value in _flatten(document, "")}


def _flatten(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        key = f"{prefix}{name}"
        is_section = any(known.startswith(f"{key}.") for known in SETTINGS)
        if isinstance(value, dict) and key not in SETTINGS:
            if not is_section:
                raise _unknown(key, value)
            yield from _flatten(value, f"{key}.")
        elif is_section:
            raise SettingsError(key, value, f"is a section: write [{key}] and its keys below")
        else:
            yield key, value


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for name, value in sorted(environment.items()):
        if name.startswith(ENVIRONMENT_PREFIX):
            key = name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
            found[key] = _convert(key, value, is_text=True)
    return found


def _from_overrides(overrides: Iterable[str]) -> dict[str, Any]:
    found = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise SettingsError("--set", override, "must be key=value")
        key = key.strip()
        found[key] = _convert(key, value, is_text=True)
    return found


def _convert(key: str, value: object, *, is_text: bool = False) -> Any:
    setting = SETTINGS.get(key)
    if setting is None:
        raise _unknown(key, value)
    try:
        parsed = _parse_list(value) if is_text and setting.is_list and isinstance(value, str) else value
        return msgspec.convert(parsed, setting.type, strict=not is_text)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError):
        raise SettingsError(key, value, setting.allowed) from None


def _parse_list(text: str) -> object:
    """A list from the environment or the command line: TOML's ``["a", "b"]``, or ``a,b``."""
    text = text.strip()
    if text.startswith("["):
        return tomllib.loads(f"value = {text}")["value"]
    if text in {"auto", "passthrough"}:
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


def _unknown(key: str, value: object) -> SettingsError:
    near = difflib.get_close_matches(key, SETTINGS, n=1)
    hint = f"did you mean {near[0]}?" if near else "config/mediaserver.toml lists every key"
    return SettingsError(key, value, f"there is no such setting; {hint}")


def _build(section: type[Struct], prefix: str, values: Mapping[str, Any]) -> Any:
    arguments = {}
    for name, annotation in get_type_hints(section).items():
        key = f"{prefix}{name}"
        if isinstance(annotation, type) and issubclass(annotation, Struct):
            arguments[name] = _build(annotation, f"{key}.", values)
        elif key in values:
            arguments[name] = values[key]
    return section(**arguments)


def _read(config: Config, key: str) -> Any:
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    return value


def _check(config: Config) -> None:
    """Rules that a type cannot say, and those between two keys."""
    for key, is_good in _RULES.items():
        if not is_good(config):
            raise SettingsError(key, _read(config, key), _RULE_SENTENCES.get(key, SETTINGS[key].allowed))


def _are_networks(addresses: Iterable[str]) -> bool:
    for address in addresses:
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError:
            return False
    return True


def _has_certificate(config: Config) -> bool:
    return config.rtmps.port == "off" or bool(config.rtmps.certificate and config.rtmps.key_file)


_RULES: Final[Mapping[str, Callable[[Config], bool]]] = {
    "data_dir": lambda config: "\0" not in config.data_dir,
    "http.trusted_proxies": lambda config: _are_networks(config.http.trusted_proxies),
    "rtmp.relay_addresses": lambda config: _are_networks(config.rtmp.relay_addresses),
    "rtmps.port": _has_certificate,
    "live.ladder": lambda config: bool(config.live.ladder),
    # RFC 8216bis 4.4.3.7: a PART-TARGET is of use only if several parts make a segment.
    "live.part_target_s": lambda config: config.live.part_target_s * 2 <= config.live.segment_target_s,
    "live.window_s": lambda config: config.live.window_s >= 6 * config.live.segment_target_s,
}
_RULE_SENTENCES: Final[Mapping[str, str]] = {
    "rtmps.port": "needs rtmps.certificate and rtmps.key_file, the paths of PEM files",
    "live.part_target_s": "must be at most half of live.segment_target_s",
    "live.window_s": "must be at least 6 times live.segment_target_s",
}


def to_toml(flat: Mapping[str, Any]) -> str:
    """Flat settings as TOML text, one section after another."""
    lines: list[str] = []
    section = ""
    for key, value in flat.items():
        head, _, name = key.rpartition(".")
        if head != section:
            section = head
            lines += ["", f"[{section}]"]
        lines.append(f"{name} = {_toml_value(value)}")
    return "\n".join(lines) + "\n"


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if isinstance(value, str):
        # JSON's escapes of a string are a subset of TOML's.
        return msgspec.json.encode(value).decode()
    return repr(value)
