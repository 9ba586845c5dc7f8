"""Writes go.mod and go.sum of each unit anew from the file of versions: `python -m rehearsal.binaries --lock`.

go.mod names the modules and, as its tools, the commands that are built; `go mod tidy` adds everything that these need.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from rehearsal.binaries.golang import Go
from rehearsal.binaries.units import Unit

_STAGING = re.compile(r"^\t(k8s\.io/\S+) => \./staging/", re.MULTILINE)


def lock(unit: Unit, go: Go) -> None:
    """Write a unit's go.mod and go.sum. BuildFailed when a module cannot be had."""
    unit.folder.mkdir(parents=True, exist_ok=True)
    main, version = next(iter(unit.requires.items()))
    (unit.folder / "go.mod").write_text("module holdfast.rehearsal/draft\n", encoding="utf-8")
    (unit.folder / "go.sum").unlink(missing_ok=True)
    answer = json.loads(go.run(["mod", "download", "-json", f"{main}@{version}"], unit.folder, "-mod=mod"))
    upstream = Path(answer["GoMod"]).read_text(encoding="utf-8")
    (unit.folder / "go.mod").write_text(module_file(unit, upstream), encoding="utf-8")
    go.run(["mod", "tidy"], unit.folder, "-mod=mod")
    if unit.tests:
        # What tests of other modules import is no matter of `tidy`. Without a version the newest would be taken.
        go.run(["get", "-t", *(f"{each}@{version}" for each in unit.tests.values())], unit.folder, "-mod=mod")


def module_file(unit: Unit, upstream: str) -> str:
    """A go.mod with what the unit asks for.

    `upstream` is the go.mod of the unit's first module. Its `go` line decides the language's defaults, and Kubernetes
    replaces its libraries by folders of its own repository, which are published as v0.<minor>.<patch>.
    """
    language = re.search(r"^go \S+$", upstream, re.MULTILINE)
    if language is None:
        raise ValueError(f"the go.mod of {next(iter(unit.requires))} has no go line")
    lines = [
        f"module holdfast.rehearsal/{unit.name}",
        language.group(),
        *(f"tool {package}" for package in unit.commands.values()),
        *(f"require {module} {version}" for module, version in unit.requires.items()),
    ]
    lines += [f"replace {module} => {other}" for module, other in unit.replaced.items()]
    published = "v0" + next(iter(unit.requires.values())).removeprefix("v1")
    lines += [f"replace {library} => {library} {published}" for library in _STAGING.findall(upstream)]
    return "\n".join(lines) + "\n"
