"""What `status` makes of facts: what needs attention, what is unknown, the exit code, the screen and the JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from coordination.conditions import Condition
from coordination.drains import DRAIN_SECONDS, GRACE_SECONDS, DrainOutcome, DrainState, requested
from coordination.members import MemberState
from coordination.node_leases import LeaseName, NodeLease
from coordination.observed_state import ClusterObservation
from coordination.outcomes import Known, Unknown
from coordination.record import Phase
from coordination.report.parts import Verdict, ago
from coordination.report.rendering import document, screen
from coordination.report.table import TableRows
from tests.unit.userdata.agent.looks import NOW, RECORD, ROWS, THREE, etcd_member, row, view
from userdata.logs.lines import Outcome
from userdata.pki.inspecting import Certificate
from userdata.pki.inventory import CONTROL_PLANE, KUBELET, HeldCertificate
from userdata.shipping.progress import LogProgress, Progress
from userdata.status.decide import decide
from userdata.status.snapshot import Snapshot, StageLine, Who

MOMENT = datetime.fromtimestamp(NOW, UTC)


def certificate(name: str, days_left: float) -> HeldCertificate:
    places = {place.name: place for place in (*CONTROL_PLANE, *KUBELET)}
    ends = MOMENT + timedelta(days=days_left)
    return HeldCertificate(places[name], Known(Certificate("CN=a", "CN=b", ends - timedelta(days=365), ends)))


TABLE = TableRows(
    members=ROWS,
    leases=(NodeLease(LeaseName.AGENT, "i-2", 7, 3), NodeLease(LeaseName.JOIN, "", 9, 4)),
    conditions=(),
    drains=(),
    observation=ClusterObservation(NOW - 20, "i-2", 2, "abc", "10", (), 30 << 20, 5, 5, 300),
    malformed=(),
)
SHIPPED = Progress(NOW - 2, (LogProgress("audit", NOW - 3, 0, 0, ""), LogProgress("kubelet", NOW - 4, 7, 1, "")))
BEHIND = replace(SHIPPED, logs=(LogProgress("audit", NOW - 400, 0, 0, "PutLogEvents: AccessDeniedException"),))
WELL = Snapshot(
    now=NOW,
    who=Known(Who("i-1", "control-plane", "0", "one")),
    record=Known(RECORD),
    table=Known(TABLE),
    etcd=Known(view(*THREE)),
    certificates=(certificate("apiserver", 300), certificate("kubelet-client", 200)),
    stages=Known((StageLine(NOW - 600, "found", Outcome.DONE, 12.5, ""),)),
    logs=Known(SHIPPED),
)
STUCK = StageLine(NOW - 5, "gate", Outcome.WAITING, 60, "a learner is listed")
SICK = view(*THREE, problems={3: "timed out"})
LEARNING = view(*THREE, etcd_member(4, learner=True))
DRAIN = requested("i-9", NOW - 100)
NOBODY_DRAINS = requested("i-9", NOW - DRAIN_SECONDS - GRACE_SECONDS)
CONDITION = Condition("QuorumLost", "no majority", "bring members back", NOW - 7200)


def test_a_node_that_is_well_says_so() -> None:
    found = decide(WELL)
    assert found.verdict is Verdict.HEALTHY
    assert screen(found).splitlines()[0] == "i-1, control-plane (slot 0) of cluster one: healthy"


@pytest.mark.parametrize(
    ("snapshot", "said"),
    [
        (replace(WELL, record=Known(None)), "there is no cluster record"),
        (replace(WELL, record=Known(replace(RECORD, phase=Phase.DELETING))), "the cluster is deleting"),
        (replace(WELL, etcd=Known(SICK)), "etcd's member 30 (i-3) does not serve: timed out"),
        (replace(WELL, etcd=Known(view(*THREE[:2]))), "etcd does not list i-3 any more"),
        (replace(WELL, etcd=Known(LEARNING)), "etcd's member 40 (i-4) is a learner still"),
        (replace(WELL, table=Known(replace(TABLE, members=ROWS[:2]))), "etcd's member 30 (i-3) has no member row"),
        (replace(WELL, etcd=Known(replace(view(*THREE), members=()))), "etcd has no leader"),
        (replace(WELL, table=Known(replace(TABLE, leases=()))), "no agent holds lease#agent"),
        (replace(WELL, table=Known(replace(TABLE, conditions=(CONDITION,)))), "QuorumLost: no majority"),
        (replace(WELL, table=Known(replace(TABLE, observation=None))), "no agent has looked at the cluster yet"),
        (
            replace(WELL, table=Known(replace(TABLE, drains=(NOBODY_DRAINS,)))),
            "nobody drains i-9, which terminates: its time was over 2 min ago",
        ),
        (replace(WELL, now=NOW + 700), "no agent has looked at the cluster since 12 min ago"),
        (replace(WELL, certificates=(certificate("apiserver", 30),)), "apiserver ends in 30.0 days"),
        (replace(WELL, certificates=(certificate("apiserver", -1),)), "apiserver has ended"),
        (
            replace(WELL, certificates=(HeldCertificate(CONTROL_PLANE[0], Known(None)),)),
            "/etc/kubernetes/pki/apiserver.crt is missing",
        ),
        (replace(WELL, stages=Known((STUCK,))), "the boot is at gate, waiting: a learner is listed"),
        (replace(WELL, logs=Known(BEHIND)), "the log audit is not shipped: PutLogEvents: AccessDeniedException"),
        (replace(WELL, logs=Known(replace(SHIPPED, at=NOW - 90))), "nothing ships this node's logs"),
    ],
)
def test_what_needs_attention_is_said_at_the_top(snapshot: Snapshot, said: str) -> None:
    found = decide(snapshot)
    assert found.verdict is Verdict.ATTENTION
    told = [line for line in screen(found).splitlines() if line.startswith("  ! ")]
    assert any(said in line for line in told), told
    assert screen(found).splitlines()[1] in told


@pytest.mark.parametrize(
    ("snapshot", "part"),
    [
        (replace(WELL, record=Unknown("no answer")), "record"),
        (replace(WELL, table=Unknown("no answer")), "leases"),
        (replace(WELL, table=Unknown("no answer")), "members"),
        (replace(WELL, table=Unknown("no answer")), "drains"),
        (replace(WELL, table=Known(replace(TABLE, malformed=("item x: no answer",)))), "table"),
        (replace(WELL, etcd=Unknown("no answer")), "members"),
        (replace(WELL, certificates=(HeldCertificate(CONTROL_PLANE[0], Unknown("no answer")),)), "certificates"),
        (replace(WELL, stages=Unknown("no answer")), "boot"),
        (replace(WELL, logs=Unknown("no answer")), "logs"),
        (replace(WELL, who=Unknown("no answer")), "node"),
    ],
)
def test_what_is_unknown_says_why_and_is_not_taken_for_an_error(snapshot: Snapshot, part: str) -> None:
    found = decide(snapshot)
    assert found.verdict is Verdict.UNKNOWN
    lines = [line.removeprefix("  ? ") for line in screen(found).splitlines() if line.startswith("  ? ")]
    assert any(part in line.partition(": ")[0].split(", ") and "no answer" in line for line in lines), lines


def test_what_is_wrong_goes_before_what_is_unknown() -> None:
    found = decide(replace(WELL, etcd=Unknown("no answer"), record=Known(None)))
    assert found.verdict is Verdict.ATTENTION


def test_rows_are_shown_though_etcd_does_not_answer() -> None:
    text = screen(decide(replace(WELL, etcd=Unknown("member list: timed out"))))
    assert "  i-3  row: voter  30  10.0.0.3\n" in text


def test_a_worker_has_no_members_leases_or_conditions() -> None:
    worker = Who("i-9", "worker", "general", "one")
    found = decide(replace(WELL, who=Known(worker), table=None, etcd=None))
    assert [part.name for part in found.parts] == ["node", "record", "certificates", "boot", "logs"]
    assert screen(found).startswith("i-9, worker (pool general) of cluster one: healthy\n")


def test_the_screen_has_a_line_for_each_member_and_fits_eighty_lines() -> None:
    joining = row(4, MemberState.JOINING, "")
    found = decide(replace(WELL, table=Known(replace(TABLE, members=(*ROWS, joining), conditions=(CONDITION,)))))
    text = screen(found)
    assert "  i-1  voter, leads  10  10.0.0.1  row: voter    serves\n" in text
    assert "  i-4  not listed        10.0.0.4  row: joining\n" in text
    assert "  ! QuorumLost: no majority\n      next: bring members back\n" in text
    assert "  QuorumLost  2 h ago  no majority\n" in text
    assert len(text.splitlines()) < 80


def test_drains_of_workers_are_told_and_need_nobody_while_their_time_is_not_over() -> None:
    done = replace(DRAIN, instance_id="i-8", state=DrainState.DONE, outcome=DrainOutcome.FORCED, by="i-1", ended_at=NOW)
    late = replace(DRAIN, instance_id="i-7", deadline=NOW)
    found = decide(replace(WELL, table=Known(replace(TABLE, drains=(done, DRAIN, late)))))
    assert found.verdict is Verdict.HEALTHY
    assert "  i-8  since 100 s ago  forced by i-1\n" in screen(found)
    assert "  i-9  since 100 s ago  its pods have 500 s left\n" in screen(found)
    assert "  i-7  since 100 s ago  its pods are deleted\n" in screen(found)
    told = json.loads(document(found))["parts"]["drains"]["found"]
    assert [(each["instance_id"], each["State"]) for each in told] == [
        ("i-8", "done"),
        ("i-9", "requested"),
        ("i-7", "requested"),
    ]


def test_how_far_each_log_is_shipped_is_told_with_what_is_lost() -> None:
    found = decide(WELL)
    assert "  audit    shipped until 3 s ago  whole\n" in screen(found)
    assert "  kubelet  shipped until 4 s ago  7 lines refused, 1 gaps\n" in screen(found)
    assert json.loads(document(found))["parts"]["logs"]["found"][1]["lost"] == 7


def test_the_document_holds_the_same_for_programs() -> None:
    found = json.loads(document(decide(replace(WELL, etcd=Known(SICK)))))
    assert found["verdict"] == "attention"
    members = found["parts"]["members"]
    assert [each["problem"] for each in members["found"]] == ["", "", "timed out"]
    assert members["attention"] == [{"what": "etcd's member 30 (i-3) does not serve: timed out", "next_step": ""}]
    assert found["parts"]["record"]["found"]["Epoch"] == 2
    assert found["parts"]["certificates"]["found"][0] == {
        "name": "apiserver",
        "days_left": 300.0,
        "renewed_by": "agent",
    }
    assert found["parts"]["boot"]["found"][0]["outcome"] == "done"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s ago"), (7, "7 s ago"), (119, "119 s ago"), (150, "2 min ago"), (7300, "2 h ago"), (864000, "10 d ago")],
)
def test_ages_are_rough(seconds: float, text: str) -> None:
    assert ago(seconds) == text
