"""The doctor: what it finds, and that it says what to do."""

from __future__ import annotations

import os
import resource
import shutil
import socket
from collections import namedtuple
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mediaserver import doctor
from mediaserver.cli import run
from mediaserver.doctor import Grade
from mediaserver.server_process import ServerProcess
from mediaserver.state.sqlite import FILE_NAME
from transcoder.encoder_probe import EncoderProbe
from transcoder.encoders import Encoder


def test_a_free_port_is_ok_and_a_busy_one_fails() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        finding = doctor.check_port("http", "127.0.0.1", port)
        assert finding.grade is Grade.FAIL
        assert str(port) in finding.detail
        assert "http.port" in finding.detail
        assert f"process {os.getpid()}" in finding.detail
    assert doctor.check_port("http", "127.0.0.1", 0).grade is Grade.OK


def test_the_ports_of_this_data_folders_own_server_are_no_fault(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", log=tmp_path / "log") as server:
        port = urlsplit(server.http_url).port
        assert port is not None
        own = doctor.check_port("http", "127.0.0.1", port, tmp_path / "data" / FILE_NAME)
        assert own.grade is Grade.OK
        assert str(server.pid) in own.detail
        # Another data folder's server is in the way like any other program.
        (tmp_path / FILE_NAME).touch()
        other = doctor.check_port("http", "127.0.0.1", port, tmp_path / FILE_NAME)
        assert other.grade is Grade.FAIL


def test_an_address_of_another_machine_fails() -> None:
    finding = doctor.check_port("rtmp", "192.0.2.1", 1935)  # TEST-NET-1, RFC 5737
    assert finding.grade is Grade.FAIL
    assert "rtmp.host" in finding.detail


def test_a_folder_that_can_be_made_is_ok_and_is_not_made(tmp_path: Path) -> None:
    (finding,) = doctor.check_data_folder(tmp_path / "new" / "data")
    assert finding.grade is Grade.OK
    assert "can be made" in finding.detail
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_folders_place_fails(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.touch()
    (finding,) = doctor.check_data_folder(file)
    assert finding.grade is Grade.FAIL
    assert "data_dir" in finding.detail


@pytest.mark.parametrize(
    ("free_bytes", "grade"),
    [(10 << 20, Grade.FAIL), (500 << 20, Grade.WARN), (50 << 30, Grade.OK)],
)
def test_little_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_bytes: int, grade: Grade) -> None:
    usage = namedtuple("usage", "total used free")(1 << 40, 0, free_bytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    (finding,) = doctor.check_data_folder(tmp_path)
    assert finding.grade is grade


def test_records(tmp_path: Path) -> None:
    assert doctor.check_records(tmp_path).grade is Grade.OK
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "state.sqlite3").write_bytes(b"no database" * 100)
    finding = doctor.check_records(tmp_path)
    assert finding.grade is Grade.FAIL
    assert "state.sqlite3" in finding.detail


class Tried(EncoderProbe):
    """A machine on which QSV works and NVENC does not."""

    async def tried(self, setting: str = "auto") -> dict[Encoder, str]:
        return {Encoder.NVENC: "no device", Encoder.QSV: "", Encoder.VAAPI: "no device"}


@pytest.mark.parametrize(
    ("setting", "grade", "used"),
    [
        ("auto", Grade.OK, "made by qsv"),
        ("software", Grade.OK, "made by software"),
        ("nvenc", Grade.WARN, "made by software"),
    ],
)
def test_encoders_are_listed(setting: str, grade: Grade, used: str) -> None:
    finding = doctor.check_encoders(setting, Tried())
    assert finding.grade is grade
    assert used in finding.detail
    assert "qsv works; software works; nvenc: no device" in finding.detail


def test_the_encoders_of_this_machine_are_really_tried() -> None:
    finding = doctor.check_encoders("auto")
    assert finding.grade is Grade.OK
    assert "nvenc" in finding.detail


def test_codecs_are_there() -> None:
    finding = doctor.check_codecs()
    assert finding.grade is Grade.OK, finding.detail
    assert "FFmpeg" in finding.detail


def test_a_codec_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_DECODERS", ("h264", "no_such_codec"))
    finding = doctor.check_codecs()
    assert finding.grade is Grade.FAIL
    assert "no_such_codec" in finding.detail


def test_every_decoder_of_the_engine_is_checked() -> None:
    from transcoder.engine.decode import DECODERS

    assert set(DECODERS.values()) <= set(doctor._DECODERS)


def test_pages_that_are_not_built_are_a_warning(tmp_path: Path) -> None:
    finding = doctor.check_pages(tmp_path)
    assert finding.grade is Grade.WARN
    assert "make pages" in finding.detail
    (tmp_path / "index.html").touch()
    assert doctor.check_pages(tmp_path).grade is Grade.OK


def test_a_clock_that_was_never_set_fails() -> None:
    assert doctor.check_clock(0).grade is Grade.FAIL
    assert doctor.check_clock(1_800_000_000).grade is Grade.OK


def test_few_open_files_are_a_warning() -> None:
    assert doctor.check_file_limit(256).grade is Grade.WARN
    assert doctor.check_file_limit(20_000).grade is Grade.OK
    assert doctor.check_file_limit(resource.RLIM_INFINITY).grade is Grade.OK


def test_the_report_and_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["doctor", "--data", str(tmp_path / "data"), "--set", "rtmp.port=0"]
    assert run([*arguments, "--set", "http.port=0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "warn"}
    assert [line.split()[1] for line in lines][:2] == ["python", "data"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        overrides = ["--set", "http.host=127.0.0.1", "--set", f"http.port={port}"]
        assert run([*arguments, *overrides]) == 1
    assert f"fail  http      127.0.0.1:{port}" in capsys.readouterr().out
