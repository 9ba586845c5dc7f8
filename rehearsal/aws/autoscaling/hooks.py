"""Lifecycle actions: how an instance waits at the hooks of a transition and what ends the wait.

All hooks of one transition start together. ABANDON of one ends the wait for all of them; CONTINUE ends only its own
(Auto Scaling user guide, "Complete a lifecycle action").
"""

from __future__ import annotations

from collections.abc import Iterable

from rehearsal.aws.autoscaling.model import Hook, LifecycleAction, Member, Result, new_token


def begin(member: Member, hooks: Iterable[Hook], now: float) -> list[LifecycleAction]:
    """Start an action for every hook; `now` is the clock's monotonic reading in seconds."""
    member.outcome = None
    member.actions = {
        hook.name: LifecycleAction(
            token=new_token(),
            hook=hook,
            heartbeat_deadline=now + hook.heartbeat_timeout_seconds,
            global_deadline=now + hook.global_timeout_seconds,
        )
        for hook in hooks
    }
    return list(member.actions.values())


def find(
    members: Iterable[Member], hook_name: str, instance_id: str | None, token: str | None
) -> LifecycleAction | None:
    """The waiting action that an instance id or a token names; the token wins where both are given."""
    for member in members:
        action = member.actions.get(hook_name)
        if action is not None and (token == action.token if token else instance_id == member.instance_id):
            return action
    return None


def heartbeat(action: LifecycleAction, now: float) -> None:
    """Extend the wait by one heartbeat; the global deadline stays."""
    action.heartbeat_deadline = now + action.hook.heartbeat_timeout_seconds


def complete(
    member: Member, action: LifecycleAction, result: Result, why: str = "Lifecycle Action Completed with ABANDON Result"
) -> None:
    """End an action; the member's outcome is set once nothing is left to wait for. `why` explains an ABANDON."""
    del member.actions[action.hook.name]
    if result is Result.ABANDON:
        member.actions.clear()
        member.outcome = Result.ABANDON
        member.abandoned = f"Lifecycle Action with token {action.token} was abandoned: {why}"
    elif not member.actions:
        member.outcome = Result.CONTINUE


def expire(member: Member, now: float) -> list[LifecycleAction]:
    """Give every action that is past its deadline its default result, and return those actions."""
    expired = [action for action in member.actions.values() if action.deadline <= now]
    for action in expired:
        if action.hook.name in member.actions:
            complete(member, action, action.hook.default_result, "Heartbeat Timeout Elapsed")
    return expired


def next_deadline(members: Iterable[Member]) -> float | None:
    """When the next action times out, as a monotonic reading; None when nobody waits."""
    deadlines = [action.deadline for member in members for action in member.actions.values()]
    return min(deadlines, default=None)
