"""In which statuses a stack can be deleted, and what a deletion that fails leads to."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.engine import Stacks, eventually, template, thing

CLEANING = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
GOING_BACK = "UPDATE_ROLLBACK_IN_PROGRESS"
CLEANING_BACK = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"


def refuses(stacks: Stacks, name: str, status: str) -> None:
    """A deletion is refused with the very words of CloudFormation, and changes nothing."""
    stack = stacks.wait(name, status)
    with pytest.raises(ClientError) as caught:
        stacks.client.delete_stack(StackName=name)
    answer = caught.value.response["Error"]
    assert answer["Code"] == "ValidationError"
    assert answer["Message"] == f"Stack [{stack['StackId']}] cannot be deleted while in status {status}"
    assert stacks.describe(name)["StackStatus"] == status


def ends(stacks: Stacks, name: str, status: str) -> None:
    """Once the gate is open the operation ends, and then the stack can be deleted."""
    stacks.state.gate("gate").set()
    stacks.wait(name, status)
    stacks.delete(name)
    assert stacks.state.things == {}


def test_no_stack_is_deleted_in_an_update_nor_in_its_cleanup(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Value="1"), "Old": thing(HoldDelete="gate")}))
    stacks.update(name, template({"A": thing(Value="2", Hold="first")}), wait=None)
    refuses(stacks, name, "UPDATE_IN_PROGRESS")
    stacks.state.gate("first").set()
    refuses(stacks, name, CLEANING)
    ends(stacks, name, "UPDATE_COMPLETE")


def test_no_stack_is_deleted_in_the_rollback_of_an_update_nor_in_its_cleanup(stacks: Stacks) -> None:
    stacks.state.gate("back").set()
    name = stacks.create(template({"A": thing(Value="1", Hold="back")}))
    stacks.state.gate("back").clear()
    new = {"A": thing(Value="2"), "New": thing(HoldDelete="gate"), "B": thing(FailOn="create", after=["A", "New"])}
    stacks.update(name, template(new), wait=None)
    refuses(stacks, name, GOING_BACK)
    stacks.state.gate("back").set()
    refuses(stacks, name, CLEANING_BACK)
    ends(stacks, name, "UPDATE_ROLLBACK_COMPLETE")


def test_a_stack_whose_creation_is_rolled_back_can_be_deleted_meanwhile(stacks: Stacks) -> None:
    name = stacks.create(
        template({"A": thing(HoldDelete="gate"), "B": thing(FailOn="create", after="A")}), wait="ROLLBACK_IN_PROGRESS"
    )
    eventually(lambda: stacks.state.said("delete"), "the rollback is under way")
    stack_id = stacks.delete(name, wait=None)
    stacks.state.gate("gate").set()
    stacks.wait(stack_id, "DELETE_COMPLETE")
    assert stacks.state.things == {}


def test_a_stack_of_a_creation_that_was_rolled_back_holds_its_name_until_it_is_deleted(stacks: Stacks) -> None:
    body = template({"A": thing(), "B": thing(FailOn="create", after="A")})
    name = stacks.create(body, wait="ROLLBACK_COMPLETE")
    assert stacks.state.things == {}
    with pytest.raises(ClientError, match="already exists"):
        stacks.create(body, StackName=name)
    stacks.delete(name)
    stacks.create(template({"A": thing()}), StackName=name)


def test_a_stack_whose_update_stopped_in_a_failure_can_be_deleted(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Value="1")}))
    new = template({"A": thing(Value="2"), "B": thing(after="A"), "C": thing(FailOn="create", after="B")})
    stacks.update(name, new, DisableRollback=True, wait="UPDATE_FAILED")
    stacks.delete(name)
    assert stacks.state.things == {}


def test_a_stack_whose_rollback_failed_can_be_deleted_with_what_the_update_has_made(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Value="1", FailOn="update")}))
    new = {"A": thing(Value="2"), "New": thing(after="A"), "B": thing(FailOn="create", after=["New"])}
    stacks.update(name, template(new), wait="UPDATE_ROLLBACK_FAILED")
    assert len(stacks.state.things) >= 2
    stacks.delete(name)
    assert stacks.state.things == {}


def test_a_stack_that_was_only_reserved_by_a_change_set_can_be_deleted(stacks: Stacks) -> None:
    name = stacks.name()
    stacks.client.create_change_set(
        StackName=name, ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=template({"A": thing()})
    )
    assert stacks.describe(name)["StackStatus"] == "REVIEW_IN_PROGRESS"
    stacks.client.delete_stack(StackName=name)
    eventually(lambda: name not in _present(stacks), "the stack is gone")


def test_a_forced_deletion_ends_the_stack_and_leaves_what_cannot_be_deleted(stacks: Stacks) -> None:
    leaf = template({"Sticks": thing(FailOn="delete", Value="left"), "Free": thing()})
    name = stacks.create(template({"Child": stacks.nested(leaf), "Own": thing()}))
    child = stacks.child(name, "Child")
    with pytest.raises(ClientError, match="DELETE_FAILED"):
        stacks.client.delete_stack(StackName=name, DeletionMode="FORCE_DELETE_STACK")
    stacks.delete(name, wait="DELETE_FAILED")
    stack_id = stacks.delete(name, DeletionMode="FORCE_DELETE_STACK")
    assert [each["Value"] for each in stacks.state.things.values()] == ["left"]
    assert stacks.reason(child, "Sticks", "DELETE_SKIPPED") == "Sticks does not want to go"
    assert stacks.describe(child)["StackStatus"] == "DELETE_COMPLETE"
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_a_mode_of_deletion_that_does_not_exist_is_refused(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing()}))
    with pytest.raises(ClientError, match=r"enum value set: \[STANDARD, FORCE_DELETE_STACK\]"):
        stacks.client.delete_stack(StackName=name, DeletionMode="HARD")
    assert stacks.describe(name)["StackStatus"] == "CREATE_COMPLETE"


def _present(stacks: Stacks) -> set[str]:
    return {each["StackName"] for each in stacks.client.describe_stacks()["Stacks"]}
