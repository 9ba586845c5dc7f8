"""The root in which components are executed: what it has of this computer, and what it leaves there."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.binaries.imaging.executor import StepFailed
from rehearsal.binaries.imaging.order import Task
from tests.machines.imaging.chamber import Chamber

pytestmark = pytest.mark.machines

ROOT = Path(__file__).parents[3]


def test_a_step_that_hangs_is_ended_with_all_that_it_started(chamber: Chamber) -> None:
    task = Task("base/build/hangs", "sleep 987654 & sleep 987654", 1)
    with pytest.raises(StepFailed, match=r"^base/build/hangs: not done after 1 s$"):
        chamber.execute([task])
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert b"987654" not in path.read_bytes()
        except OSError:
            continue  # it ended meanwhile


# Looked for in a mount that only this process has.
_SEEN = """
import sys
from pathlib import Path
from rehearsal.binaries.imaging.executor import Root, execute
from rehearsal.binaries.imaging.order import Task
upper, *folders = map(Path, sys.argv[1:])
script = "set -e; " + "; ".join(f"test -f {each}/python" for each in folders)
execute(Root(upper, seen=folders), [Task("a/build/b", script, 30)], lambda line: None)
"""


def test_a_python_that_is_below_tmp_or_on_another_file_system_is_seen_and_no_part_of_the_layer(
    chamber: Chamber, tmp_path: Path
) -> None:
    folders = [str(tmp_path / "a"), "/mnt/b/c"]
    making_them = 'mount -t tmpfs none /mnt; for each in "$@"; do mkdir -p $each; touch $each/python; done'
    looking = f'exec {sys.executable} -c {shlex.quote(_SEEN)} {chamber.upper} "$@"'
    command = ["unshare", "--mount", "sh", "-c", f"set -e; {making_them}; {looking}", "sh", *folders]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(chamber.upper.iterdir()) == []


def test_steps_have_no_network_and_write_nothing_of_this_computer(chamber: Chamber) -> None:
    chamber.execute([Task("a/build/b", "test ! -e /sys/class/net/eth0; echo x >/etc/hostname; rm -f /etc/passwd", 30)])
    assert chamber.path("/etc/hostname").read_text(encoding="utf-8") == "x\n"
    assert Path("/etc/passwd").is_file()
    assert Path("/etc/hostname").read_text(encoding="utf-8") != "x\n"
