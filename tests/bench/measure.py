"""The measurements: wall times of whole processes, and counts."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def generation(repetitions: int = 7) -> dict[str, float]:
    """Median seconds of generating the default example, of importing troposphere alone, and their ratio.

    The two take turns, so that whatever else the machine does slows both; the ratio holds on a busy machine, too.
    """
    with tempfile.TemporaryDirectory() as folder:
        generate = [sys.executable, "-m", "generator", "--out", str(Path(folder, "templates"))]
        importing = [sys.executable, "-c", "import troposphere"]
        _seconds(generate)  # writes byte code and the templates: later runs find both
        pairs = [(_seconds(generate), _seconds(importing)) for _ in range(repetitions)]
    generating, imports = (statistics.median(times) for times in zip(*pairs, strict=True))
    return {"seconds": generating, "import_troposphere_seconds": imports, "ratio": generating / imports}


def rehearsal() -> float:
    """Seconds of one `make local` of the default example. Raises CalledProcessError when it fails."""
    return _seconds([sys.executable, "-m", "rehearsal.local"])


def packages() -> int:
    """How many packages are installed to generate."""
    lock = (ROOT / "requirements" / "generate.txt").read_text(encoding="utf-8")
    return len(re.findall(r"^[\w.-]+==", lock, re.MULTILINE))


def templates() -> list[dict[str, Any]]:
    """File, bytes and resources of each template of the default example."""
    done = _run([sys.executable, "-m", "generator", "--check", "--json"])
    sizes: list[dict[str, Any]] = json.loads(done.stdout)["templates"]
    return sizes


def _seconds(command: Sequence[str]) -> float:
    started = time.perf_counter()
    _run(command)
    return time.perf_counter() - started


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
