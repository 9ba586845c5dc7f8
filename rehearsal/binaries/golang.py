"""Go as this computer has it: which version, and one build of one command."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rehearsal.binaries.failures import BuildFailed, Missing

_GET_IT = "https://go.dev/dl"
_LARGEST_PROCESS_GIB = 2.6
"""Go's linker on kube-controller-manager 1.37 (measured); several compilers at once stay below that each."""
_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false")
_STRIPPED = "-s -w"
"""Without symbols and debugging data a program is a third smaller."""
_LAST_LINES = 5


@dataclass(frozen=True)
class Go:
    """A Go toolchain that is new enough."""

    program: str
    version: str
    """As `go1.26.8`."""
    architecture: str
    """With its level, as `amd64 v1`."""

    def identity(self) -> str:
        """What of the toolchain decides what it builds."""
        return " ".join([self.version, self.architecture, *_FLAGS, _STRIPPED, "CGO_ENABLED=0"])

    def build(
        self,
        folder: Path,
        package: str,
        linked: Mapping[str, str],
        target: Path,
        tags: Sequence[str] = (),
        *,
        tests: bool = False,
    ) -> None:
        """Build one command of the module in `folder` to the file `target`, or with `tests` the program that runs a
        package's tests. BuildFailed with what Go said last.

        go.sum is enforced: a module whose content is not the pinned one, or that is not pinned, fails the build.
        """
        flags = " ".join([_STRIPPED, *(f"-X {name}={value}" for name, value in sorted(linked.items()))])
        tagged = ["-tags", ",".join(tags)] if tags else []
        # Vetting takes as long as compiling, and is upstream's own matter.
        made = ["test", "-c", "-vet=off"] if tests else ["build"]
        build = [*made, "-p", str(_parallel()), *tagged, "-ldflags", flags, "-o", str(target), package]
        self.run(build, folder, *_FLAGS)

    def module(self, folder: Path, name: str) -> Path:
        """The folder of a module's files, fetched if need be and of the content that go.sum says. BuildFailed."""
        self.run(["mod", "download", name], folder, *_FLAGS)
        return Path(self.run(["list", "-m", "-f", "{{.Dir}}", name], folder, *_FLAGS).strip())

    def run(self, arguments: Sequence[str], folder: Path, *flags: str) -> str:
        """Run a command of Go's in a folder, and return what it printed. BuildFailed with what it said last."""
        # A session of its own can be ended with everything in it.
        with subprocess.Popen(
            [self.program, *arguments],
            cwd=folder,
            env=_environment(" ".join(flags), self.version),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                printed, said = process.communicate()
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        if process.returncode:
            lines = [*printed.splitlines(), *said.splitlines()]
            last = [line.strip() for line in lines if not line.startswith("go: downloading ")][-_LAST_LINES:]
            raise BuildFailed(f"go {arguments[0]} in {folder.name}: {'; '.join(last) or process.returncode}")
        return printed


def find(folder: Path, needed: str) -> Go:
    """The Go that runs in a module's folder. Missing when it is not there, or older than `needed` (as `1.26.6`).

    From 1.21 on Go fetches the toolchain that a go.mod asks for, unless GOTOOLCHAIN is `local`.
    """
    program = shutil.which("go")
    if program is None:
        raise Missing(f"there is no go: install Go {needed} or newer ({_GET_IT})")
    command = [program, "env", "-json", "GOVERSION", "GOARCH", "GOAMD64"]
    environment = _environment("", None)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise Missing(f"Go {needed} or newer is needed ({_GET_IT}): {done.stderr.strip()}")
    answer: dict[str, str] = json.loads(done.stdout)
    version = answer["GOVERSION"].split()[0]
    if _number(version) < _number(needed):
        raise Missing(f"Go {needed} or newer is needed, and this is {version}: install one ({_GET_IT})")
    return Go(program, version, f"{answer['GOARCH']} {answer.get('GOAMD64') or ''}".strip())


def needed_version(module_files: Sequence[str]) -> str:
    """The version that the `go` lines of go.mod files ask for: the highest. ValueError when a file has no such line."""
    found = []
    for text in module_files:
        line = re.search(r"^go (\S+)$", text, re.MULTILINE)
        if line is None:
            raise ValueError("a go.mod has no go line")
        found.append(line.group(1))
    return max(found, key=_number)


def _number(version: str) -> tuple[int, ...]:
    """`go1.26.8` and `1.26` as numbers to compare; a release candidate counts as its release."""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"rc|beta|-", version)[0]))


def _parallel() -> int:
    """How many compilers and linkers may run at once: by processors and by memory."""
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3
    return max(1, min(os.cpu_count() or 1, int(memory_gib / _LARGEST_PROCESS_GIB)))


def _environment(flags: str, toolchain: str | None) -> dict[str, str]:
    """Ours without the settings that would change what is built."""
    kept = {name: value for name, value in os.environ.items() if name not in ("GOEXPERIMENT", "GOOS", "GOWORK")}
    kept |= {"CGO_ENABLED": "0", "GOFLAGS": flags, "GOWORK": "off"}
    if toolchain is not None:
        kept["GOTOOLCHAIN"] = toolchain
    return kept
