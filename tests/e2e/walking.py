"""A page of docs/how-to as somebody walks it: its commands, typed one after the other into a shell that goes on.

What the page quotes below a command is compared with what came (tests/e2e/quoting.py).
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.harness import ROOT
from tests.e2e.quoting import Examples

PAGES = ROOT / "docs" / "how-to"
_PROGRAMS = ("make", "aws", "kubectl", "export")
_ASSIGNMENT = re.compile(r"[a-z_]+=\S")
_FAILED = re.compile(r"make: \*\*\* .*Error \d+")
"""In a quote: the command ends with an error, as it is to."""
_CONFIGURATION = "CONFIG=my-cluster.yaml "
"""In a command: left out, for no configuration generates the templates of a test, whose waits are shorter."""
_SECONDS = 900.0
"""For a command: `make deploy` ends with its update."""
_OF_THE_SHELL = frozenset({"", "OLDPWD", "PWD", "SHLVL", "_"})


@dataclass(frozen=True)
class Command:
    """A command of a page, and the lines that it quotes below it."""

    text: str
    quoted: tuple[str, ...] = ()


def commands(page: str) -> dict[str, list[Command]]:
    """The commands of a page by the headings above them: indented lines that begin with a program, or assign."""
    found: dict[str, list[Command]] = {}
    heading, held, quoted = "", "", list[str]()
    for line in (PAGES / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading, quoted = line.lstrip("# "), []
        elif held or (line.startswith("    ") and _is_command(line.strip())):
            held += line.strip().removesuffix("\\")
            if not line.endswith("\\"):
                found.setdefault(heading, []).append(Command(held))
                held, quoted = "", []
        elif line.startswith("    ") or not line:
            quoted.append(line.removeprefix("    "))
            if line and heading in found:
                *before, last = found[heading]
                found[heading] = [*before, Command(last.text, (*last.quoted, *quoted))]
                quoted = []
        else:
            # Prose, and what follows it is another block of the same output.
            quoted = []
    return {name: [Command(each.text, _inside(each.quoted)) for each in every] for name, every in found.items()}


def _inside(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Without the empty lines at its beginning, which are the page's own."""
    first = next((at for at, line in enumerate(lines) if line), len(lines))
    return lines[first:]


def _is_command(text: str) -> bool:
    return text.partition(" ")[0] in _PROGRAMS or _ASSIGNMENT.match(text) is not None


@dataclass
class Walk:
    """One walk. `words` stand for what a page has as an example; `folder` is where the shell keeps its variables."""

    page: str
    folder: Path
    words: dict[str, str]
    left: dict[str, list[Command]] = field(default_factory=dict)
    """What was not typed yet, by heading."""
    _variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.left = commands(self.page)
        self.words.setdefault(_CONFIGURATION, "")
        self._examples = Examples(self.words)

    def section(self, heading: str, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Type the commands below a heading: each with what it printed. AssertionError where one fails that is not to,
        or prints something else than the page quotes."""
        for command in self.left.pop(heading):
            done = self.typed(command.text, environment)
            said = done.stdout + done.stderr
            print(f"$ {command.text}\n{said}", flush=True)
            fails = any(_FAILED.fullmatch(line) for line in command.quoted)
            assert (done.returncode != 0) == fails, f"{command.text}: {done.returncode}\n{said}"
            self._examples.compare(command.quoted, said if fails else done.stdout)
            yield command.text, done.stdout

    def said(self, heading: str, environment: Mapping[str, str]) -> str:
        """The same, and all that was printed."""
        return "".join(said for _, said in self.section(heading, environment))

    @contextmanager
    def meanwhile(self, heading: str, environment: Mapping[str, str]) -> Iterator[Callable[[], str]]:
        """Type the one command below a heading into another terminal, and press Ctrl-C at the end; given is what reads
        what it has told so far. AssertionError where it has told something else in the end than the page quotes."""
        (command,) = self.left.pop(heading)
        told = self.folder / "meanwhile"
        with told.open("w+", encoding="utf-8") as output:
            going = subprocess.Popen(
                ["bash", "-c", self._examples.real(command.text)],
                cwd=ROOT,
                env={**environment, **self._variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                yield lambda: told.read_text(encoding="utf-8")
            finally:
                os.killpg(going.pid, signal.SIGINT)
                going.wait(_SECONDS)
        said = told.read_text(encoding="utf-8")
        print(f"$ {command.text}\n{said}", flush=True)
        self._examples.compare(command.quoted, said)

    def paste(self, said: str, begins: str, environment: Mapping[str, str], **changed: str) -> None:
        """Type the command that an output ends a line with, from where it `begins`; `changed` are words of it that a
        person changes. AssertionError where there is not one such line, or the command fails."""
        (line,) = {line[line.index(begins) :] for line in said.splitlines() if begins in line}
        for word, meant in changed.items():
            line = line.replace(word, meant)
        done = self._run(line, environment)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    def typed(self, command: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Type one command, in an environment to which what was assigned and exported before is added."""
        return self._run(self._examples.real(command), environment)

    def _run(self, command: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
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
