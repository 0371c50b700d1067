"""One server at a time in a data folder."""

import os
from pathlib import Path

import pytest

from mediaserver.data_folder import DataFolderError, data_folder


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with data_folder(tmp_path / "new" / "data") as folder:
        assert folder.is_absolute()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())


def test_a_second_server_is_told_who_has_it(tmp_path: Path) -> None:
    with (
        data_folder(tmp_path),
        pytest.raises(DataFolderError, match=rf"{tmp_path} is in use .*process {os.getpid()}"),
        data_folder(tmp_path),
    ):
        pass


def test_the_next_one_takes_it_over(tmp_path: Path) -> None:
    for _ in range(2):
        with data_folder(tmp_path) as folder:
            assert folder == tmp_path
