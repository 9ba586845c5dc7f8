"""A world of tests: nothing runs in it, and a test says what it shows of which faults."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from tests.storm.clients import Load
from tests.storm.faults import Fault, Kind
from tests.storm.history import Operation, Outcome
from tests.storm.recorder import Recorder
from tests.storm.trace import Event, Helped, Listed, Member
from tests.storm.world import WorldBroke

Shows = Callable[[Sequence[Fault]], Collection[str]]
"""What is wrong in a round with these faults: `two clusters`, `unsettled`, `lost write`; nothing for a good one."""


class PlayedWorld:
    """What was asked of it is in `asked`."""

    def __init__(self, shows: Shows = lambda faults: (), kinds: Collection[Kind] = tuple(Kind)) -> None:
        self.kinds = kinds
        self.asked: list[str] = []
        self.breaks_in = 0
        """In which of its rounds, from 1, it cannot go on."""
        self.more: list[Event] = []
        """Further events of every round."""
        self._shows = shows
        self._faults: list[Fault] = []

    def found(self, slots: int) -> None:
        self.asked.append(f"found {slots}")

    def begin(self) -> None:
        self.asked.append("begin")
        if self.asked.count("begin") == self.breaks_in:
            raise WorldBroke("as the test wants it")
        self._faults = []

    def clients(self, load: Load, recorder: Recorder) -> AbstractContextManager[object]:
        return self._calling(load, recorder)

    @contextmanager
    def _calling(self, load: Load, recorder: Recorder) -> Iterator[None]:
        key = load.keys[0]
        recorder.end(recorder.begin(0, Operation.WRITE, key, "a"), Outcome.OK)
        yield
        found = None if "lost write" in self._shows(self._faults) else "a"
        recorder.end(recorder.begin(0, Operation.READ, key), Outcome.OK, found=found)

    def inject(self, fault: Fault) -> str:
        self.asked.append(str(fault))
        self._faults.append(fault)
        return "i-1" if fault.target else ""

    def end_faults(self) -> None:
        self.asked.append("end faults")

    def left(self) -> Sequence[str]:
        return ["slot 0 is empty"] if "unsettled" in self._shows(self._faults) else []

    def help(self) -> Sequence[Helped]:
        return []

    def events(self) -> Sequence[Event]:
        now = time.monotonic()
        clusters = ["e1", "e2"] if "two clusters" in self._shows(self._faults) else ["e1"]
        return [*self.more, *(Listed(now, now - 0.01, each, (Member("1", "i-1"),)) for each in clusters)]

    def close(self) -> None:
        self.asked.append("close")
