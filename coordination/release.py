"""The version of this project, and the commit that is checked out: what templates, commands and `--version` say.

The generator may import it, so it stands on the standard library alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

VERSION = "0.1.0"
"""As Semantic Versioning has it; the one place where it stands."""

_CHECKOUT = Path(__file__).resolve().parents[1]


def commit() -> str:
    """The commit that is checked out here, with -dirty where tracked files differ from it; empty outside a checkout.

    https://git-scm.com/docs/git-describe
    """
    command = ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=40"]
    # A checkout of something else around this one has commits of its own.
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(_CHECKOUT.parent)}
    try:
        done = subprocess.run(command, cwd=_CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def line() -> str:
    """Version and commit, as `--version` prints them: `holdfast 0.1.0 (1f0c…-dirty)`."""
    known = commit()
    return f"holdfast {VERSION} ({known})" if known else f"holdfast {VERSION}"


class Print(argparse.Action):
    """`--version` of a command line: prints the line and ends with 0. git is asked only then."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: object, values: object, option_string: str | None = None
    ) -> None:
        """As argparse calls it."""
        print(line())
        parser.exit()
