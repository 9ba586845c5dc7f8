"""A page of docs/how-to as somebody walks it: its commands, typed one after the other into a shell that goes on."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.harness import ROOT

PAGES = ROOT / "docs" / "how-to"
_PROGRAMS = ("make", "aws", "kubectl", "export")
_ASSIGNMENT = re.compile(r"[a-z_]+=\S")
_SECONDS = 300.0
_OF_THE_SHELL = frozenset({"", "OLDPWD", "PWD", "SHLVL", "_"})


def commands(page: str) -> dict[str, list[str]]:
    """The commands of a page by the headings above them: indented lines that begin with a program, or assign."""
    found: dict[str, list[str]] = {}
    heading, held = "", ""
    for line in (PAGES / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif held or (line.startswith("    ") and _is_command(line.strip())):
            held += line.strip().removesuffix("\\")
            if not line.endswith("\\"):
                found.setdefault(heading, []).append(held)
                held = ""
    return found


def _is_command(text: str) -> bool:
    return text.partition(" ")[0] in _PROGRAMS or _ASSIGNMENT.match(text) is not None


@dataclass
class Walk:
    """One walk. `words` stand for what a page has as an example; `folder` is where the shell keeps its variables."""

    page: str
    folder: Path
    words: dict[str, str]
    left: dict[str, list[str]] = field(default_factory=dict)
    """What was not typed yet, by heading."""
    _variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.left = commands(self.page)

    def section(self, heading: str, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Type the commands below a heading: each with what it printed. AssertionError where one fails."""
        for command in self.left.pop(heading):
            done = self.typed(command, environment)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            yield command, done.stdout

    def typed(self, command: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Type one command, in an environment to which what was assigned and exported before is added."""
        for word, meant in self.words.items():
            command = command.replace(word, meant)
        state = self.folder / "variables"
        given = {**environment, **self._variables}
        done = subprocess.run(
            ["bash", "-c", f"set -a; {command}\nstatus=$?; env -0 > {shlex.quote(str(state))}; exit $status"],
            cwd=ROOT,
            env=given,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        # What is assigned is there for the next command, as in a shell that is not left in between.
        for line in state.read_text(encoding="utf-8").split("\0"):
            name, _, value = line.partition("=")
            if given.get(name) != value and name not in _OF_THE_SHELL:
                self._variables[name] = value
        return done

    def ended(self) -> None:
        """AssertionError where a command of the page was not typed."""
        assert not self.left, self.left


def surroundings(environment: Mapping[str, str], programs: Path) -> dict[str, str]:
    """An environment for people: kubectl is a program of the folder `programs`, and make takes what is installed."""
    path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {**environment, "PATH": ":".join(path), "MAKEFLAGS": "CHECK="}
