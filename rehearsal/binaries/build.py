"""Builds units into the cache, one command after the other, and says how long each took."""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rehearsal.binaries import golang
from rehearsal.binaries.golang import Go
from rehearsal.binaries.store import Report, Store, content_key
from rehearsal.binaries.units import HERE, Unit


@dataclass(frozen=True)
class Builder:
    """What makes programs: a toolchain and a cache."""

    go: Go
    store: Store
    report: Report

    def key(self, unit: Unit) -> str:
        """The key of a unit's entry: everything that decides what its programs are."""
        return content_key(
            self.go.identity(),
            *(f"{program}={package}" for program, package in sorted(unit.commands.items())),
            *(f"{name}={value}" for name, value in sorted(unit.linked.items())),
            *(f"tag {each}" for each in unit.tags),
            *(f"tests {program}={package}" for program, package in sorted(unit.tests.items())),
            *(part for path in sources(unit) for part in (path.name, path.read_bytes())),
        )

    def programs(self, unit: Unit) -> Path:
        """The folder with a unit's programs, built if need be. BuildFailed, Missing, OSError."""
        return self.store.obtain(unit.name, self.key(unit), lambda folder: self._build(unit, folder), unit.disk_gib)

    def _build(self, unit: Unit, folder: Path) -> None:
        wanted = {**unit.commands, **unit.tests}
        for number, (program, package) in enumerate(wanted.items(), start=1):
            self.report(f"building {program} ({number} of {len(wanted)} of {unit.name})")
            started = time.monotonic()
            tests = program in unit.tests
            self.go.build(unit.folder, package, unit.linked, folder / program, unit.tags, tests=tests)
            # The largest of all processes so far: Go's own compilers and linkers are our descendants.
            largest_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            size_mb = (folder / program).stat().st_size / 1e6
            seconds = time.monotonic() - started
            self.report(f"  {program}: {seconds:.1f} s, {size_mb:.0f} MB; largest process {largest_mib:.0f} MiB")


def sources(unit: Unit) -> list[Path]:
    """The files that a unit is built of: what pins its modules, and programs of our own."""
    return sorted(path for path in unit.folder.rglob("*") if path.name in ("go.mod", "go.sum") or path.suffix == ".go")


def builder(units: Sequence[Unit], store: Store, report: Report) -> Builder:
    """A builder whose Go is new enough for all these units. Missing where there is no such Go."""
    needed = golang.needed_version([(unit.folder / "go.mod").read_text(encoding="utf-8") for unit in units])
    return Builder(golang.find(_asking(units, needed), needed), store, report)


def _asking(units: Sequence[Unit], needed: str) -> Path:
    """The folder whose go.mod asks for the newest Go."""
    for unit in units:
        if golang.needed_version([(unit.folder / "go.mod").read_text(encoding="utf-8")]) == needed:
            return unit.folder
    return HERE
