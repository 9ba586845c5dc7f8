"""Who is a target, from registration to the end of the deregistration delay, as a function of what ELBv2 holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rehearsal.machines.balancer.view import Registered, TargetGroup, View


@dataclass(frozen=True)
class Registration:
    """A target of a group, as it was when it was last seen in it."""

    group: str
    target: Registered
    drains_until: float | None = None
    """Seconds on the local AWS's clock; None while it is registered."""
    since_seconds: float = 0.0
    """When it was registered, or its instance began to run or stopped, on the same clock: then checks start anew."""
    registering: bool = False
    """Whether its balancer takes its time before it checks it."""

    @property
    def draining(self) -> bool:
        """Whether it was deregistered, and its delay is not over."""
        return self.drains_until is not None


def after(
    known: Iterable[Registration], view: View, now_seconds: float, registering_seconds: float = 0.0
) -> tuple[Registration, ...]:
    """The registrations now. A target that is registered again while it drains goes on with its connections.

    A balancer does not check a target for `registering_seconds` after its registration.
    """
    known = tuple(known)
    found: list[Registration] = []
    for group in view.groups:
        for target in group.targets:
            since = _since(known, group.arn, target, now_seconds)
            registering = now_seconds < since + registering_seconds
            found.append(Registration(group.arn, target, since_seconds=since, registering=registering))
        present = {(target.target_id, target.port) for target in group.targets}
        found += _drained(known, present, group, view, now_seconds)
    return tuple(found)


def _since(known: Iterable[Registration], group: str, target: Registered, now_seconds: float) -> float:
    for each in known:
        seen = each.target
        same = (each.group, seen.target_id, seen.port) == (group, target.target_id, target.port)
        if same and not each.draining and seen.running == target.running:
            return each.since_seconds
    return now_seconds


def _drained(
    known: Iterable[Registration], present: set[tuple[str, int]], group: TargetGroup, view: View, now_seconds: float
) -> Iterable[Registration]:
    for each in known:
        if each.group != group.arn or (each.target.target_id, each.target.port) in present:
            continue
        until = each.drains_until
        if until is None:
            # Nothing has to drain where no connections came from.
            in_use = view.balancer_of(group.arn) is not None and each.target.address is not None
            until = now_seconds + (group.deregistration_seconds if in_use else 0.0)
        if now_seconds < until:
            yield replace(each, drains_until=until)
