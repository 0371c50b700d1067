"""The operator's token: made once, in a file for its owner only, or set."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mediaserver.access.admin import load_admin_token
from mediaserver.access.secret_file import SecretFileError


def test_the_first_start_makes_it_and_the_second_keeps_it(tmp_path: Path) -> None:
    first = load_admin_token(tmp_path, "")
    second = load_admin_token(tmp_path, "")
    assert (first.is_new, second.is_new) == (True, False)
    assert first.secret == second.secret
    assert len(first.secret) >= 32
    assert first.file == tmp_path / "admin-token"
    assert first.file.read_text().strip() == first.secret
    assert first.file.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["admin-token"]


def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o277)
    try:
        token = load_admin_token(tmp_path, "")
    finally:
        os.umask(before)
    assert token.file is not None
    assert token.file.stat().st_mode & 0o777 == 0o600


def test_a_mode_that_became_too_wide_is_narrowed(tmp_path: Path) -> None:
    file = load_admin_token(tmp_path, "").file
    assert file is not None
    file.chmod(0o644)
    load_admin_token(tmp_path, "")
    assert file.stat().st_mode & 0o777 == 0o600


def test_of_many_starts_at_once_all_read_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: load_admin_token(tmp_path, ""), range(8)))
    assert len({token.secret for token in tokens}) == 1
    assert sum(token.is_new for token in tokens) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["admin-token"]


def test_a_set_token_makes_no_file(tmp_path: Path) -> None:
    token = load_admin_token(tmp_path, "set-by-the-operator")
    assert (token.secret, token.file, token.is_new) == ("set-by-the-operator", None, False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 40, b"two words that are long enough\n"])
def test_a_file_that_cannot_be_trusted_stops_the_start(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "admin-token").write_bytes(content)
    with pytest.raises(SecretFileError, match="admin-token") as caught:
        load_admin_token(tmp_path, "")
    assert "short" not in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretFileError, match="nowhere"):
        load_admin_token(tmp_path / "nowhere", "")


def test_matching_is_exact_and_takes_any_text() -> None:
    token = load_admin_token(Path("unused"), "set-by-the-operator")
    assert token.matches("set-by-the-operator")
    for wrong in ["", "set-by-the-operato", "set-by-the-operatorx", "\udcff", "Ünïcode" * 10]:
        assert not token.matches(wrong)


def test_the_token_does_not_show_in_a_repr() -> None:
    assert "set-by" not in repr(load_admin_token(Path("unused"), "set-by-the-operator"))
