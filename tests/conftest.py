"""What all tests share: which tools of the machine they may count on."""

import os
import shutil
from pathlib import Path

import pytest

_REQUIRED = os.environ.get("MEDIASERVER_TEST_TOOLS") == "required"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "tools(*names): programs of the machine that the test drives, or paths"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test whose tools are missing is skipped with the reason; in CI it fails instead."""
    names = [name for mark in item.iter_markers("tools") for name in mark.args]
    missing = [name for name in names if shutil.which(name) is None and not Path(name).is_file()]
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)} (`make test` as root installs them on Debian)"
    if _REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)
