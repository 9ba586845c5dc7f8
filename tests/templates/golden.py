"""The golden templates: what every example generates, committed, so that a change of the generator shows as a diff.

The default example's are templates/ itself; the others' are in golden/<example>/. `python -m tests.templates.golden`
writes them anew.
"""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from generator import catalog, image
from generator.config import load
from generator.root import templates
from tests.templates.cluster import DEFAULT_EXAMPLE, EXAMPLES, ROOT

GOLDEN = Path(__file__).parent / "golden"
_DIFF_LINES = 20


def golden_folder(example: str) -> Path:
    return ROOT / "templates" if example == DEFAULT_EXAMPLE else GOLDEN / example


def fresh(example: str) -> dict[str, str]:
    """File name -> text of what the example generates now; with the default one's those that stand beside clusters."""
    files = templates(load(str(ROOT / "examples" / f"{example}.yaml")))
    return {**files, **image.templates(), **catalog.templates()} if example == DEFAULT_EXAMPLE else files


def committed(example: str) -> dict[str, str]:
    """File name -> text of what is committed."""
    return {path.name: path.read_bytes().decode() for path in sorted(golden_folder(example).glob("*.json"))}


def difference(example: str, now: Mapping[str, str], before: Mapping[str, str]) -> str:
    """The first template that differs, the start of its diff, and what to run; empty where nothing differs."""
    for name in sorted(now.keys() | before.keys()):
        if now.get(name) == before.get(name):
            continue
        lines = difflib.unified_diff(
            before.get(name, "").splitlines(),
            now.get(name, "").splitlines(),
            f"{name} as committed",
            f"{name} as generated",
            n=2,
            lineterm="",
        )
        shown = list(islice(lines, _DIFF_LINES)) or ["only the line ends differ"]
        return "\n".join([f"{example}: {name} differs", *shown, "run: make golden"])
    return ""


def stale_folders(examples: list[str]) -> list[str]:
    """Folders of examples that no longer exist, and of the default one, whose golden files are templates/."""
    wanted = set(examples) - {DEFAULT_EXAMPLE}
    return sorted(path.name for path in GOLDEN.iterdir() if path.name not in wanted)


def write() -> None:
    """Make every golden folder hold exactly what its example generates now."""
    for name in stale_folders(EXAMPLES):
        shutil.rmtree(GOLDEN / name)
    for example in EXAMPLES:
        folder, now = golden_folder(example), fresh(example)
        folder.mkdir(parents=True, exist_ok=True)
        for name in committed(example).keys() - now.keys():
            (folder / name).unlink()
        for name, text in now.items():
            (folder / name).write_bytes(text.encode())


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    write()
