"""Executes the steps of components in a root, as AWSTOE does on a build instance; what fails ends it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rehearsal.binaries.failures import BuildFailed, Missing
from rehearsal.binaries.imaging.order import Task

_CHECKOUT = Path(__file__).parents[3]

Report = Callable[[str], None]


class StepFailed(BuildFailed):
    """A step of a component failed. The message is one line: its label, and the last line that it said."""


@dataclass(frozen=True)
class Root:
    """Where steps are executed: this computer's files with an image's layers over them, the uppermost of which they
    write."""

    upper: Path
    """A folder; everything that steps write is in it afterwards, but what is below `folders` and temporary."""
    layers: Sequence[Path] = ()
    """What is there already, the upper one first."""
    folders: Mapping[str, Path] = field(default_factory=dict)
    """Other folders by their paths in the root: writable, and no part of the layer."""
    seen: Sequence[Path] = (Path(sys.prefix), Path(sys.base_prefix))
    """Folders of this computer that steps see under their own paths, wherever these are: the Python that builds."""
    network: bool = False
    """This computer's, where steps ask a server here; otherwise they have none."""


def why_not() -> str | None:
    """What is missing here for executing anything, or None."""
    if os.geteuid() != 0:
        return f"user id {os.geteuid()}: making a machine image needs root"
    for program in ("setpriv", "unshare"):
        if shutil.which(program) is None:
            return f"there is no {program}: install util-linux"
    return None


def execute(root: Root, tasks: Sequence[Task], report: Report) -> None:
    """Execute tasks in order. StepFailed for the first that fails; Missing, OSError where there can be no such root.

    Mounts are the executing process's own, and end with it, whatever ends us.
    """
    if (problem := why_not()) is not None:
        raise Missing(problem)
    with (
        tempfile.TemporaryDirectory(prefix="holdfast-image-") as place,
        # An overlay keeps its workings on the disk of what it writes.
        tempfile.TemporaryDirectory(prefix=".work-", dir=root.upper.parent) as work,
    ):
        order = {
            "place": place,
            "upper": str(root.upper),
            "work": work,
            "layers": [str(each) for each in root.layers],
            "folders": {path: str(folder) for path, folder in root.folders.items()},
            "seen": [str(each.resolve()) for each in root.seen],
            "tasks": [asdict(each) for each in tasks],
        }
        _follow(_start(root), json.dumps(order), report)


def _start(root: Root) -> subprocess.Popen[str]:
    spaces = ["--mount", "--propagation", "private", "--ipc", "--uts", "--pid", "--fork", "--kill-child"]
    command = [
        *("setpriv", "--pdeathsig", "KILL", "unshare"),
        *spaces,
        *([] if root.network else ["--net"]),
        # By its file: the packages around it import all that makes images.
        *(sys.executable, "-P", str(Path(__file__).with_name("inside.py"))),
    ]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(_CHECKOUT)},
        start_new_session=True,
    )


def _follow(process: subprocess.Popen[str], order: str, report: Report) -> None:
    """Hand the order over, and hear of each step as it ends."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        process.stdin.write(order)
        process.stdin.close()
        for line in process.stdout:
            said = json.loads(line)
            if said["failed"] is not None:
                raise StepFailed(f"{said['label']}: {said['failed']}")
            report(f"{said['label']}: {said['seconds']:.1f} s")
        lines = process.stderr.read().strip().splitlines()
    if process.returncode:
        raise OSError(f"no root to make an image in: {lines[-1] if lines else process.returncode}")
