"""What each room may import from outside, and that the contracts between the rooms are alive."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROOMS = ("coordination", "deployment", "functions", "generator", "imagebuilder", "rehearsal", "userdata")
ALLOWED = {
    "coordination": {"boto3", "botocore"},
    "deployment": {"boto3", "botocore"},
    "functions": {"boto3", "botocore"},
    # _typeshed is there for mypy alone.
    "generator": {"_typeshed", "awacs", "msgspec", "troposphere", "yaml"},
    "imagebuilder": set(),
    "userdata": {"boto3", "botocore"},
}


def imported(room: Path) -> Iterator[str]:
    """The top-level names that the room's modules import, wherever in the module."""
    for path in room.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative import"
                yield str(node.module).partition(".")[0]


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_the_standard_library_and_few_others(room: str) -> None:
    outside = set(imported(ROOT / room)) - sys.stdlib_module_names - set(ROOMS)
    assert outside <= ALLOWED[room]


def test_a_node_speaks_https_in_one_module_only() -> None:
    speaking = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "userdata").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name | ast.alias)
        and {"HTTPSConnection", "urlopen", "create_connection"}.intersection(vars(node).values())
    }
    assert speaking == {"userdata/host/https.py"}


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("generator/layers/iam.py", "import generator.layers.database", "Layers never import each other"),
        ("generator/values.py", "import generator.layer", "from the command line down to the configuration"),
        ("generator/names.py", "import coordination.names", "nothing else does"),
        ("functions/package.py", "import generator.names", "No room imports another"),
        ("functions/reconcile/decide.py", "import functions.reconcile.wiring", "What decides sees no AWS"),
        ("functions/reconcile/gather.py", "import boto3", "boto3 appears in adapters only"),
        ("deployment/delete.py", "import rehearsal.player", "No room imports another"),
        ("coordination/record.py", "import botocore", "is pure, but for its adapters"),
        ("generator/publish.py", "import boto3", "The generator never calls AWS"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(tmp_path: Path, module: str, line: str, contract: str) -> None:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    with (tmp_path / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(tmp_path), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    broken = [found for found in done.stdout.splitlines() if " BROKEN" in found]
    assert done.returncode == 1, done.stdout
    assert [found for found in broken if contract in found], broken
