"""Updates of several groups in a row that fail, are cancelled, go back or go on: at each of them, in every order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import LaunchNetwork
from tests.rehearsal.engine import Stacks
from tests.rehearsal.rolled import FAILURE, SILENCE, SUCCESS, RolledSlots
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

SPEED = 60
SLOTS = 3
EACH = range(SLOTS)
OLD, NEW, NEXT = {"m5.large"}, {"m5.xlarge"}, {"m5.2xlarge"}


@pytest.fixture
def rolled(aws: LocalAws, network: LaunchNetwork, stacks: Stacks) -> Iterator[RolledSlots]:
    made = RolledSlots(aws, network, stacks, SLOTS)
    with made.signalling():
        yield made


def begin(stacks: Stacks, rolled: RolledSlots, wait: str, *, disable_rollback: bool = False) -> None:
    stacks.update(rolled.name, rolled.body("m5.xlarge"), wait=wait, DisableRollback=disable_rollback)


def untouched(rolled: RolledSlots, before: list[list[str]], after: int) -> bool:
    """Whether the slots after one have the instances that they had."""
    return [rolled.serving(slot) for slot in EACH][after + 1 :] == before[after + 1 :]


def serving(rolled: RolledSlots) -> list[list[str]]:
    return [rolled.serving(slot) for slot in EACH]


@pytest.mark.parametrize("slot", EACH)
def test_a_cancelled_update_takes_back_what_it_had_come_to(rolled: RolledSlots, stacks: Stacks, slot: int) -> None:
    before = serving(rolled)
    rolled.words[slot].append(SILENCE)
    stacks.update(rolled.name, rolled.body("m5.xlarge"), wait=None)
    wait_for(lambda: rolled.fresh(slot), f"the newcomer of slot {slot}")
    stacks.client.cancel_update_stack(StackName=rolled.name)
    stacks.wait(rolled.name, "UPDATE_ROLLBACK_COMPLETE")
    assert rolled.kinds() == [OLD] * SLOTS
    assert untouched(rolled, before, slot)
    with pytest.raises(ClientError, match="CancelUpdateStack cannot be called from current stack status"):
        stacks.client.cancel_update_stack(StackName=rolled.name)


@pytest.mark.parametrize("slot", EACH)
def test_a_stopped_update_can_be_rolled_back(rolled: RolledSlots, stacks: Stacks, slot: int) -> None:
    before = serving(rolled)
    rolled.words[slot].append(FAILURE)
    begin(stacks, rolled, "UPDATE_FAILED", disable_rollback=True)
    # What was done before stays, and the group that failed goes back by itself.
    assert rolled.kinds() == [NEW] * slot + [OLD] * (SLOTS - slot)
    stacks.client.rollback_stack(StackName=rolled.name)
    stacks.wait(rolled.name, "UPDATE_ROLLBACK_COMPLETE")
    assert rolled.kinds() == [OLD] * SLOTS
    assert untouched(rolled, before, slot)


@pytest.mark.parametrize("slot", EACH)
def test_a_stopped_update_can_be_gone_on_with(rolled: RolledSlots, stacks: Stacks, slot: int) -> None:
    rolled.words[slot].append(FAILURE)
    begin(stacks, rolled, "UPDATE_FAILED", disable_rollback=True)
    done = serving(rolled)[:slot]
    begin(stacks, rolled, "UPDATE_COMPLETE", disable_rollback=True)
    assert rolled.kinds() == [NEW] * SLOTS
    # Slots that were as they should be are not rolled once more.
    assert serving(rolled)[:slot] == done


@pytest.mark.parametrize("slot", EACH)
def test_a_stopped_update_can_stop_again_and_still_be_rolled_back(
    rolled: RolledSlots, stacks: Stacks, slot: int
) -> None:
    rolled.words[0].append(FAILURE)
    begin(stacks, rolled, "UPDATE_FAILED", disable_rollback=True)
    rolled.words[slot].append(FAILURE)
    stacks.update(rolled.name, rolled.body("m5.2xlarge"), wait="UPDATE_FAILED", DisableRollback=True)
    assert rolled.kinds() == [NEXT] * slot + [OLD] * (SLOTS - slot)
    # The last state that was good is the one before both.
    stacks.client.rollback_stack(StackName=rolled.name)
    stacks.wait(rolled.name, "UPDATE_ROLLBACK_COMPLETE")
    assert rolled.kinds() == [OLD] * SLOTS


FAILED_TWICE = [(slot, stuck) for slot in EACH for stuck in range(slot + 1)]
"""The slot at which the update fails, and the one at which its rollback does."""


def stick(rolled: RolledSlots, stacks: Stacks, slot: int, stuck: int) -> None:
    """Let an update fail at a slot, and its rollback at another one."""
    rolled.words[slot].append(FAILURE)
    rolled.words[stuck].extend([FAILURE] if stuck == slot else [SUCCESS, FAILURE])
    begin(stacks, rolled, "UPDATE_ROLLBACK_FAILED")
    assert stacks.resource(rolled.name, f"Slot{stuck}")["ResourceStatus"] == "UPDATE_FAILED"


@pytest.mark.parametrize(("slot", "stuck"), FAILED_TWICE)
def test_a_rollback_that_failed_goes_on(rolled: RolledSlots, stacks: Stacks, slot: int, stuck: int) -> None:
    before = serving(rolled)
    stick(rolled, stacks, slot, stuck)
    back = serving(rolled)[:stuck]
    with pytest.raises(ClientError, match="can not be updated"):
        begin(stacks, rolled, "UPDATE_COMPLETE")
    with pytest.raises(ClientError, match="can not be rolled back"):
        stacks.client.rollback_stack(StackName=rolled.name)
    stacks.client.continue_update_rollback(StackName=rolled.name)
    stacks.wait(rolled.name, "UPDATE_ROLLBACK_COMPLETE")
    assert rolled.kinds() == [OLD] * SLOTS
    assert serving(rolled)[:stuck] == back
    assert untouched(rolled, before, slot)


@pytest.mark.parametrize(("slot", "stuck"), FAILED_TWICE)
def test_a_rollback_goes_on_without_the_group_that_sticks(
    rolled: RolledSlots, stacks: Stacks, slot: int, stuck: int
) -> None:
    stick(rolled, stacks, slot, stuck)
    left = rolled.serving(stuck)
    stacks.client.continue_update_rollback(StackName=rolled.name, ResourcesToSkip=[f"Slot{stuck}"])
    stacks.wait(rolled.name, "UPDATE_ROLLBACK_COMPLETE")
    assert stacks.reason(rolled.name, f"Slot{stuck}", "UPDATE_COMPLETE") == "Resource was skipped by the caller"
    # It is left as it is: with its failed newcomer, and not as the template says.
    assert rolled.serving(stuck) == left
    assert [found for each, found in enumerate(rolled.kinds()) if each != stuck] == [OLD] * (SLOTS - 1)
    stacks.update(rolled.name, rolled.body("m5.2xlarge"))
    assert rolled.kinds() == [NEXT] * SLOTS


def test_only_what_a_rollback_failed_at_is_skipped(rolled: RolledSlots, stacks: Stacks) -> None:
    stick(rolled, stacks, 1, 0)
    refusals = {
        "Slot1": "Resource Slot1 cannot be skipped: it is UPDATE_FAILED; allowed: UPDATE_FAILED because a rollback",
        "Slot2": "Resource Slot2 cannot be skipped: it is CREATE_COMPLETE",
        "Slot3": "Resource Slot3 to skip does not exist",
        "Nested.Slot0": "Resource Nested.Slot0 to skip does not exist",
    }
    for name, text in refusals.items():
        with pytest.raises(ClientError, match=text):
            stacks.client.continue_update_rollback(StackName=rolled.name, ResourcesToSkip=["Slot0", name])
    assert stacks.describe(rolled.name)["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
