"""With JSON alone on standard output, what programs print that are started here goes to standard error."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, subprocess
from rehearsal.output import machine_output
with machine_output({wanted}) as out:
    print("for people", flush=True)
    subprocess.run(["echo", "of a program"], check=True)
    print(json.dumps(1), file=out)
"""


def test_machines_get_json_alone_and_people_everything_else() -> None:
    alone = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(wanted=True)], capture_output=True, text=True, check=True
    )
    assert json.loads(alone.stdout) == 1
    assert alone.stderr == "for people\nof a program\n"
    mixed = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(wanted=False)], capture_output=True, text=True, check=True
    )
    assert (mixed.stdout, mixed.stderr) == ("for people\nof a program\n1\n", "")
