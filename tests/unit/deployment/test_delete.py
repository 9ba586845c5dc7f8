"""What `make delete` does with a stack in each status: it deletes, follows, or says in one line what to type first."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployment import attachments, delete, events, retained
from deployment.arguments import parser
from deployment.refusal import Refusal
from tests.unit.deployment.fakes import NESTED, ROOT, CloudFormation, Event, event

REGION = "eu-central-1"
AGAIN = f"make delete STACK=holdfast REGION={REGION}"


class Account:
    """CloudFormation as a script that also deletes, or refuses to; nothing is kept."""

    def __init__(
        self,
        statuses: Sequence[str],
        happens: Sequence[Sequence[Event]] = (),
        *,
        refusal: str = "",
        **described: Any,
    ) -> None:
        self.deleted: list[str] = []
        self.looks = 0
        outer = self

        class Script(CloudFormation):
            def describe_stacks(self, StackName: str) -> dict[str, Any]:
                outer.looks += 1
                assert outer.looks < 20, "what has ended, or never began, is followed for ever"
                (body,) = super().describe_stacks(StackName)["Stacks"]
                return {"Stacks": [body | described]}

            def delete_stack(self, StackName: str) -> None:
                outer.deleted.append(StackName)
                if refusal:
                    raise ClientError({"Error": {"Code": "ValidationError", "Message": refusal}}, "DeleteStack")

        self._script = Script(statuses, happens)

    def client(self, service: str) -> Any:
        assert service == "cloudformation"
        return self._script


@pytest.fixture(autouse=True)
def nothing_is_kept_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retained, "survey", lambda *_: retained.Survey((), ()))
    monkeypatch.setattr(events, "_FIRST_PAUSE_SECONDS", 0.0)


def typed(account: Account) -> tuple[bool, list[str]]:
    said: list[str] = []
    done = delete.run(account, "holdfast", confirmed=True, ask=lambda _: "", say=said.append, region=REGION)
    return done, said


@pytest.mark.parametrize("purge", [True, False])
def test_what_is_kept_is_told_with_what_removes_it_unless_nobody_is_to_type_that(
    purge: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = retained.Kept("table", "t-1", "nothing", lambda: "")
    monkeypatch.setattr(retained, "survey", lambda *_: retained.Survey((kept,), ()))
    words = ["delete", "--stack", "holdfast", *([] if purge else ["--no-purge"])]
    options = parser().parse_args(words)
    said: list[str] = []
    account = Account(
        ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"], [[event(1, "DELETE_IN_PROGRESS")], [event(2, "DELETE_COMPLETE")]]
    )
    delete.run(account, "holdfast", confirmed=True, ask=lambda _: "", purge=not options.no_purge, say=said.append)
    assert "  table       t-1  costs nothing" in said
    step = f"to remove it for good: make purge CLUSTER={ROOT.rsplit('/', 1)[1]} REGION={REGION}"
    assert said[-1:] == ([step] if purge else ["  table       t-1  costs nothing"])


def refused(account: Account) -> str:
    with pytest.raises(Refusal) as caught:
        typed(account)
    return str(caught.value)


@pytest.mark.parametrize(
    ("status", "commands"),
    [
        ("UPDATE_IN_PROGRESS", ["cancel-update-stack", "wait stack-rollback-complete"]),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ["wait stack-update-complete"]),
        ("UPDATE_ROLLBACK_IN_PROGRESS", ["wait stack-rollback-complete"]),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", ["wait stack-rollback-complete"]),
    ],
)
def test_in_an_update_one_line_says_what_to_type_and_nothing_is_deleted(status: str, commands: list[str]) -> None:
    account = Account([status])
    line = refused(account)
    first = " && ".join(f"aws cloudformation {each} --region {REGION} --stack-name holdfast" for each in commands)
    assert (line.count("\n"), account.deleted) == (0, [])
    assert line.startswith(f"holdfast is {status}, ")
    assert line.endswith(f"type first: {first}; {AGAIN}")


@pytest.mark.parametrize(
    "status",
    [
        "REVIEW_IN_PROGRESS",
        "CREATE_IN_PROGRESS",
        "CREATE_FAILED",
        "CREATE_COMPLETE",
        "ROLLBACK_IN_PROGRESS",
        "ROLLBACK_FAILED",
        "ROLLBACK_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_FAILED",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_ROLLBACK_FAILED",
        "DELETE_FAILED",
    ],
)
def test_in_every_other_status_the_stack_is_deleted(status: str) -> None:
    account = Account(
        [status, "DELETE_IN_PROGRESS", "DELETE_COMPLETE"],
        [[], [event(1, "DELETE_IN_PROGRESS")], [event(2, "DELETE_COMPLETE")]],
    )
    done, said = typed(account)
    assert (done, account.deleted, said[-1]) == (True, [ROOT], "nothing was kept")


def test_a_nested_stack_is_refused_with_the_name_of_its_root() -> None:
    account = Account(["CREATE_COMPLETE"], StackId=NESTED, StackName="holdfast-Network-X", ParentId=ROOT, RootId=ROOT)
    line = refused(account)
    assert line == f"holdfast-Network-X is nested in holdfast, and no cluster by itself: {AGAIN}"
    assert account.deleted == []


@pytest.mark.parametrize("outputs", [[], [{"OutputKey": "Url", "OutputValue": "https://payroll"}]])
def test_a_stack_that_is_no_cluster_is_refused(outputs: list[dict[str, str]]) -> None:
    account = Account(["CREATE_COMPLETE"], Outputs=outputs)
    account.client("cloudformation").resource_types = ["AWS::SQS::Queue"]
    line = refused(account)
    assert line == "the stack holdfast is no cluster of this project: it has no output ClusterUuid"
    assert account.deleted == []


def test_a_protected_stack_is_refused_with_the_command_that_lifts_the_protection() -> None:
    account = Account(["CREATE_COMPLETE"], EnableTerminationProtection=True)
    line = refused(account)
    command = line.partition("type first: ")[2].partition(" && ")[0]
    assert shlex.split(command)[:3] == ["aws", "cloudformation", "update-termination-protection"]
    assert "--no-enable-termination-protection" in shlex.split(command)
    assert account.deleted == []


def test_a_deletion_that_goes_on_is_followed_to_its_end_and_not_asked_for_again() -> None:
    begun = event(1, "DELETE_IN_PROGRESS", reason="User Initiated")
    account = Account(
        ["DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"], [[begun], [], [event(2, "DELETE_COMPLETE")]]
    )
    done, said = typed(account)
    assert (done, account.deleted) == (True, [])
    assert said[0] == "holdfast is being deleted already"


def test_a_deletion_that_ends_while_it_is_looked_at_is_followed_to_its_end() -> None:
    begun, over = event(1, "DELETE_IN_PROGRESS", reason="User Initiated"), event(2, "DELETE_COMPLETE")
    assert typed(Account(["DELETE_IN_PROGRESS", "DELETE_COMPLETE"], [[begun, over]]))[0]


def test_an_update_that_began_after_the_look_is_refused_alike() -> None:
    account = Account(
        ["CREATE_COMPLETE", "UPDATE_IN_PROGRESS"],
        refusal=f"Stack [{ROOT}] cannot be deleted while in status UPDATE_IN_PROGRESS",
    )
    assert "cancel-update-stack" in refused(account)


def test_any_other_refusal_of_cloudformation_is_told_as_it_is() -> None:
    account = Account(["CREATE_COMPLETE"], refusal="Role arn:aws:iam::1:role/x is invalid or cannot be assumed")
    with pytest.raises(ClientError, match="cannot be assumed"):
        typed(account)


def failing(before: str) -> Account:
    return Account(
        [before, "DELETE_IN_PROGRESS", "DELETE_FAILED"],
        [
            [],
            [event(1, "DELETE_IN_PROGRESS")],
            [
                event(2, "DELETE_FAILED", "Vpc", physical="vpc-1", kind="AWS::EC2::VPC", reason="has dependencies"),
                event(3, "DELETE_FAILED"),
            ],
        ],
    )


def test_after_a_deletion_that_fails_the_same_command_goes_on() -> None:
    done, said = typed(failing("CREATE_COMPLETE"))
    assert not done
    assert "  Vpc (AWS::EC2::VPC): has dependencies" in said
    assert said[-1].endswith(AGAIN)


def test_only_after_a_second_failure_the_stack_may_be_ended_alone_and_what_stays_is_said() -> None:
    _, said = typed(failing("DELETE_FAILED"))
    assert "--deletion-mode FORCE_DELETE_STACK" in said[-1]
    assert f"{retained.TAG}={ROOT.rsplit('/', 1)[1]}" in said[-1]
    assert "FORCE_DELETE_STACK" not in typed(failing("UPDATE_FAILED"))[1][-1]


def test_of_a_stack_that_is_not_there_what_was_kept_is_named() -> None:
    line = refused(Account(["DELETE_COMPLETE"]))
    step = "make purge CLUSTER=holdfast REGION=eu-central-1"
    assert line == f"there is no stack holdfast; what an earlier deletion kept goes with: {step}"


@pytest.mark.parametrize("role", ["", "arn:aws:iam::123456789012:role/cloudformation"])
def test_without_a_terminal_the_whole_command_is_said_and_nothing_is_deleted(
    role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "find", lambda *_: [])
    account = Account(["CREATE_COMPLETE"])

    def nobody(_: str) -> str:
        raise Refusal("there is no terminal to ask on: add YES=1")

    with pytest.raises(Refusal) as caught:
        delete.run(account, "holdfast", confirmed=False, ask=nobody, role=role, say=lambda _: None, region=REGION)
    named = f" ROLE={role}" if role else ""
    assert str(caught.value) == (
        "holdfast is left as it is: there is no terminal to ask on: add YES=1: "
        f"make delete STACK=holdfast{named} REGION={REGION} YES=1"
    )
    assert account.deleted == []
