"""The pure parts of Auto Scaling: who is started where, who goes, and how a lifecycle action ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rehearsal.aws.autoscaling import hooks, planning
from rehearsal.aws.autoscaling.model import Group, Hook, Member, Result, State, Transition

START = datetime(2026, 1, 1, tzinfo=UTC)


def group(desired: int = 1, **settings: Any) -> Group:
    subnets = {"subnet-a": "zone-a", "subnet-b": "zone-b"}
    return Group("g", "arn", 0, 9, desired, {}, subnets, START, settings=settings)


def join(owner: Group, name: str, zone: str = "a", state: State = State.IN_SERVICE, **other: Any) -> Member:
    joined = START + timedelta(seconds=len(owner.members))
    member = Member(name, "m5.large", f"zone-{zone}", f"subnet-{zone}", None, state, joined, **other)
    owner.members[name] = member
    return member


def hook(name: str, transition: Transition = Transition.TERMINATING, **other: Any) -> Hook:
    return Hook(name, transition, **other)


def test_instances_spread_over_the_zones() -> None:
    owner = group(desired=3)
    chosen = []
    for name in ("i-1", "i-2", "i-3"):
        subnet = planning.subnet_for_launch(owner)
        chosen.append(subnet)
        join(owner, name, subnet.removeprefix("subnet-"))
    assert chosen == ["subnet-a", "subnet-b", "subnet-a"]


@pytest.mark.parametrize(
    "state", [State.TERMINATING_WAIT, State.TERMINATING_RETAINED, State.STANDBY, State.DETACHING, State.TERMINATING]
)
def test_an_instance_that_leaves_or_stands_by_does_not_count(state: State) -> None:
    owner = group(desired=1)
    join(owner, "i-1", state=state)
    assert planning.missing(owner) == 1


def test_a_group_whose_launches_are_suspended_lacks_nothing() -> None:
    owner = group(desired=2)
    owner.suspended["Launch"] = "by a user"
    assert planning.missing(owner) == 0


def test_a_scale_in_takes_the_oldest_instance_of_the_fullest_zone() -> None:
    owner = group(desired=2)
    join(owner, "i-1", "b")
    join(owner, "i-2", "a")
    join(owner, "i-3", "a")
    assert [gone.member.instance_id for gone in planning.surplus(owner)] == ["i-2"]


def test_a_protected_instance_survives_a_scale_in() -> None:
    owner = group(desired=0)
    join(owner, "i-1", protected_from_scale_in=True)
    assert planning.surplus(owner) == []


def test_a_replacement_that_came_first_is_not_a_surplus() -> None:
    owner = group(desired=1)
    join(owner, "i-1", healthy=False)
    join(owner, "i-2", replaces="i-1")
    assert planning.surplus(owner) == []


def test_launch_attempts_are_further_and_further_apart() -> None:
    assert [planning.launch_retry_seconds(failures) for failures in (1, 2, 3, 20)] == [10, 20, 40, 600]


def test_a_continue_waits_for_the_other_hooks_and_an_abandon_does_not() -> None:
    owner = group()
    member = join(owner, "i-1")
    first, _ = hooks.begin(member, [hook("one"), hook("two")], now=0.0)
    hooks.complete(member, first, Result.CONTINUE)
    assert member.outcome is None
    again, _ = hooks.begin(member, [hook("one"), hook("two")], now=0.0)
    hooks.complete(member, again, Result.ABANDON)
    assert hooks.next_deadline([member]) is None
    assert str(member.outcome) == "ABANDON"


def test_a_heartbeat_extends_the_wait_but_not_beyond_the_global_limit() -> None:
    member = join(group(), "i-1")
    (action,) = hooks.begin(member, [hook("one", heartbeat_timeout_seconds=30)], now=0.0)
    hooks.heartbeat(action, now=20.0)
    assert action.deadline == 50.0
    hooks.heartbeat(action, now=2999.0)
    assert action.deadline == 100 * 30


def test_the_global_limit_is_never_more_than_two_days() -> None:
    assert hook("one", heartbeat_timeout_seconds=7200).global_timeout_seconds == 48 * 3600


@pytest.mark.parametrize("result", list(Result))
def test_a_timeout_ends_an_action_with_its_default_result(result: Result) -> None:
    member = join(group(), "i-1")
    hooks.begin(member, [hook("one", heartbeat_timeout_seconds=30, default_result=result)], now=0.0)
    assert hooks.expire(member, now=29.9) == []
    hooks.expire(member, now=30.0)
    assert member.outcome is result


def test_an_action_is_found_by_its_token_or_by_its_instance() -> None:
    member = join(group(), "i-1")
    (action,) = hooks.begin(member, [hook("one")], now=0.0)
    assert hooks.find([member], "one", None, action.token) is action
    assert hooks.find([member], "one", "i-1", None) is action
    assert hooks.find([member], "one", "i-1", "another token") is None
    assert hooks.find([member], "two", "i-1", None) is None
