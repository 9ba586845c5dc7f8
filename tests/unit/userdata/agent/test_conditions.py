"""Conditions of the agents: which there should be, when they are told, and when they go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from coordination.conditions import Condition
from coordination.members import MemberState
from coordination.outcomes import Known, Unknown
from tests.unit.userdata.agent.looks import NOW, QUOTA, ROWS, THREE, etcd_member, row, view
from userdata.agent.observe.actions import ClearCondition, SetCondition
from userdata.agent.observe.conditions import (
    Kind,
    Lasting,
    Wanted,
    changes,
    judged_by,
    left_behind,
    of_certificates,
    of_etcd,
)
from userdata.etcd.model import Alarm, AlarmKind
from userdata.etcd.view import EtcdView
from userdata.pki.inspecting import Certificate
from userdata.pki.inventory import CONTROL_PLANE, KUBELET, HeldCertificate

RUNNING = {f"i-{number}": "running" for number in range(1, 5)}
JOINING = row(4, MemberState.JOINING)


@pytest.mark.parametrize(
    ("seen", "rows", "states", "expected"),
    [
        (view(*THREE), ROWS, RUNNING, []),
        (view(*THREE, problems={2: "no answer"}), ROWS, RUNNING, [("MemberUnhealthy/i-2", 60)]),
        (view(*THREE, etcd_member(4, learner=True)), ROWS, RUNNING, [("LearnerStray/40", 60)]),
        (view(*THREE, etcd_member(4, learner=True)), (*ROWS, JOINING), RUNNING, [("LearnerStray/40", 600)]),
        (
            view(*THREE, etcd_member(4, name="", learner=True), problems={4: "it has never started"}),
            (*ROWS, JOINING),
            {**RUNNING, "i-4": "terminated"},
            [("LearnerStray/40", 60)],
        ),
        (view(*THREE), ROWS[:2], RUNNING, [("MemberUnexpected/30", 60)]),
        (view(*THREE), (*ROWS[:2], row(3, MemberState.REMOVED)), RUNNING, [("MemberUnexpected/30", 60)]),
        (view(*THREE, alarms=[Alarm(0x10, AlarmKind.NO_SPACE)]), ROWS, RUNNING, [("EtcdAlarm/NOSPACE", 0)]),
        (view(*THREE, alarms=[Alarm(0x10, AlarmKind.NONE)]), ROWS, RUNNING, []),
    ],
    ids=[
        "all is well",
        "a voter that does not serve",
        "a learner without a row",
        "a learner that joins",
        "a learner whose instance is gone",
        "a voter without a row",
        "a voter whose row says removed",
        "an alarm",
        "no alarm",
    ],
)
def test_what_is_wrong_with_etcd_is_named(
    seen: EtcdView, rows: tuple[object, ...], states: dict[str, str | None], expected: list[tuple[str, float]]
) -> None:
    found = of_etcd(seen, rows, states)  # type: ignore[arg-type]
    assert [(each.name, each.after_seconds) for each in found] == expected
    assert all(each.reason and each.next_step for each in found)


@pytest.mark.parametrize(
    ("size", "in_use", "step"),
    [
        (QUOTA * 4 // 5, QUOTA // 2, ""),
        (QUOTA * 4 // 5 + 1, QUOTA // 2, "Most of it is free inside the database: etcdctl defrag"),
        (QUOTA, QUOTA, "Find out which objects take the room"),
    ],
)
def test_a_database_that_nears_its_quota_is_named_before_etcd_stops(size: int, in_use: int, step: str) -> None:
    found = of_etcd(view(*THREE, sizes={2: (size, in_use)}), ROWS, RUNNING)
    assert [each.name for each in found] == (["EtcdSpaceLow/i-2"] if step else [])
    assert all(each.next_step.startswith(step) and each.after_seconds == 0 for each in found)


def test_a_member_that_does_not_answer_may_be_full_still_and_one_that_is_no_member_is_not() -> None:
    stored = {name: Condition(name, "r", "n", 1) for name in ("EtcdSpaceLow/i-2", "EtcdSpaceLow/i-9")}
    silent = view(*THREE, problems={2: "no answer"})
    assert judged_by(silent, stored) == {"EtcdSpaceLow/i-9"}
    assert judged_by(view(*THREE), stored) == stored.keys()


def test_a_stray_learner_is_named_by_its_id_and_by_where_it_is() -> None:
    (found,) = of_etcd(view(*THREE, etcd_member(4, name="", learner=True)), ROWS, RUNNING)
    assert "etcd's member 40 (10.0.0.4) has no member row" in found.reason
    assert found.next_step.endswith("etcdctl member remove 40")


def test_a_condition_is_wanted_once_it_has_lasted() -> None:
    lasting, it = Lasting(), Wanted(Kind.MEMBER_UNHEALTHY, "i-2", "no answer", "wait", 60)
    assert [bool(lasting.of([it], now)) for now in (0, 59, 60)] == [False, False, True]
    # It was well for one look: the time begins anew.
    assert lasting.of([], 61) == []
    assert lasting.of([it], 62) == []


def test_since_stays_when_the_reason_changes_and_nothing_is_written_when_nothing_does() -> None:
    old = Condition("MemberUnhealthy/i-2", "no answer", "wait", NOW - 500)
    new = Wanted(Kind.MEMBER_UNHEALTHY, "i-2", "refused", "wait")
    assert changes([new], {old.name: old}, [], NOW) == [
        SetCondition(Condition(old.name, "refused", "wait", NOW - 500), replaces=old)
    ]
    same = Wanted(Kind.MEMBER_UNHEALTHY, "i-2", "no answer", "wait")
    assert changes([same], {old.name: old}, {old.name}, NOW) == []
    assert changes([same], {}, [], NOW) == [SetCondition(Condition(old.name, "no answer", "wait", NOW), replaces=None)]


def test_only_what_was_seen_is_cleared_and_nothing_of_others() -> None:
    names = ["MemberUnhealthy/i-2", "EtcdAlarm/NOSPACE", "BootFailed/slot-1", "TerminationHeld/i-1"]
    stored = {name: Condition(name, "r", "n", 1) for name in names}
    judged = judged_by(view(*THREE, alarms=Unknown("no answer")), stored)
    assert changes([], stored, judged, NOW) == [ClearCondition(stored["MemberUnhealthy/i-2"])]
    assert judged_by(view(*THREE), stored) == {"MemberUnhealthy/i-2", "EtcdAlarm/NOSPACE"}


def test_what_a_node_said_of_itself_goes_with_it() -> None:
    names = [
        "CertificateExpiring/i-2",
        "CertificateExpiring/i-3",
        "CertificatesDue/i-9",
        "CertificatesDue/i-2",
        "Other",
    ]
    rows = [row(2), row(3, MemberState.REMOVED)]
    assert left_behind(names, rows) == {"CertificateExpiring/i-3", "CertificatesDue/i-9"}


def test_certificates_that_end_soon_are_one_condition_that_names_who_should_have_renewed_them() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    places = {place.name: place for place in (*CONTROL_PLANE, *KUBELET)}

    def held(name: str, days: float) -> HeldCertificate:
        ends = now + timedelta(days=days)
        return HeldCertificate(places[name], Known(Certificate("a", "b", ends - timedelta(days=90), ends)))

    (found,) = of_certificates("i-1", [held("apiserver", 10), held("kubelet-client", 0.5), held("admin.conf", 80)], now)
    assert found.name == "CertificateExpiring/i-1"
    assert found.reason == (
        "certificates end: apiserver in 10.0 days (agent renews it), kubelet-client in 0.5 days (kubelet renews it)"
    )
    assert of_certificates("i-1", [held("admin.conf", 80)], now) == []
