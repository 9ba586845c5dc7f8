"""Random rows of updates that end well, fail, are cancelled, stopped, rolled back and gone on with, beside a model.

The model knows of each slot only by which template it was last applied, which CloudFormation's own words give: an
update that ends well applies its own everywhere; one that is stopped applies it before the slot at which it failed;
what is rolled back applies the last one that ended well.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import LaunchNetwork
from tests.rehearsal.engine import Stacks
from tests.rehearsal.rolled import FAILURE, SILENCE, SUCCESS, RolledSlots
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

SPEED = 60
SLOTS = 3
STEPS = 7
KINDS = [f"{family}.{size}" for family in ("m5", "r5") for size in ("large", "xlarge", "2xlarge", "4xlarge")]
"""Each update has one of its own, so that every instance is rolled."""


@dataclass
class Walk:
    """One stack, what should be true of it, and what was done."""

    stacks: Stacks
    rolled: RolledSlots
    chance: random.Random
    stable: str = KINDS[0]
    applied: list[str] = field(default_factory=lambda: [KINDS[0]] * SLOTS)
    skipped: int | None = None
    """A slot that a rollback has left out: nobody knows what it has."""
    stuck: int | None = None
    """The slot at which a rollback has failed."""
    done: list[str] = field(default_factory=list)

    def step(self) -> None:
        """Do one of the things that the stack's status allows, and look."""
        steps: dict[str, tuple[Callable[[], None], ...]] = {
            "UPDATE_FAILED": (self.go_on, self.stop, self.roll_back),
            "UPDATE_ROLLBACK_FAILED": (self.continue_rollback, self.skip),
        }
        status = self.stacks.describe(self.rolled.name)["StackStatus"]
        others = (self.go_on, self.fail, self.cancel, self.stop, self.stick)
        self.chance.choice(steps.get(status, others))()
        for words in self.rolled.words.values():
            words.clear()
        if self.stuck is None:
            self.look()

    def look(self) -> None:
        """Compare the slots with the model."""
        found = self.rolled.kinds()
        for slot, kind in enumerate(self.applied):
            assert slot == self.skipped or found[slot] == {kind}, f"slot {slot}: {found}, {self.applied}: {self.done}"

    def go_on(self) -> None:
        kind = self._kind()
        self.done.append(f"update to {kind}")
        self._update(kind, "UPDATE_COMPLETE", stopped=self._is_stopped())
        self.stable, self.applied, self.skipped = kind, [kind] * SLOTS, None

    def fail(self) -> None:
        kind, slot = self._kind(), self._slot()
        self.done.append(f"update to {kind} fails at {slot}")
        self.rolled.words[slot].append(FAILURE)
        self._update(kind, "UPDATE_ROLLBACK_COMPLETE")
        self._is_back()

    def cancel(self) -> None:
        kind, slot = self._kind(), self._slot()
        self.done.append(f"update to {kind} is cancelled at {slot}")
        before = set(self.rolled.serving(slot))
        self.rolled.words[slot].append(SILENCE)
        self._update(kind, None)
        wait_for(lambda: set(self.rolled.serving(slot)) - before, f"the newcomer of slot {slot}: {self.done}")
        self.stacks.client.cancel_update_stack(StackName=self.rolled.name)
        self.stacks.wait(self.rolled.name, "UPDATE_ROLLBACK_COMPLETE")
        self._is_back()

    def stop(self) -> None:
        kind, slot = self._kind(), self._slot()
        self.done.append(f"update to {kind} stops at {slot}")
        self.rolled.words[slot].append(FAILURE)
        self._update(kind, "UPDATE_FAILED", stopped=True)
        self.applied[:slot] = [kind] * slot
        if self.skipped is not None and self.skipped < slot:
            self.skipped = None

    def stick(self) -> None:
        kind, slot = self._kind(), self._slot()
        self.stuck = self.chance.randrange(slot + 1)
        self.done.append(f"update to {kind} fails at {slot}, and its rollback at {self.stuck}")
        self.rolled.words[slot].append(FAILURE)
        if self.stuck != slot:
            self.rolled.words[self.stuck].extend([SUCCESS] * len(self.rolled.serving(self.stuck)))
        self.rolled.words[self.stuck].append(FAILURE)
        self._update(kind, "UPDATE_ROLLBACK_FAILED")

    def roll_back(self) -> None:
        self.done.append("roll back")
        self.stacks.client.rollback_stack(StackName=self.rolled.name)
        self.stacks.wait(self.rolled.name, "UPDATE_ROLLBACK_COMPLETE")
        self._is_back()

    def continue_rollback(self) -> None:
        self.done.append("continue")
        self.stacks.client.continue_update_rollback(StackName=self.rolled.name)
        self.stacks.wait(self.rolled.name, "UPDATE_ROLLBACK_COMPLETE")
        self._is_back()

    def skip(self) -> None:
        self.done.append(f"continue without {self.stuck}")
        self.stacks.client.continue_update_rollback(StackName=self.rolled.name, ResourcesToSkip=[f"Slot{self.stuck}"])
        self.stacks.wait(self.rolled.name, "UPDATE_ROLLBACK_COMPLETE")
        left = self.stuck
        self._is_back()
        self.skipped = left

    def _is_back(self) -> None:
        self.applied, self.stuck, self.skipped = [self.stable] * SLOTS, None, None

    def _update(self, kind: str, wait: str | None, *, stopped: bool = False) -> None:
        self.stacks.update(self.rolled.name, self.rolled.body(kind), wait=wait, DisableRollback=stopped)

    def _is_stopped(self) -> bool:
        return bool(self.stacks.describe(self.rolled.name)["StackStatus"] == "UPDATE_FAILED")

    def _slot(self) -> int:
        return self.chance.randrange(SLOTS)

    def _kind(self) -> str:
        return next(self._kinds)

    def __post_init__(self) -> None:
        self._kinds = iter(KINDS[1:])


@pytest.mark.parametrize("seed", [2, 41, 68])
def test_a_random_row_of_updates_leaves_what_their_words_say(
    aws: LocalAws, network: LaunchNetwork, stacks: Stacks, seed: int
) -> None:
    rolled = RolledSlots(aws, network, stacks, SLOTS)
    with rolled.signalling():
        walk = Walk(stacks, rolled, random.Random(seed))
        for _ in range(STEPS):
            walk.step()
        print(*walk.done, sep="\n")
