"""The traps that wait for programs of instances (`storm_node`), and what stands of them in each instance. Pure."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.storm.full.account import IN_SERVICE, Instance
from tests.storm.full.storm_node import AGENT, BOOT, FAIL, FREEZE, KILL

FAILING_STAGE = "configure"
"""Where a boot fails: it joins, and nobody knows of it yet."""


@dataclass
class Trap:
    """One trap. `slot` is the only one whose boots it waits for, and None for all."""

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


@dataclass
class Traps:
    """All traps of a round; safe for several threads."""

    _traps: list[Trap] = field(default_factory=list)
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set_for_agents(self, step: str, seconds: float | None) -> None:
        """Wait for the next agent that comes to a step: it is killed, or paused for so many seconds."""
        self._add(AGENT, step, KILL if seconds is None else FREEZE, seconds or 0.0)

    def set_for_joiner(self, stage: str, seconds: float) -> None:
        """Wait for the next node that comes to a stage of its boot: it is paused."""
        self._add(BOOT, stage, FREEZE, seconds)

    def set_for_boot(self, slot: int) -> None:
        """Have the next boot of a slot fail."""
        self._add(BOOT, FAILING_STAGE, FAIL, slot=slot)

    def caught(self, instance: str, number: int) -> None:
        """An instance has walked into a trap."""
        with self._lock:
            for each in self._traps:
                if each.number == number and not each.caught:
                    each.caught = instance

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

    def _add(self, role: str, step: str, what: str, seconds: float = 0.0, slot: int | None = None) -> None:
        with self._lock:
            self._number += 1
            self._traps.append(Trap(self._number, role, step, what, seconds, slot))
