"""README's section "Deploy to an account, step by step", as somebody types it: in a copy of the project's files."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.integration.harness import REPOSITORY

SECTION = "## Deploy to an account, step by step"
SECONDS = 600
"""No command may take longer."""
_STEP = re.compile(r"^(\d)\. ", re.MULTILINE)
# Beneath a step's text, with a blank line before it.
_BLOCK = re.compile(r"(?<=\n\n)(?: {7}.*\n|\n(?= {7}))+")


def blocks(text: str) -> dict[int, list[str]]:
    """Step -> its blocks of commands, as they are printed."""
    section = text.partition(f"\n{SECTION}\n")[2].partition("\n## ")[0]
    starts = [(int(match[1]), match.start()) for match in _STEP.finditer(section)]
    ends = [start for _, start in starts[1:]] + [len(section)]
    return {
        number: [textwrap.dedent(block[0]).strip("\n") for block in _BLOCK.finditer(section[start:end] + "\n")]
        for (number, start), end in zip(starts, ends, strict=True)
    }


class Clone:
    """A copy of the project's files, with the environments that are there, and a shell in it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        # Of a make that runs these tests, and of who runs it.
        own = re.compile("MAKE.*|MFLAGS|PYTHON|CONFIG|OUT|STACK")
        self._environment = {name: value for name, value in environment.items() if not own.fullmatch(name)}
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=REPOSITORY, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            if (REPOSITORY / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / name, folder / name)
        for purpose in ("generate", "check"):
            self._make_environment(purpose)

    def _make_environment(self, purpose: str) -> None:
        """The environment that runs this test, which holds what every purpose needs, as make would find it."""
        made = self.folder / ".venv" / purpose
        made.mkdir(parents=True)
        for part in ("bin", "lib", "pyvenv.cfg"):
            (made / part).symlink_to(Path(sys.prefix) / part)
        (made / self._stamp(purpose)).touch()

    def _stamp(self, purpose: str) -> str:
        sums = subprocess.run(
            ["cksum"],
            stdin=(self.folder / "requirements" / f"{purpose}.txt").open("rb"),
            capture_output=True,
            check=True,
        )
        return f".ready-python3-{sums.stdout.split()[0].decode()}"

    def type(self, block: str, answers: Sequence[str] = (), **environment: str) -> tuple[int, str]:
        """Run what a block says in a shell, with answers at its terminal; its exit code, and all that it printed."""
        terminal, inner = pty.openpty()
        try:
            os.write(terminal, "".join(f"{answer}\n" for answer in answers).encode())
            done = subprocess.run(
                ["/bin/sh", "-euc", block],
                cwd=self.folder, env={**self._environment, **environment}, stdin=inner, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False,
            )  # fmt: skip
        finally:
            os.close(inner)
            os.close(terminal)
        return done.returncode, done.stdout
