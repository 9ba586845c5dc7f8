"""Rounds of a bench on one real cluster."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rehearsal.binaries.store import cache_folder
from rehearsal.scenarios.writes import Writer, writing
from tests.e2e.harness import ClusterHarness, running
from tests.e2e.replacing import SHORT


@contextlib.contextmanager
def living(is_ready: Callable[[ClusterHarness], object]) -> Iterator[tuple[ClusterHarness, Writer]]:
    """A cluster of three control planes alone, and a client of its API that writes once `is_ready` has returned."""
    with (
        tempfile.TemporaryDirectory(dir=cache_folder()) as folder,
        contextlib.redirect_stdout(sys.stderr),
        running(Path(folder), node_settings=SHORT, parameters={"GeneralMinSize": "0"}, program=None) as cluster,
    ):
        is_ready(cluster)
        with writing(cluster.kubectl, Path(folder, "writer")) as api:
            yield cluster, api


def play(
    steps: Sequence[Callable[[], None]], times: int, minutes: float, deadline: float, tell: Callable[[str], object]
) -> None:
    """Take all steps, so often. Nothing new begins after the deadline, a moment of the monotonic clock that is so many
    minutes after the begin; a step that fails ends it. `tell` is told of each step."""
    for number in range(times):
        for step in steps:
            if time.monotonic() > deadline:
                tell(f"round {number + 1}, {step.__name__}: not begun, {minutes:g} minutes have passed")
                return
            try:
                step()
            except AssertionError as error:
                tell(f"round {number + 1}, {step.__name__}: {str(error).splitlines()[0]}")
                return
            tell(f"round {number + 1} of {times}: {step.__name__}")
