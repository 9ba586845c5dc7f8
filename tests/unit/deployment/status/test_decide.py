"""What `make status` makes of a look: who has to act, what is unknown, the screen and the JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination.approvals import Approval
from coordination.boot_failures import BootFailures
from coordination.boots import Boot
from coordination.conditions import Condition
from coordination.drains import DRAIN_SECONDS, GRACE_SECONDS, requested
from coordination.launches import GroupActivities, Launches, LaunchFailure
from coordination.members import MemberState
from coordination.observed_state import OLD_SECONDS, ClusterObservation
from coordination.operations import Operation, OperationKind, OperationState
from coordination.outcomes import Known, NoTable, Unknown
from coordination.record import Phase
from coordination.report.parts import Part, Verdict
from coordination.report.rendering import document, screen
from coordination.stacks import DELETING_STATES
from deployment.status.command import SCREEN
from deployment.status.decide import decide
from deployment.status.look import Look
from tests.unit.deployment.status.looks import (
    ARN,
    GROUPS,
    NOW,
    OBSERVATION,
    RECORD,
    ROWS,
    SEEN,
    STACK,
    VOTERS,
    WELL,
    WORKERS,
    boot,
    boots,
    instance,
    row,
    with_instances,
    with_rows,
)

HERE = Path(__file__).parent
DENIED = Unknown("Scan: AccessDeniedException: not you", "AccessDeniedException")
LOOP = Launches((LaunchFailure("InsufficientInstanceCapacity", True),) * 3)
CONDITION = Condition(
    f"RemovalWaits/{VOTERS[2]}",
    f"member#{VOTERS[2]} is voter, and its removal waits: fewer voters would answer than a majority of the slots",
    "It leaves once another voter has joined. Or approve it: aws dynamodb put-item --table-name demo-Table "
    """--item '{"Id": {"S": "approval#removal"}, "Epoch": {"N": "1"}}'""",
    NOW - 1800,
)
OPERATION = Operation(
    "op-7", OperationKind.REMOVE, VOTERS[2], SEEN[2].etcd_member_id, 1, OperationState.ACCEPTED, NOW - 90,
    accepted_by=VOTERS[1],
)  # fmt: skip
HELD = instance(VOTERS[2], "slot 2", "Terminating:Wait")
BOOTING = instance("i-0000000000000000f", "slot 2", "Pending:Wait", is_current=False)


def told(look: Look) -> str:
    return screen(decide(look), SCREEN)


def test_a_healthy_cluster_needs_nobody_and_fits_on_a_screen() -> None:
    found = decide(WELL)
    text = screen(found, SCREEN)
    assert found.verdict is Verdict.HEALTHY
    assert text.splitlines()[0] == f"cluster demo in eu-central-1 ({STACK.uuid}): healthy"
    assert "epoch 1 is ready, begun 3 h ago" in text
    assert "Kubernetes v1.37.2" in text
    assert len(text.splitlines()) <= 40
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("look", "said"),
    [
        (with_rows(record=Known(None)), "there is no cluster record"),
        (with_rows(record=Known(replace(RECORD, phase=Phase.CLAIMED))), "the cluster is claimed, and not ready"),
        (with_rows(leases={}), "no agent holds lease#agent"),
        (with_rows(observation=Known(None)), "no agent has looked at the cluster yet"),
        (replace(WELL, now=NOW + OLD_SECONDS), "no agent has looked at the cluster since 5 min ago"),
        (with_rows(observation=Known(replace(OBSERVATION, nodes=None))), "no API server answered the agent on i-"),
        (with_rows(conditions={CONDITION.name: Known(CONDITION)}), CONDITION.name),
        (with_rows(operation=Known(replace(OPERATION, requested_at=NOW - 901))), "the operation has no end"),
        (
            with_rows(drains={"i-9": Known(requested("i-9", NOW - DRAIN_SECONDS - GRACE_SECONDS))}),
            "nobody drains i-9, which terminates",
        ),
        (
            with_instances(HELD, since={HELD.instance_id: NOW - 901}),
            f"{HELD.instance_id} (slot 2) has been Terminating:Wait for 15 min",
        ),
        (
            with_instances(BOOTING, since={BOOTING.instance_id: NOW - 7200}),
            f"{BOOTING.instance_id} (slot 2) has been Pending:Wait for 2 h",
        ),
        (
            with_instances(instance(WORKERS[0], "general", "Standby"), since={WORKERS[0]: NOW - 7200}),
            f"{WORKERS[0]} (pool general) has been Standby for 2 h",
        ),
        (
            with_instances(instance(WORKERS[0], "general", "Terminating"), activities=GroupActivities(LOOP)),
            "the launches of pool general fail again and again",
        ),
        (replace(WELL, stack=replace(STACK, status="UPDATE_ROLLBACK_FAILED")), "the stack is UPDATE_ROLLBACK_FAILED"),
        (replace(WELL, stack=replace(STACK, status="UPDATE_FAILED")), "the stack is UPDATE_FAILED"),
        (replace(WELL, stack=replace(STACK, status="ROLLBACK_COMPLETE")), "the stack is ROLLBACK_COMPLETE"),
        (replace(WELL, stack=replace(STACK, status="DELETE_FAILED")), "the stack is DELETE_FAILED"),
    ],
)  # fmt: skip
def test_somebody_has_to_act_and_what_he_can_do_is_a_command(look: Look, said: str) -> None:
    found = decide(look)
    assert found.verdict is Verdict.ATTENTION
    wrong = [each for part in found.parts for each in part.attention]
    assert any(said in each.what for each in wrong), wrong
    for each in wrong:
        assert any(word in each.next_step for word in ("aws ", "make ", "docs/how-to/")), each
    # Right below the title, and whole, however long.
    lines = screen(found, SCREEN).splitlines()
    assert lines[1].startswith("  ! ")
    assert {f"      next: {each.next_step}" for each in wrong} <= set(lines)


def test_where_no_agent_looks_instances_are_rebooted_one_at_a_time_and_in_no_operation_of_the_stack() -> None:
    look = with_rows(leases={}, observation=Known(None))
    for part in ("leases", "observation"):
        (step,) = [each.next_step for each in _part(look, part).attention]
        commands = re.findall(r"aws ec2 reboot-instances [^;]+", step)
        assert [each.split("--instance-ids ")[1].split() for each in commands] == [[each] for each in sorted(VOTERS)]
        assert "one that does not respond, one at a time: aws ec2 reboot-instances" in step
        busy = _part(replace(look, stack=replace(STACK, status="UPDATE_IN_PROGRESS")), part)
        assert [
            ("reboot-instances" in each.next_step, "UPDATE_IN_PROGRESS" in each.next_step) for each in busy.attention
        ] == [(False, True)]


def test_the_boots_are_named_where_they_are_shown_alone() -> None:
    look = replace(with_rows(record=Known(None)), groups=Known(GROUPS))
    (wrong,) = _part(look, "record").attention
    assert "boots" not in wrong.next_step
    assert "aws logs filter-log-events" in wrong.next_step
    booting = with_instances(BOOTING)
    rows = replace(ROWS, record=Known(None), boots=boots(boot(BOOTING.instance_id, "gate")))
    (wrong,) = _part(replace(booting, rows=Known(rows)), "record").attention
    assert wrong.next_step.startswith("The boots below say what control planes do; their logs: aws logs")


def _part(look: Look, name: str) -> Part:
    (part,) = [part for part in decide(look).parts if part.name == name]
    return part


@pytest.mark.parametrize(
    "look",
    [
        with_instances(HELD, BOOTING, since={HELD.instance_id: NOW - 800, BOOTING.instance_id: NOW - 100}),
        with_rows(operation=Known(OPERATION)),
        with_rows(observation=Known(replace(OBSERVATION, observed_at=NOW - OLD_SECONDS))),
        with_rows(drains={"i-9": Known(requested("i-9", NOW - 60))}),
        with_rows(boot_failures={"2": Known(BootFailures({"i-9": NOW - 60}))}),
        with_rows(restore_approval=Known(Approval(1, "i-9", "Ada"))),
        # A member that does not serve is a condition once that has lasted.
        with_rows(observation=Known(replace(OBSERVATION, members=(*SEEN[:2], replace(SEEN[2], problem="timed out"))))),
        with_rows(boots=boots(boot(WORKERS[0], "stopped", reason="I am lost", condition="QuorumLost"))),
        replace(WELL, stack=replace(STACK, status="UPDATE_IN_PROGRESS")),
        replace(WELL, stack=replace(STACK, status="DELETE_IN_PROGRESS")),
        Look(NOW, replace(STACK, status="CREATE_IN_PROGRESS"), NoTable("there is no cluster table yet"), Known(GROUPS)),
        replace(
            with_rows(record=Known(None), leases={}, observation=Known(None)),
            stack=replace(STACK, status="CREATE_IN_PROGRESS"),
        ),
    ],
)
def test_what_passes_by_itself_needs_nobody(look: Look) -> None:
    assert decide(look).verdict is Verdict.HEALTHY


def test_what_is_held_for_a_reason_that_a_condition_tells_is_told_once() -> None:
    look = with_instances(HELD, since={HELD.instance_id: NOW - 7200})
    look = replace(look, rows=Known(replace(ROWS, conditions={CONDITION.name: Known(CONDITION)})))
    assert [part.name for part in decide(look).parts if part.attention] == ["conditions"]


def test_a_condition_is_told_while_the_stack_is_created() -> None:
    look = with_rows(conditions={CONDITION.name: Known(CONDITION)})
    assert decide(replace(look, stack=replace(STACK, status="CREATE_IN_PROGRESS"))).verdict is Verdict.ATTENTION


@pytest.mark.parametrize(
    ("look", "hidden"),
    [
        (replace(WELL, rows=DENIED), "record, members, observation, boots, boot failures, approvals, leases"),
        (replace(WELL, groups=DENIED), "groups, instances not in service"),
        (with_rows(record=DENIED), "record"),
        (with_rows(observation=DENIED), "table"),
        (with_rows(operation=DENIED), "table"),
        (with_rows(members={"i-9": DENIED}), "table"),
        (with_rows(boot_failures={"0": DENIED}), "boot failures"),
        (with_rows(removal_approval=DENIED), "approvals"),
        (replace(with_instances(BOOTING), activities={BOOTING.group: DENIED}), "groups"),
    ],
)
def test_what_could_not_be_asked_is_unknown_and_never_empty(look: Look, hidden: str) -> None:
    text = told(look)
    assert any(line.startswith(f"  ? {hidden}") and "not you" in line for line in text.splitlines()), text
    assert decide(look).verdict in (Verdict.UNKNOWN, Verdict.ATTENTION)


def test_an_observation_of_another_epoch_names_no_members() -> None:
    found = decide(with_rows(observation=Known(replace(OBSERVATION, epoch=0))))
    assert found.verdict is Verdict.UNKNOWN
    text = screen(found, SCREEN)
    assert f"members: the last observation, which is of epoch 0, by {VOTERS[1]} names no members of etcd" in text
    assert f"  {VOTERS[0]}  not seen  " in text


def test_how_members_were_when_they_were_seen_last_is_told_with_its_age() -> None:
    text = told(replace(WELL, now=NOW + 600))
    assert f"  {VOTERS[0]}  voter, leads  {SEEN[0].etcd_member_id}  slot 0    InService  served 10 min ago\n" in text


def test_rows_without_a_member_and_members_without_a_row_are_told() -> None:
    joining = row(2, instance_id="i-9", state=MemberState.JOINING, etcd_member_id="", slot="1", silent_since=NOW - 60)
    gone = row(2, instance_id="i-8", state=MemberState.REMOVED)
    members = {each.instance_id: Known(each) for each in (row(0), row(1), joining, gone)}
    text = screen(decide(with_rows(members=members)))
    cells = [line.split() for line in text.splitlines()]
    assert [VOTERS[2], "voter", SEEN[2].etcd_member_id, "no", "row", "InService", "serves"] in cells
    assert "i-9 not listed slot 1 row: joining silent for 60 s".split() in cells
    assert "i-8" not in text


@pytest.mark.parametrize("status", sorted(DELETING_STATES - {"DELETE_COMPLETE"}))
def test_a_cluster_that_is_taken_away_is_told_of_in_one_line_and_what_is_left_of_it(status: str) -> None:
    look = replace(with_rows(record=Known(None)), stack=replace(STACK, status=status))
    assert [part.name for part in decide(look).parts] == ["stack", "groups", "instances not in service"]


def test_long_lists_are_cut_and_say_so() -> None:
    drains = {f"i-{number:02}": Known(requested(f"i-{number:02}", NOW)) for number in range(30)}
    conditions = {
        f"MemberUnhealthy/i-{number:02}": Known(replace(CONDITION, name=f"MemberUnhealthy/i-{number:02}"))
        for number in range(30)
    }
    lines = told(with_rows(drains=drains, conditions=conditions)).splitlines()
    assert [line for line in lines if "more" in line] == ["  and 21 more"] * 3
    assert len([line for line in lines if line.startswith("  ! ")]) == 9
    assert len(json.loads(document(decide(with_rows(drains=drains))))["parts"]["drains"]["found"]) == 30


STUCK = replace(
    with_instances(
        HELD, BOOTING, since={HELD.instance_id: NOW - 2000, BOOTING.instance_id: NOW - 1000},
        activities=GroupActivities(
            Launches((LaunchFailure("Lifecycle action timed out", False, abandoned=True),)),
            {HELD.instance_id: NOW - 2000, BOOTING.instance_id: NOW - 1000},
        ),
    ),
    rows=Known(
        replace(
            ROWS,
            conditions={CONDITION.name: Known(CONDITION)},
            operation=Known(OPERATION),
            drains={WORKERS[0]: Known(requested(WORKERS[0], NOW - 60))},
            boots=boots(
                boot(
                    BOOTING.instance_id, "gate", reason="a learner is listed\x1b[2J", place="2", started_at=NOW - 900
                ),
                boot(WORKERS[1], "node-ready", place="general"),
                boot("i-of-nobody", "gate", place="0"),
            ),
            boot_failures={"2": Known(BootFailures({"i-9": NOW - 60}))},
            removal_approval=Known(Approval(0, VOTERS[2], "Ada")),
        )
    ),
)  # fmt: skip


def test_the_screen_of_a_cluster_in_which_an_instance_is_held() -> None:
    assert told(STUCK) == (HERE / "held.txt").read_text(encoding="utf-8")


def test_the_document_of_the_same_cluster_is_as_it_was() -> None:
    """Programs read it: fields may be added, and none may go or change its meaning."""
    assert json.loads(document(decide(STUCK))) == json.loads((HERE / "held.json").read_text(encoding="utf-8"))


def test_a_boot_row_that_cannot_be_understood_is_told_and_makes_nothing_unknown() -> None:
    found = decide(with_rows(boots={**ROWS.boots, ARN + WORKERS[0]: Unknown("item boot: Stage is missing")}))
    assert found.verdict is Verdict.HEALTHY
    assert f"  {WORKERS[0]}  pool general  ?    item boot: Stage is missing\n" in screen(found)


BOOT = st.builds(
    Boot,
    instance_arn=st.sampled_from([f"arn/{name}" for name in (*WORKERS, "i-other")]),
    stage=st.text(min_size=1, max_size=64),
    reason=st.text(max_size=300),
    place=st.text(max_size=128),
    condition=st.text(max_size=128),
    started_at=st.none() | st.integers(-(2**53), 2**53),
)


@given(st.lists(BOOT, max_size=4))
def test_no_row_of_a_boot_makes_anybody_act_or_reaches_the_terminal_as_more_than_text(rows: list[Boot]) -> None:
    found = decide(with_rows(boots=boots(*rows)))
    assert found.verdict is Verdict.HEALTHY
    text = screen(found, SCREEN)
    assert all(line.isprintable() and len(line) <= 100 for line in text.split("\n"))
    json.loads(document(found))


@given(st.integers(0, 10**10), st.integers(0, 10**10))
def test_the_age_of_an_observation_alone_decides_whether_it_is_old(seen: int, now: int) -> None:
    look = replace(with_rows(observation=Known(ClusterObservation(seen, VOTERS[0], 1, members=SEEN, nodes=5))), now=now)
    assert (decide(look).verdict is Verdict.ATTENTION) == (now - seen > OLD_SECONDS)
