"""The command line: what each command prints and the exit code it leaves with."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mediaserver.access.tokens import TokenSigner, load_token_secret
from mediaserver.cli import COMMANDS, run
from mediaserver.commands import bench

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def leave(arguments: list[str]) -> int:
    """The exit code, however it comes."""
    try:
        return run(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave(["--version"]) == 0
    assert capsys.readouterr().out.startswith("mediaserver ")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown and command.summary in shown for name, command in COMMANDS.items())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert leave([name, "--help"]) == 0
    assert f"usage: mediaserver {name}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["server"], ["serve", "--nonsense"], ["token"]])
def test_misuse_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert leave(arguments) == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["serve", "check-config", "doctor"])
def test_a_wrong_setting_is_2_and_one_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert leave([command, "--set", "live.part_target_s=9"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "mediaserver: setting live.part_target_s = '9': must be seconds from 0.1 to 2\n"


def test_check_config_prints_what_is_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "m.toml"
    file.write_text('[access]\nadmin_token = "0123456789abcdef"\n[log]\nlevel = "debug"\n')
    monkeypatch.setenv("MEDIASERVER__RTMP__PORT", "1936")
    assert leave(["check-config", "--config", str(file), "--data", "/srv/m", "--set", "http.port=81"]) == 0
    captured = capsys.readouterr()
    shown = tomllib.loads(captured.out)
    assert captured.err == ""
    assert shown["data_dir"] == "/srv/m"
    assert shown["http"]["port"] == 81
    assert shown["rtmp"]["port"] == 1936
    assert shown["log"]["level"] == "debug"
    assert shown["access"]["admin_token"] == "***"


def test_token_prints_the_token_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = load_token_secret(tmp_path)
    arguments = ["token", "--data", str(tmp_path), "--subject", "me", "--action", "view"]
    assert leave([*arguments, "--resource", "stream:mine", "--ttl-s", "60"]) == 0
    captured = capsys.readouterr()
    claims = TokenSigner(secret).verify(captured.out.removesuffix("\n"))
    assert (claims.sub, claims.action, claims.resource) == ("me", "view", "stream:mine")
    assert claims.exp - claims.iat == 60
    assert claims.jti in captured.err
    assert captured.out.strip() not in captured.err


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        (["--action", "see"], "--action"),
        (["--resource", "mine"], "--resource"),
        (["--ttl-s", "0"], "--ttl_s"),
    ],
)
def test_claims_that_cannot_be_signed_are_2(
    tmp_path: Path, changed: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    load_token_secret(tmp_path)
    arguments = ["token", "--data", str(tmp_path), "--subject", "me", "--action", "view"]
    assert leave([*arguments, "--resource", "stream:mine", *changed]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert word in captured.err


def test_token_makes_no_folder_by_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["token", "--data", str(tmp_path / "typo"), "--subject", "me", "--action", "view"]
    assert leave([*arguments, "--resource", "stream:mine"]) == 1
    assert "start the server once" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").touch()
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "sums.py").write_text('"""Adds.\n\nMore."""\nimport sys\nsys.exit(len(sys.argv))\n')
    return tmp_path


def test_bench_lists_and_runs(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser_options = {"name": None, "arguments": []}
    assert bench.run(_options(**parser_options), checkout) == 0
    assert capsys.readouterr().out.split() == ["sums", "Adds."]
    assert bench.run(_options(name="sums", arguments=["--a", "b"]), checkout) == 3
    assert bench.run(_options(name="os", arguments=[]), checkout) == 2
    assert "there are: sums" in capsys.readouterr().err


def test_bench_outside_a_checkout_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.run(_options(name=None, arguments=[]), tmp_path) == 1
    assert "checkout" in capsys.readouterr().err


def _options(**values: object) -> bench.argparse.Namespace:
    return bench.argparse.Namespace(**values)


def test_the_server_never_loads_the_media_library() -> None:
    """The server's process must not hold FFmpeg: a hostile bitstream is to break a child only."""
    program = (
        "import sys, mediaserver.cli, mediaserver.server, mediaserver.doctor\n"
        "print(sorted(name for name in sys.modules if name == 'av' or name.startswith('av.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
