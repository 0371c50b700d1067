"""The fixtures of the end-to-end tests: here the same program is treated badly."""

from tests.e2e.conftest import (  # noqa: F401
    new_server,
    publish,
    run_publisher,
    server,
    until_state,
)
