"""Stack operations that fail, are cancelled, or meet each other."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError
from tests.rehearsal.engine import Stacks, Things, eventually, template, thing


def test_a_failed_creation_says_why_and_rolls_back(stacks: Stacks) -> None:
    body = template({"A": thing(), "B": thing(FailOn="create", after="A"), "Never": thing(after="B")})
    name = stacks.create(body, wait="ROLLBACK_COMPLETE")
    assert stacks.reason(name, "B", "CREATE_FAILED") == "B does not want to be made"
    assert stacks.reason(name, name, "ROLLBACK_IN_PROGRESS") == (
        "The following resource(s) failed to create: [B]. Rollback requested by user."
    )
    assert stacks.state.things == {}
    assert stacks.state.said("delete") == ["B", "A"]
    assert "Never" not in stacks.state.said("create")


def test_others_are_cancelled_when_one_fails(stacks: Stacks) -> None:
    body = template({"Waits": thing(Hold="never"), "Fails": thing(FailOn="create", Hold="soon")})
    name = stacks.create(body, wait=None)
    eventually(lambda: len(stacks.state.said("create")) == 2, "both have begun")
    stacks.state.gate("soon").set()
    stacks.wait(name, "ROLLBACK_COMPLETE")
    assert stacks.reason(name, "Waits", "CREATE_FAILED") == "Resource creation cancelled"
    assert stacks.state.things == {}


def test_a_rolled_back_stack_can_only_be_deleted(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(FailOn="create")}), wait="ROLLBACK_COMPLETE")
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        stacks.update(name, template({"A": thing()}))
    assert stacks.resource(name, "A")["ResourceStatus"] == "DELETE_COMPLETE"
    stacks.delete(name)


def test_the_rollback_of_a_creation_keeps_what_says_retain_and_deletes_retain_except_on_create(stacks: Stacks) -> None:
    body = template(
        {
            "Kept": thing(policy="Retain", Value="kept"),
            "Gone": thing(policy="RetainExceptOnCreate"),
            "Fails": thing(FailOn="create", after=["Kept", "Gone"]),
        }
    )
    name = stacks.create(body, wait="ROLLBACK_COMPLETE")
    assert [each["Value"] for each in stacks.state.things.values()] == ["kept"]
    assert stacks.statuses(name, "Kept")[-1] == "DELETE_SKIPPED"


def test_on_failure_do_nothing_keeps_what_was_made(stacks: Stacks) -> None:
    body = template({"A": thing(), "Fails": thing(FailOn="create", after="A")})
    name = stacks.create(body, OnFailure="DO_NOTHING", wait="CREATE_FAILED")
    assert stacks.describe(name)["StackStatusReason"] == "The following resource(s) failed to create: [Fails]. "
    assert stacks.state.said("delete") == []
    stacks.delete(name)
    assert stacks.state.things == {}


def test_on_failure_delete_leaves_nothing(stacks: Stacks) -> None:
    body = template({"A": thing(policy="RetainExceptOnCreate"), "Fails": thing(FailOn="create", after="A")})
    name = stacks.name()
    stack_id = stacks.client.create_stack(StackName=name, TemplateBody=body, OnFailure="DELETE")["StackId"]
    stacks.wait(stack_id, "DELETE_COMPLETE")
    assert stacks.state.things == {}


def test_a_rollback_that_fails_says_what_is_left_and_a_delete_tries_again(stacks: Stacks) -> None:
    body = template({"Sticks": thing(FailOn="delete"), "Fails": thing(FailOn="create", after="Sticks")})
    name = stacks.create(body, wait="ROLLBACK_FAILED")
    assert "The following resource(s) failed to delete: [Sticks]. " in stacks.describe(name)["StackStatusReason"]
    stacks.state.forgiving = True
    stacks.delete(name)
    assert stacks.state.things == {}


def test_a_failed_update_goes_back_to_what_was_before(stacks: Stacks) -> None:
    def body(value: str, **other: str) -> str:
        return template(
            {"A": thing(Value=value), "New": thing(), "B": thing(after=["A", "New"], Value=value, **other)}
            if other
            else {"A": thing(Value=value), "B": thing(after="A", Value=value), "Old": thing()}
        )

    name = stacks.create(body("1"))
    before = {name: dict(each) for name, each in stacks.state.things.items()}
    stacks.update(name, body("2", FailOn="update"), wait="UPDATE_ROLLBACK_COMPLETE")
    assert stacks.state.things == before
    assert stacks.state.said("delete") == ["New"]
    assert stacks.reason(name, name, "UPDATE_ROLLBACK_IN_PROGRESS") == (
        "The following resource(s) failed to update: [B]. "
    )
    assert "Old" in stacks.client.get_template(StackName=name)["TemplateBody"]["Resources"]


def test_a_failed_update_takes_a_replaced_resource_back(stacks: Stacks) -> None:
    def body(name: str, fail: str) -> str:
        return template({"A": thing(Name=name), "New": thing(FailOn=fail, Value={"Ref": "A"})})

    name = stacks.create(template({"A": thing(Name="one")}))
    before = stacks.resource(name, "A")["PhysicalResourceId"]
    stacks.update(name, body("two", "create"), wait="UPDATE_ROLLBACK_COMPLETE")
    assert stacks.resource(name, "A")["PhysicalResourceId"] == before
    assert list(stacks.state.things) == [before]
    stacks.update(name, body("three", "none"))
    assert len(stacks.state.things) == 2


def test_a_replacement_that_fails_leaves_the_old_resource(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Name="one")}))
    before = stacks.resource(name, "A")["PhysicalResourceId"]
    stacks.update(name, template({"A": thing(Name="two", FailOn="create")}), wait="UPDATE_ROLLBACK_COMPLETE")
    assert stacks.resource(name, "A")["PhysicalResourceId"] == before
    assert list(stacks.state.things) == [before]


def test_a_rollback_that_fails_is_continued_or_skips_what_resists(stacks: Stacks) -> None:
    def body(value: str) -> str:
        return template({"A": thing(Value=value, FailOn="update"), "B": thing(Value=value)})

    name = stacks.create(body("1"))
    stacks.update(name, body("2"), wait="UPDATE_ROLLBACK_FAILED")
    with pytest.raises(ClientError, match="is in UPDATE_ROLLBACK_FAILED state and can not be updated"):
        stacks.update(name, body("3"))
    stacks.client.continue_update_rollback(StackName=name)
    eventually(lambda: stacks.describe(name)["StackStatus"] == "UPDATE_ROLLBACK_FAILED", "it resists again")
    stacks.client.continue_update_rollback(StackName=name, ResourcesToSkip=["A"])
    stacks.wait(name, "UPDATE_ROLLBACK_COMPLETE")


def test_an_update_can_be_cancelled(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Value="1")}))
    stacks.update(name, template({"A": thing(Value="2"), "B": thing(Hold="never")}), wait=None)
    eventually(lambda: "B" in stacks.state.said("create"), "the update is under way")
    stacks.client.cancel_update_stack(StackName=name)
    stacks.wait(name, "UPDATE_ROLLBACK_COMPLETE")
    assert [each["Value"] for each in stacks.state.things.values()] == ["1"]
    with pytest.raises(ClientError, match="CancelUpdateStack cannot be called from current stack status"):
        stacks.client.cancel_update_stack(StackName=name)


def test_with_disable_rollback_a_creation_stops_and_another_update_goes_on(stacks: Stacks) -> None:
    resources = {"A": thing(), "Fails": thing(FailOn="create"), "Behind": thing(after="Fails")}
    name = stacks.create(template(resources), DisableRollback=True, wait="CREATE_FAILED")
    made = stacks.resource(name, "A")["PhysicalResourceId"]
    with pytest.raises(ClientError, match=r"non-terminal \[CREATE_FAILED\] state.*use the disable-rollback parameter"):
        stacks.update(name, template(resources | {"Fails": thing()}))
    stacks.state.calls.clear()
    stacks.update(name, template(resources | {"Fails": thing()}), DisableRollback=True)
    assert stacks.state.calls == [("delete", "Fails"), ("create", "Fails"), ("create", "Behind")]
    assert stacks.resource(name, "A")["PhysicalResourceId"] == made


def test_with_disable_rollback_independent_resources_are_finished(stacks: Stacks) -> None:
    body = template({"Fails": thing(FailOn="create"), "Slow": thing(Hold="gate"), "Behind": thing(after="Slow")})
    name = stacks.create(body, DisableRollback=True, wait=None)
    eventually(lambda: "CREATE_FAILED" in stacks.statuses(name, "Fails"), "it has failed")
    stacks.state.gate("gate").set()
    stacks.wait(name, "CREATE_FAILED")
    assert stacks.resource(name, "Behind")["ResourceStatus"] == "CREATE_COMPLETE"


def test_with_disable_rollback_an_update_stops_and_goes_on_later(stacks: Stacks) -> None:
    def body(value: str, fail: str) -> str:
        return template({"A": thing(Value=value), "B": thing(Value=value, FailOn=fail, after="A")})

    name = stacks.create(body("1", "none"))
    stacks.update(name, body("2", "update"), DisableRollback=True, wait="UPDATE_FAILED")
    assert stacks.resource(name, "B")["ResourceStatus"] == "UPDATE_FAILED"
    assert sorted(each["Value"] for each in stacks.state.things.values()) == ["1", "2"]
    stacks.state.calls.clear()
    stacks.update(name, body("2", "none"), DisableRollback=True)
    assert stacks.state.calls == [("update", "B")]
    assert [each["Value"] for each in stacks.state.things.values()] == ["2", "2"]


def test_with_disable_rollback_a_replacement_is_refused(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Name="one")}))
    stacks.update(name, template({"A": thing(Name="two")}), DisableRollback=True, wait="UPDATE_FAILED")
    assert stacks.reason(name, "A", "UPDATE_FAILED") == (
        "Replacement type updates not supported on stack with disable-rollback."
    )
    assert stacks.state.said("create") == ["A"]


def test_a_stopped_stack_can_be_rolled_back_later(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Value="1")}))
    stacks.update(
        name,
        template({"A": thing(Value="2"), "B": thing(FailOn="create", after="A")}),
        DisableRollback=True,
        wait="UPDATE_FAILED",
    )
    stacks.client.rollback_stack(StackName=name)
    stacks.wait(name, "UPDATE_ROLLBACK_COMPLETE")
    assert [each["Value"] for each in stacks.state.things.values()] == ["1"]


def test_a_stopped_creation_can_be_rolled_back_later(stacks: Stacks) -> None:
    body = template({"A": thing(), "B": thing(FailOn="create", after="A")})
    name = stacks.create(body, DisableRollback=True, wait="CREATE_FAILED")
    stacks.client.rollback_stack(StackName=name)
    stacks.wait(name, "ROLLBACK_COMPLETE")
    assert stacks.state.things == {}


def test_a_delete_in_the_middle_of_a_creation_stops_it_and_deletes(stacks: Stacks) -> None:
    body = template({"A": thing(), "Waits": thing(Hold="never", after="A"), "Never": thing(after="Waits")})
    name = stacks.create(body, wait=None)
    eventually(lambda: "Waits" in stacks.state.said("create"), "the creation is under way")
    stack_id = stacks.delete(name)
    assert stacks.state.things == {}
    assert stacks.state.said("create") == ["A", "Waits"]
    assert stacks.statuses(stack_id, name) == ["CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"]


def test_a_stack_in_an_update_can_be_neither_updated_nor_deleted(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Value="1")}))
    stack_id = stacks.describe(name)["StackId"]
    stacks.update(name, template({"A": thing(Value="2", Hold="gate")}), wait=None)
    with pytest.raises(ClientError, match=f"Stack:{stack_id} is in UPDATE_IN_PROGRESS state and can not be updated"):
        stacks.update(name, template({"A": thing(Value="3")}))
    with pytest.raises(ClientError, match=r"cannot be deleted while in status UPDATE_IN_PROGRESS"):
        stacks.client.delete_stack(StackName=name)
    stacks.state.gate("gate").set()
    stacks.wait(name, "UPDATE_COMPLETE")


def test_a_delete_that_fails_goes_on_with_the_rest_and_can_be_tried_again(stacks: Stacks) -> None:
    name = stacks.create(
        template({"Base": thing(), "Sticks": thing(Value={"Ref": "Base"}, FailOn="delete"), "Free": thing()})
    )
    stacks.delete(name, wait="DELETE_FAILED")
    assert stacks.describe(name)["StackStatusReason"] == "The following resource(s) failed to delete: [Sticks]. "
    assert stacks.reason(name, "Sticks", "DELETE_FAILED") == "Sticks does not want to go"
    assert len(stacks.state.things) == 2
    stacks.state.forgiving = True
    stacks.delete(name)
    assert stacks.state.things == {}


def test_what_cannot_be_deleted_can_be_retained(stacks: Stacks) -> None:
    name = stacks.create(template({"Sticks": thing(FailOn="delete"), "Free": thing()}))
    with pytest.raises(ClientError, match="only when the stack is in the DELETE_FAILED state"):
        stacks.client.delete_stack(StackName=name, RetainResources=["Sticks"])
    stacks.delete(name, wait="DELETE_FAILED")
    stack_id = stacks.delete(name, RetainResources=["Sticks"])
    assert stacks.statuses(stack_id, "Sticks")[-1] == "DELETE_SKIPPED"
    assert len(stacks.state.things) == 1


def test_a_fault_of_the_engine_itself_becomes_the_reason(stacks: Stacks, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a wheel came off")

    monkeypatch.setattr(Things, "create", broken)
    name = stacks.create(template({"A": thing()}), wait="ROLLBACK_COMPLETE")
    reason = stacks.reason(name, "A", "CREATE_FAILED")
    assert reason == "Internal failure of the local AWS: RuntimeError: a wheel came off"


def test_an_error_of_an_api_is_the_reason_with_its_code(stacks: Stacks) -> None:
    subnet = {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": "vpc-none", "CidrBlock": "10.0.0.0/24"}}
    name = stacks.create(template({"A": subnet}), wait="ROLLBACK_COMPLETE")
    reason = stacks.reason(name, "A", "CREATE_FAILED")
    assert "Error Code: InvalidVpcID.NotFound" in reason
    assert "Operation: CreateSubnet" in reason


def test_the_rollback_starts_from_what_the_failed_update_has_tried(
    stacks: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider compares old with new: told nothing else, it would take a half-made change for no change."""
    name = stacks.create(template({"A": thing(Value="1")}))
    asked: list[tuple[str, str]] = []

    def update(self: Things, context: Context, physical_id: str, old: dict[str, str], new: dict[str, str]) -> Made:
        asked.append((old["Value"], new["Value"]))
        if new["Value"] == "2":
            raise ProviderError("half-made")
        return Made(physical_id)

    monkeypatch.setattr(Things, "update", update)
    stacks.update(name, template({"A": thing(Value="2")}), wait="UPDATE_ROLLBACK_COMPLETE")
    assert asked == [("1", "2"), ("2", "1")]
