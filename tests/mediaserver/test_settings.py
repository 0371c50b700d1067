"""Settings: where they come from, which wins, and the one line for each mistake."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from mediaserver import settings
from mediaserver.settings import SETTINGS, Config, SettingsError, load, to_toml

EXAMPLE = Path(__file__).parents[2] / "config" / "mediaserver.toml"


def flatten(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = tuple(value) if isinstance(value, list) else value
    return flat


def test_the_example_file_lists_every_key_with_its_default() -> None:
    listed = flatten(tomllib.loads(EXAMPLE.read_text()))
    defaults = Config().flat(mask_secrets=False)
    assert listed == defaults
    assert {key: type(value) for key, value in listed.items()} == {
        key: type(value) for key, value in defaults.items()
    }


def test_the_example_file_explains_every_key() -> None:
    lines = EXAMPLE.read_text().splitlines()
    explained = False
    for line in lines:
        if line.startswith("#"):
            explained = True
        elif not line.strip() or line.startswith("["):
            explained = False
        else:
            assert explained, f"no comment above: {line}"


def test_the_example_file_is_what_no_file_is() -> None:
    assert load(EXAMPLE) == load() == Config()


def test_every_key_is_read_by_some_part() -> None:
    """A setting that does nothing is a lie."""
    folder = Path(settings.__file__).parent
    sources = [file.read_text() for file in folder.rglob("*.py") if file.name != "settings.py"]
    # These two name the only kind of store that there is, and refuse others.
    for key in SETTINGS.keys() - {"state.url", "storage.url", "data_dir"}:
        name = key.rpartition(".")[2]
        assert any(f"settings.{name}" in text or f"config.{key}" in text for text in sources), key


def test_every_key_says_what_is_allowed() -> None:
    for setting in SETTINGS.values():
        assert setting.allowed.startswith("must be "), setting.key


def test_the_command_line_beats_the_environment_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text("[live]\npart_target_s = 0.2\nsegment_target_s = 3\nwindow_s = 40\n")
    environment = {"MEDIASERVER__LIVE__PART_TARGET_S": "0.3", "MEDIASERVER__LIVE__WINDOW_S": "50"}
    live = load(file, environment, ["live.part_target_s=0.4"]).live
    assert (live.part_target_s, live.window_s, live.segment_target_s) == (0.4, 50.0, 3.0)


def test_data_dir_has_an_option_of_its_own() -> None:
    config = load(None, {"MEDIASERVER__DATA_DIR": "env"}, ["data_dir=set"], data_dir="/srv/media")
    assert config.data_path == Path("/srv/media")


def test_other_variables_of_the_environment_are_not_ours() -> None:
    assert load(None, {"MEDIASERVER_HOME": "x", "LIVE__PART_TARGET_S": "9", "PATH": "/bin"}) == Config()


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("http.port=0", 0),
        ("http.public_url=https://live.example.org", "https://live.example.org"),
        ("http.trusted_proxies=", ()),
        ("http.trusted_proxies=10.0.0.1, fd00::/8", ("10.0.0.1", "fd00::/8")),
        ('http.trusted_proxies=["10.0.0.0/8"]', ("10.0.0.0/8",)),
        ("http.allowed_origins=*", ("*",)),
        ("live.ladder=passthrough", "passthrough"),
        ("live.ladder=720p,480p", ("720p", "480p")),
        ('live.ladder=["360p"]', ("360p",)),
        ("live.grace_s=0", 0.0),
        ("access.open_publish=true", True),
        ("access.admin_token=0123456789abcdef", "0123456789abcdef"),
        ("log.format=json", "json"),
        ("state.url=sqlite:", "sqlite:"),
    ],
)
def test_text_becomes_a_value(override: str, expected: object) -> None:
    key = override.partition("=")[0]
    assert load(None, {}, [override]).flat(mask_secrets=False)[key] == expected


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("live.part_target_s=9", "setting live.part_target_s = '9': must be seconds from 0.1 to 2"),
        ("live.window_s=nan", "setting live.window_s = 'nan': must be seconds from 10 to 3600"),
        ("http.port=70000", "setting http.port = '70000': must be a port from 0 to 65535; 0: any free one"),
        ("http.port=1.5", "setting http.port = '1.5': must be a port from 0 to 65535; 0: any free one"),
        ("access.open_publish=perhaps", "setting access.open_publish = 'perhaps': must be true or false"),
        ("log.level=loud", 'setting log.level = \'loud\': must be "debug", "info", "warning" or "error"'),
        (
            "state.url=redis://example.org",
            "setting state.url = 'redis://example.org': must be \"sqlite:\"; "
            "no other kind is in this version",
        ),
        (
            "storage.url=s3://bucket",
            "setting storage.url = 's3://bucket': must be \"file:\"; no other kind is in this version",
        ),
        (
            "live.part_target_s=1.5",
            "setting live.part_target_s = 1.5: must be at most half of live.segment_target_s",
        ),
        (
            "http.trusted_proxies=10.0.0.1,proxy",
            "setting http.trusted_proxies = ('10.0.0.1', 'proxy'): "
            'must be a list of addresses or networks such as "10.0.0.0/8"',
        ),
        (
            "live.part_target=1",
            "setting live.part_target = '1': there is no such setting; did you mean live.part_target_s?",
        ),
        ("x", "setting --set = 'x': must be key=value"),
    ],
)
def test_each_mistake_is_one_line(override: str, line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(None, {}, [override])
    assert str(caught.value) == line


@pytest.mark.parametrize(
    "override",
    [
        "http.host=",
        "http.host=two words",
        "http.public_url=ftp://example.org",
        "http.public_url=https://user:secret@example.org",
        "http.allowed_origins=example.org",
        "http.allowed_origins=[1",
        "http.max_body_bytes=0",
        "http.reader_timeout_s=inf",
        "rtmp.max_connections=0",
        "rtmp.handshake_timeout_s=-1",
        "live.ladder=",
        "live.ladder=4320p",
        "live.ladder=auto,720p",
        "live.window_s=10",
        "access.admin_token=short",
        "access.admin_token=with a space in between",
        "data_dir=",
        "data_dir=a\0b",
        "http=8080",
    ],
)
def test_what_is_not_allowed_is_refused(override: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(None, {}, [override])
    assert "\n" not in str(caught.value)


def test_a_secret_is_not_in_its_own_complaint() -> None:
    for override in ["access.admin_token=hunter2", "access.admin_tokn=hunter2", "storage.secret_key=hunter2"]:
        with pytest.raises(SettingsError) as caught:
            load(None, {}, [override])
        assert "hunter2" not in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        load(None, {}, ["state.url=redis://me:hunter2@example.org"])
    assert "hunter2" not in str(caught.value)


def test_an_unknown_variable_of_ours_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"did you mean live\.part_target_s"):
        load(None, {"MEDIASERVER__LIVE__PART_TARGETS": "0.25"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[live]\npart_targt_s = 0.25\n", "did you mean live.part_target_s"),
        ("[liv]\npart_target_s = 0.25\n", "no such setting"),
        ("webrtc.port = 8189\n", "no such setting"),
        ("http = 8080\n", r"is a section: write \[http\]"),
        ("[live]\npart_target_s = '0.25'\n", "must be seconds from 0.1 to 2"),
        ("[http]\nport = true\n", "must be a port"),
        ("[http]\nport = 80.0\n", "must be a port"),
        ("[http.port]\nx = 1\n", "must be a port"),
        ("[live]\nladder = []\n", "must be .* or a list"),
        ("data_dir = 1\n", "must be the path of a folder"),
        ("[live\n", "is not TOML"),
    ],
)
def test_mistakes_in_the_file(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "m.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=message) as caught:
        load(file)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.toml.*cannot be read"):
        load(tmp_path / "missing.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="is not TOML"):
        load(binary)


def test_what_is_printed_can_be_read_again(tmp_path: Path) -> None:
    config = load(None, {}, ["live.ladder=720p", 'data_dir=a "b" \\ é', "http.port=0"])
    file = tmp_path / "printed.toml"
    file.write_text(to_toml(config.flat()))
    assert load(file) == config


def test_secrets_are_masked_when_printed() -> None:
    config = load(None, {}, ["access.admin_token=0123456789abcdef"])
    assert "0123456789abcdef" not in to_toml(config.flat())
    assert SETTINGS.keys() >= settings.SECRET_KEYS


def test_the_configuration_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Config().http.port = 1  # type: ignore[misc]
