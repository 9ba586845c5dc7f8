"""Calls openssl. Keys reach it through memory files and leave it through a pipe: no argument and no disk has them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

# Each of our calls takes milliseconds.
_LONGEST_SECONDS = 30


class OpensslFailed(Exception):
    """openssl refused or is missing; the text names the subcommand and what openssl said, and holds nothing secret."""


@dataclass(frozen=True)
class Held:
    """An argument that is a file in openssl's eyes, and stays in memory: keys, and what goes with them."""

    content: str = field(repr=False)


def openssl(arguments: Sequence[str | Held]) -> bytes:
    """What openssl writes to its standard output. Raises OpensslFailed."""
    with ExitStack() as files:
        kept: list[int] = []
        command = ["openssl"]
        for argument in arguments:
            if isinstance(argument, Held):
                descriptor = _memory_file(argument.content)
                files.callback(os.close, descriptor)
                kept.append(descriptor)
                command.append(f"/proc/self/fd/{descriptor}")
            else:
                command.append(argument)
        return _run(command, kept)


def _memory_file(content: str) -> int:
    descriptor = os.memfd_create("openssl")
    with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as stream:
        stream.write(content)
    return descriptor


def _run(command: list[str], kept: list[int]) -> bytes:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=kept,
            check=False,
            timeout=_LONGEST_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        # Not the error itself: it carries the command, and what a subcommand wrote before it was ended.
        raise OpensslFailed(f"openssl {command[1]}: {type(error).__name__}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise OpensslFailed(
            f"openssl {command[1]} ended with {done.returncode}: {said[0][:200] if said else 'no word'}"
        )
    return done.stdout
