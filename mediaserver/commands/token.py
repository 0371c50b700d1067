"""Make a signed token from the data folder, whether or not the server runs. Prints the token alone."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import get_args

from mediaserver.access.secret_file import SecretFileError
from mediaserver.access.tokens import FILE_NAME, Action, TokenSigner, UnfitClaims, load_token_secret
from mediaserver.cli import EXIT_MISUSED, EXIT_OK, add_settings_arguments, complain, load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_settings_arguments(parser)
    parser.add_argument("--subject", required=True, help="who will hold it")
    parser.add_argument("--action", required=True, help=f"what it allows: {', '.join(get_args(Action))}")
    parser.add_argument("--resource", required=True, help="such as stream:NAME; stream:* for every stream")
    parser.add_argument("--ttl-s", type=int, default=3600, metavar="S", help="how long it is good (3600)")


def run(options: argparse.Namespace) -> int:
    """0; 1 without a data folder, 2 for claims that cannot be signed. Raises SettingsError."""
    data_path = load_settings(options).data_path
    if not (data_path / FILE_NAME).is_file():
        # A secret made here would be in a folder that no server reads, and the token good for nothing.
        return complain(f"{data_path / FILE_NAME} is not there: start the server once, or give --data")
    try:
        signer = TokenSigner(load_token_secret(data_path))
        issued = signer.issue(options.subject, options.action, options.resource, options.ttl_s)
    except SecretFileError as error:
        return complain(str(error))
    except UnfitClaims as error:
        return complain(f"--{error}", EXIT_MISUSED)
    expires_at = datetime.fromtimestamp(issued.expires_at, UTC)
    print(f"id {issued.id}, good until {expires_at:%Y-%m-%dT%H:%M:%SZ}", file=sys.stderr)
    print(issued.token)
    return EXIT_OK
