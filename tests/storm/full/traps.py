"""The traps that wait for programs of instances (`storm_node`), and what stands of them in each instance. Pure."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.storm.faults import Fault, Kind
from tests.storm.full.account import IN_SERVICE, Instance
from tests.storm.full.storm_node import AGENT, BOOT, FAIL, FREEZE, KILL

FAILING_STAGE = "configure"
"""Where a boot fails: it joins, and nobody knows of it yet."""


@dataclass
class Trap:
    """One trap of a fault. `slot` is the only one whose boots it waits for, and None for all."""

    fault: str
    number: int
    role: str
    step: str
    what: str
    seconds: float = 0.0
    slot: int | None = None
    caught: str = ""
    """The instance that has walked into it."""

    def waits_in(self, instance: Instance) -> bool:
        """Whether it is to be set in an instance."""
        if self.what == FAIL:
            # The next boot of its slot fails for as long as it tries, and no other one does.
            new = instance.slot == self.slot and instance.lifecycle_state != IN_SERVICE
            return self.caught == instance.instance_id or (not self.caught and new)
        return not self.caught

    def is_open(self, booting: Collection[str]) -> bool:
        """Whether something may come of it yet."""
        return not self.caught or (self.what == FAIL and self.caught in booting)


@dataclass
class Traps:
    """All traps of a round; safe for several threads."""

    _traps: list[Trap] = field(default_factory=list)
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set_for_agents(self, fault: Fault) -> None:
        """Wait for the next agent that comes to a step: it is killed, or paused."""
        assert fault.step is not None
        self._add(fault, AGENT, fault.step, KILL if fault.kind is Kind.AGENT_KILL else FREEZE)

    def set_for_joiner(self, fault: Fault, stage: str) -> None:
        """Wait for the next node that comes to a stage of its boot: it is paused."""
        self._add(fault, BOOT, stage, FREEZE)

    def set_for_boot(self, fault: Fault, slot: int) -> None:
        """Have the next boot of a slot fail."""
        self._add(fault, BOOT, FAILING_STAGE, FAIL, slot)

    def caught(self, instance: str, number: int) -> str:
        """An instance has walked into a trap. Returns the fault whose trap it is, the first time."""
        with self._lock:
            for each in self._traps:
                if each.number == number and not each.caught:
                    each.caught = instance
                    return each.fault
        return ""

    def are_open(self, booting: Collection[str]) -> bool:
        """Whether something may come of any of them yet, while these instances boot."""
        with self._lock:
            return any(each.is_open(booting) for each in self._traps)

    def clear(self) -> None:
        """Take all away."""
        with self._lock:
            self._traps.clear()

    def content(self, instance: Instance) -> Mapping[str, Any]:
        """What stands in an instance's file of traps."""
        found: dict[str, dict[str, Any]] = {}
        with self._lock:
            for each in self._traps:
                if each.waits_in(instance):
                    trap = {"number": each.number, "what": each.what, "seconds": each.seconds}
                    found.setdefault(each.role, {}).setdefault(each.step, trap)
        return found

    def _add(self, fault: Fault, role: str, step: str, what: str, slot: int | None = None) -> None:
        with self._lock:
            self._number += 1
            self._traps.append(Trap(str(fault), self._number, role, step, what, fault.seconds, slot))
