"""Where the instance of a member row is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coordination.instances import GroupInstance
from coordination.members import Member, MemberState
from coordination.outcomes import Known
from functions.reconcile.places import LEAVING, Place, place
from tests.unit.functions.harness import BROKEN, NOW, instance

ROW = Member("i-1", 1, MemberState.VOTER, "0", created_at=NOW - 3 * 3600)


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("InService", Place.SERVES),
        ("Pending", Place.LAUNCHES),
        ("Pending:Wait", Place.LAUNCHES),
        ("Pending:Proceed", Place.LAUNCHES),
        ("Terminating", Place.LEAVES),
        ("Terminating:Wait", Place.LEAVES),
        ("Terminating:Proceed", Place.LEAVES),
        ("Terminating:Retained", Place.RETAINED),
        ("EnteringStandby", Place.STRANGER),
        ("Standby", Place.STRANGER),
        ("Detaching", Place.STRANGER),
        ("Detached", Place.STRANGER),
        ("a state of a later release", Place.STRANGER),
    ],
)
def test_what_auto_scaling_says_goes_before_what_ec2_says(state: str, found: Place) -> None:
    listed = {"i-1": instance(state=state)}
    assert place(ROW, listed, Known({"i-1": "running"}), NOW) is found
    assert place(ROW, listed, BROKEN, NOW) is found


@pytest.mark.parametrize("state", ["Terminating", "Terminating:Wait", "Terminating:Proceed", "Terminating:Retained"])
def test_an_instance_that_leaves_is_gone_once_ec2_says_that_it_is_terminated(state: str) -> None:
    listed = {"i-1": instance(state=state)}
    assert place(ROW, listed, Known({"i-1": "terminated"}), NOW) is Place.GONE
    assert place(ROW, {"i-1": instance(state="InService")}, Known({"i-1": "terminated"}), NOW) is Place.SERVES
    assert place(ROW, {"i-1": instance(state="Standby")}, Known({"i-1": "terminated"}), NOW) is Place.STRANGER


def test_a_member_in_service_of_a_pool_is_in_service_of_no_slot() -> None:
    listed = {"i-1": GroupInstance("i-1", "pool", "worker", "InService")}
    assert place(ROW, listed, Known({}), NOW) is Place.STRANGER


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("terminated", Place.GONE),
        ("shutting-down", Place.LEAVES),
        ("running", Place.STRANGER),
        ("pending", Place.STRANGER),
        ("stopping", Place.STRANGER),
        ("stopped", Place.STRANGER),
        (None, Place.UNKNOWN),
    ],
)
def test_an_instance_of_no_group_is_where_ec2_says(state: str | None, found: Place) -> None:
    assert place(ROW, {"i-2": instance("i-2")}, Known({"i-1": state}), NOW) is found


def test_an_instance_that_ec2_does_not_know_is_gone_once_that_was_seen_twice_and_it_is_old() -> None:
    states = Known({"i-1": None})
    assert place(replace(ROW, not_found_since=NOW - 60), {}, states, NOW) is Place.GONE
    assert place(replace(ROW, not_found_since=NOW - 59), {}, states, NOW) is Place.UNKNOWN
    young = replace(ROW, not_found_since=NOW - 60, created_at=NOW - 7200)
    assert place(young, {}, states, NOW) is Place.UNKNOWN


def test_nothing_is_known_of_an_instance_where_ec2_could_not_be_asked() -> None:
    assert place(ROW, {}, BROKEN, NOW) is Place.UNKNOWN
    assert place(ROW, {}, Known({}), NOW) is Place.UNKNOWN


def test_nothing_comes_back_of_these() -> None:
    assert {Place.LEAVES, Place.RETAINED, Place.GONE} == LEAVING
