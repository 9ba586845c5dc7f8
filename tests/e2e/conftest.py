"""Tests in which the deployed templates boot instances; skipped with what is missing where that cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from rehearsal.cloud import runs
from rehearsal.cloud.rehearse import MachineRehearsal
from rehearsal.local.processes import Processes
from rehearsal.local.steps import Change
from rehearsal.machines import needs
from rehearsal.machines.model import PodNetwork
from tests.images import made_or_reason

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


class Begin(Protocol):
    """Begins a rehearsal with changed templates; `settings` go into the machines' image.json."""

    def __call__(self, change: Change, settings: Mapping[str, Any] | None = None) -> MachineRehearsal: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder, and skip it where machines cannot run or there is nothing to boot."""
    mine = [item for item in items if HERE in item.path.parents]
    if not mine:
        return
    problems = needs.problems(runs.folder())
    images = {network: made_or_reason(network=network) for network in {_network(item) for item in mine}}
    for item in mine:
        item.add_marker("slow")
        item.add_marker("machines")
        image = images[_network(item)]
        if missing := problems or ([image] if isinstance(image, str) else []):
            item.add_marker(pytest.mark.skip(reason=f"no cluster can be rehearsed here: {'; '.join(missing)}"))


def _network(item: pytest.Item) -> PodNetwork:
    """What carries pods' packets in the clusters of a test: a module may say it."""
    module = item.getparent(pytest.Module)
    return getattr(module.obj if module else None, "NETWORK", PodNetwork.BRIDGE)


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Begins a rehearsal of the default example with changed templates; everything of it is ended after the test."""
    monkeypatch.chdir(ROOT)
    with ExitStack() as stack:

        def start(change: Change, settings: Mapping[str, Any] | None = None) -> MachineRehearsal:
            processes = stack.enter_context(Processes(tmp_path))
            config = ROOT / "examples" / "default.yaml"
            rehearsal = MachineRehearsal(config, tmp_path, processes, node_settings=settings, change=change)
            rehearsal.local.create()
            return rehearsal

        yield start
