"""Files of RTMPS that cannot be used: told before anything listens or is made, by every command alike."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mediaserver import doctor
from mediaserver.certificates import check_certificate
from mediaserver.cli import run
from mediaserver.doctor import Grade
from mediaserver.settings import Config, RtmpsSettings, SettingsError, load

pytestmark = pytest.mark.tools("openssl")


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate, its key, and a key of another one."""
    folder = tmp_path_factory.mktemp("pem")
    curve = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    for command in (
        ("genpkey", *curve, "-out", "key.pem"),
        ("genpkey", *curve, "-out", "other.pem"),
        ("req", "-x509", "-key", "key.pem", "-out", "certificate.pem", "-subj", "/CN=localhost"),
    ):
        subprocess.run(("openssl", *command), cwd=folder, check=True, capture_output=True)
    return folder


def config(pem: Path, certificate: str, key_file: str, port: int = 0) -> Config:
    return Config(
        rtmps=RtmpsSettings(port=port, certificate=str(pem / certificate), key_file=str(pem / key_file))
    )


WRONG = [
    ("gone.pem", "key.pem", "rtmps.certificate", "gone.pem cannot be read"),
    ("certificate.pem", "gone.pem", "rtmps.key_file", "gone.pem cannot be read"),
    ("certificate.pem", "other.pem", "rtmps.certificate", "other.pem does not belong to the certificate"),
]


@pytest.mark.parametrize(("certificate", "key_file", "setting", "sentence"), WRONG)
def test_the_setting_and_the_file_are_named(
    pem: Path, certificate: str, key_file: str, setting: str, sentence: str
) -> None:
    wrong = config(pem, certificate, key_file)
    with pytest.raises(SettingsError, match=sentence) as caught:
        check_certificate(wrong)
    assert caught.value.key == setting
    assert "hidden" not in str(caught.value)
    finding = doctor.check_rtmps_files(wrong)
    assert (finding.grade, finding.subject) == (Grade.FAIL, "rtmps")
    assert sentence in finding.detail
    assert setting in finding.detail


def test_good_ones_and_those_that_nobody_uses(pem: Path) -> None:
    check_certificate(Config(rtmps=RtmpsSettings(certificate="/gone.pem", key_file="/gone.pem")))
    good = config(pem, "certificate.pem", "key.pem")
    check_certificate(good)
    assert doctor.check_rtmps_files(good).grade is Grade.OK


@pytest.mark.parametrize("command", ["serve", "check-config"])
def test_a_command_ends_with_2_and_one_line_and_makes_no_folder(
    pem: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = {"port": "0", "certificate": str(pem / "certificate.pem"), "key_file": str(pem / "gone.pem")}
    overrides = [word for name, value in chosen.items() for word in ("--set", f"rtmps.{name}={value}")]
    data = tmp_path / "data"
    assert run([command, "--data", str(data), *overrides]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("mediaserver: setting rtmps.key_file = ")
    assert "gone.pem cannot be read" in line
    assert not data.exists()


def test_the_doctor_tells_of_them(
    pem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "check_codecs", lambda: doctor.Finding(Grade.OK, "codecs", ""))
    monkeypatch.setattr(doctor, "check_encoders", lambda _: doctor.Finding(Grade.OK, "encoders", ""))
    chosen = ["rtmps.port=0", f"rtmps.certificate={pem / 'gone.pem'}", f"rtmps.key_file={pem / 'key.pem'}"]
    overrides = [word for each in ("http.port=0", "rtmp.port=0", *chosen) for word in ("--set", each)]
    assert run(["doctor", "--data", str(tmp_path / "data"), *overrides]) == 1
    (failed,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fail")]
    assert "gone.pem cannot be read" in failed


@pytest.mark.parametrize("name", ["certificate", "key_file"])
def test_a_key_in_the_place_of_its_path_is_refused_and_not_shown(name: str) -> None:
    pasted = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----"
    with pytest.raises(SettingsError, match="the path of a PEM file") as caught:
        load(overrides=[f"rtmps.{name}={pasted}"])
    assert "MIGH" not in str(caught.value)
