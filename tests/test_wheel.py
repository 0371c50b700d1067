"""A wheel installs exactly three packages and the built pages."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "mediaserver" / "web" / "pages" / "dist"


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    if not (PAGES / "index.html").exists():
        pytest.skip("the pages are not built: `make pages`")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=110)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_carries_the_built_pages(names: set[str]) -> None:
    built = {str(path.relative_to(ROOT)) for path in PAGES.rglob("*") if path.is_file()}
    assert {"mediaserver/web/pages/dist/index.html", "mediaserver/web/pages/dist/watch.html"} <= built
    assert built <= names


def test_it_installs_three_packages_and_nothing_else(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mediaserver", "ingest", "transcoder"}
    assert not any("node_modules" in name or name.endswith((".ts", ".pyc")) for name in names)


def test_it_carries_every_module(names: set[str]) -> None:
    for package in ("mediaserver", "ingest", "transcoder"):
        modules = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}
        assert modules <= names


def test_it_carries_the_licence(names: set[str]) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in names)
