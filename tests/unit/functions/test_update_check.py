"""Whole calls of the function about an update that may or may not begin: what CloudFormation and a person are told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from coordination.members import Member, MemberState
from coordination.observed_state import FRESH_SECONDS, ClusterObservation, SeenMember
from coordination.outcomes import Known, Unknown
from coordination.record import ClusterRecord, Phase
from functions.reconcile.handler import PassFailed
from tests.unit.functions.events import custom_resource
from tests.unit.functions.harness import (
    BROKEN,
    CLUSTER_ID,
    NOW,
    UUID,
    AnswerServer,
    FunctionHarness,
    function_harness,
    instance,
)

ALL = ("i-0", "i-1", "i-2")
ASKED: dict[str, Any] = {"holdfast-check": {}}
LATER = "or deploy with controlPlane.replacement: surge"


@pytest.fixture
def there() -> Iterator[FunctionHarness]:
    """A healthy cluster of three, whose root stack is being updated."""
    serving = [instance(name, "InService", group=f"slot{number}") for number, name in enumerate(ALL)]
    with function_harness(*serving) as made:
        made.root.state = Known("UPDATE_IN_PROGRESS")
        for number, name in enumerate(ALL):
            made.table.put(Member(name, 1, MemberState.VOTER, etcd_member_id=f"{number}f").item(), {})
        see(made)
        yield made


def see(there: FunctionHarness, answering: Sequence[str] = ALL, at: int = NOW) -> None:
    """An agent has seen who answers."""
    members = tuple(
        SeenMember(f"{number}f", name, learner=False, problem="" if name in answering else "it does not answer")
        for number, name in enumerate(ALL)
    )
    there.table.put(ClusterObservation(at, "i-0", 1, members=members).item(), {})
    there.table.changed.clear()


def ask(server: AnswerServer, kind: str = "Update", how: str = "remove-first") -> dict[str, Any]:
    return custom_resource(
        kind,
        ResponseURL=server.url,
        ResourceType="Custom::UpdateCheck",
        LogicalResourceId="UpdateCheck",
        PhysicalResourceId=f"update-check-{UUID}",
        ResourceProperties={"Replacement": how, "ControlPlaneTemplate": "0"},
    )


def told(server: AnswerServer) -> tuple[str, str]:
    (answer,) = server.answers
    assert (answer["PhysicalResourceId"], answer["StackId"]) == (f"update-check-{UUID}", CLUSTER_ID)
    return answer["Status"], answer["Reason"]


def test_with_a_healthy_voter_in_every_slot_the_update_begins(there: FunctionHarness, server: AnswerServer) -> None:
    assert there.call(ask(server)) == {"outcome": "answered"}
    assert told(server) == ("SUCCESS", "every slot has a healthy voter")
    assert there.call(ASKED) == {"outcome": "allowed"}


def silent(there: FunctionHarness) -> None:
    see(there, ("i-0", "i-2"))


def empty(there: FunctionHarness) -> None:
    del there.groups.by_id["i-1"]


def booting(there: FunctionHarness) -> None:
    there.groups.by_id["i-1"] = instance("i-1", "Pending:Wait", group="slot1")


def leaving(there: FunctionHarness) -> None:
    there.groups.by_id["i-1"] = instance("i-1", "Terminating:Wait", group="slot1")


@pytest.mark.parametrize("without", [silent, empty, booting, leaving], ids=lambda change: change.__name__)
def test_while_a_slot_has_no_healthy_voter_remove_first_is_refused(
    there: FunctionHarness, server: AnswerServer, without: Any
) -> None:
    without(there)
    there.call(ask(server))
    status, reason = told(server)
    assert status == "FAILED"
    assert "no healthy voter is in service in slot 1." in reason
    assert reason.endswith(LATER)
    assert len(reason) < 400
    assert there.call(ASKED) == {"outcome": "refused", "reason": reason}
    assert (there.groups.calls, there.table.changed) == ([], [])


def test_one_that_comes_while_the_function_looks_again_is_enough(there: FunctionHarness, server: AnswerServer) -> None:
    silent(there)
    there.meanwhile = lambda: see(there)
    there.call(ask(server))
    assert told(server)[0] == "SUCCESS"
    assert there.moment < NOW + 10


def test_surge_is_never_refused(there: FunctionHarness, server: AnswerServer) -> None:
    silent(there)
    there.groups.broken = BROKEN
    there.call(ask(server, how="surge"))
    assert told(server)[0] == "SUCCESS"


@pytest.mark.parametrize("kind", ["Create", "Delete"])
def test_only_updates_are_checked(there: FunctionHarness, server: AnswerServer, kind: str) -> None:
    silent(there)
    there.call(ask(server, kind))
    assert told(server)[0] == "SUCCESS"


@pytest.mark.parametrize(
    "state", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]
)
def test_what_goes_back_is_not_held_up(there: FunctionHarness, server: AnswerServer, state: str) -> None:
    silent(there)
    there.root.state = Known(state)
    there.call(ask(server))
    assert told(server) == ("SUCCESS", f"the root stack is {state}: no update begins")


def test_where_nobody_knows_whether_it_goes_back_nothing_is_answered(
    there: FunctionHarness, server: AnswerServer
) -> None:
    there.root.state = Unknown("DescribeStacks: Throttling")
    with pytest.raises(PassFailed, match="DescribeStacks: Throttling"):
        there.call(ask(server))
    assert server.answers == []


def test_a_cluster_that_was_never_founded_has_nothing_to_lose(there: FunctionHarness, server: AnswerServer) -> None:
    there.store(cluster=ClusterRecord(CLUSTER_ID, Phase.CLAIMED, 1, "i-0", 4, 1).item())
    see(there, ())
    there.call(ask(server))
    assert told(server)[0] == "SUCCESS"


def unread_groups(there: FunctionHarness) -> str:
    there.groups.broken = BROKEN
    return BROKEN.reason


def old_observation(there: FunctionHarness) -> str:
    see(there, at=NOW - FRESH_SECONDS - 1)
    return "no agent has seen etcd's members lately"


def restoring(there: FunctionHarness) -> str:
    there.store(
        cluster=ClusterRecord(CLUSTER_ID, Phase.RESTORING, 1, "i-0", 4, 1, "cdf818194e3a8c32", 3, "backup").item()
    )
    return "the cluster is restoring"


@pytest.mark.parametrize("unknown", [unread_groups, old_observation, restoring], ids=lambda change: change.__name__)
def test_what_is_unknown_is_no_healthy_voter(there: FunctionHarness, server: AnswerServer, unknown: Any) -> None:
    why = unknown(there)
    there.call(ask(server))
    status, reason = told(server)
    assert status == "FAILED"
    assert why in reason
    assert reason.endswith(LATER)


def test_an_unknown_request_is_answered(there: FunctionHarness, server: AnswerServer) -> None:
    there.call(ask(server, "Import"))
    assert told(server) == ("FAILED", "'Import' is no request that this function knows")
