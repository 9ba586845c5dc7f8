"""Checking what a caller asks of a group, with Auto Scaling's own error texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rehearsal.aws.autoscaling.model import PROCESSES, Hook, Result, Tag, Transition
from rehearsal.aws.protocol import ServiceError

HEARTBEAT_LIMITS_SECONDS = (30, 7200)
"""The shortest and longest heartbeat time-out (API reference of PutLifecycleHook)."""
CHOICES: Mapping[str, tuple[str, ...]] = {
    "DeletionProtection": ("none", "prevent-force-deletion", "prevent-all-deletion"),
    "HealthCheckType": ("EC2", "ELB", "EBS", "VPC_LATTICE"),
}
"""Settings with a closed list of values; HealthCheckType may name several, separated by commas."""


def invalid(message: str) -> ServiceError:
    """The error for a request that cannot be carried out."""
    return ServiceError("ValidationError", message, 400)


def refuse_unknown(request: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse parameters that this service would otherwise ignore."""
    unknown = sorted(key for key, value in request.items() if value not in (None, [], "") and key not in set(known))
    if unknown:
        raise invalid(f"The local AWS does not offer these Auto Scaling parameters: {', '.join(unknown)}")


def check_sizes(minimum: int, maximum: int, desired: int) -> None:
    """The desired capacity lies between the sizes."""
    if minimum > maximum:
        raise invalid("Max bound must be greater than or equal to min bound")
    if not minimum <= desired <= maximum:
        raise invalid(
            f"Desired capacity:{desired} must be between the specified min size:{minimum} and max size:{maximum}"
        )


def check_settings(settings: Mapping[str, Any]) -> None:
    """Settings with limits lie within them."""
    for name, allowed in CHOICES.items():
        given = settings.get(name)
        for part in (given or "").split(",") if given is not None else ():
            if part not in allowed:
                raise invalid(f"{name} is {given!r}; allowed: {', '.join(allowed)}")
    lifetime = settings.get("MaxInstanceLifetime")
    if lifetime and lifetime < 86400:
        raise invalid("Maximum instance lifetime must be equal to 0 or greater than or equal to 86400 seconds")
    policy = settings.get("InstanceMaintenancePolicy")
    if policy:
        low, high = policy.get("MinHealthyPercentage", -1), policy.get("MaxHealthyPercentage", -1)
        if (low, high) != (-1, -1) and not (0 <= low <= 100 <= high <= 200 and high - low <= 100 and high != low):
            raise invalid(
                f"InstanceMaintenancePolicy is {low}/{high}; MinHealthyPercentage lies between 0 and 100, "
                "MaxHealthyPercentage between 100 and 200, and they differ by at least 1 and at most 100"
            )
    triggers = (settings.get("InstanceLifecyclePolicy") or {}).get("RetentionTriggers") or {}
    if triggers.get("TerminateHookAbandon", "terminate") not in ("retain", "terminate"):
        raise invalid("InstanceLifecyclePolicy.RetentionTriggers.TerminateHookAbandon; allowed: retain, terminate")


def hook(request: Mapping[str, Any], existing: Hook | None = None) -> Hook:
    """The lifecycle hook that a request describes; what it leaves out stays as in the existing hook."""
    name = request["LifecycleHookName"]
    transition = request.get("LifecycleTransition") or (existing and existing.transition)
    if transition not in list(Transition):
        allowed = ", ".join(Transition)
        raise invalid(f"LifecycleTransition of hook {name} is {transition!r}; allowed: {allowed}")
    low, high = HEARTBEAT_LIMITS_SECONDS
    heartbeat = _first(request.get("HeartbeatTimeout"), existing and existing.heartbeat_timeout_seconds, 3600)
    if not low <= heartbeat <= high:
        raise invalid(f"HeartbeatTimeout of hook {name} is {heartbeat}; allowed: {low} to {high} seconds")
    result = _first(request.get("DefaultResult"), existing and existing.default_result, Result.ABANDON)
    if result not in list(Result):
        raise invalid(f"DefaultResult of hook {name} is {result!r}; allowed: CONTINUE, ABANDON")
    if request.get("NotificationTargetARN"):
        raise invalid(f"NotificationTargetARN of hook {name}: the local AWS announces hooks through EventBridge only")
    return Hook(
        name=name,
        transition=Transition(transition),
        heartbeat_timeout_seconds=heartbeat,
        default_result=Result(result),
        notification_metadata=_first(request.get("NotificationMetadata"), existing and existing.notification_metadata),
        role_arn=_first(request.get("RoleARN"), existing and existing.role_arn),
    )


def tags(given: Iterable[Mapping[str, Any]]) -> dict[str, Tag]:
    """Tags by key. `aws:cloudformation:` is let through: CloudFormation puts its tags on a group by this same call."""
    found: dict[str, Tag] = {}
    for item in given:
        key = item["Key"]
        if key.startswith("aws:") and not key.startswith("aws:cloudformation:"):
            raise invalid(f"Tag key {key}: keys that start with aws: are reserved")
        found[key] = Tag(key, item.get("Value") or "", bool(item.get("PropagateAtLaunch", False)))
    return found


def processes(request: Mapping[str, Any]) -> tuple[str, ...]:
    """The scaling processes that a request names; all of them when it names none."""
    named = tuple(request.get("ScalingProcesses") or ()) or PROCESSES
    for process in named:
        if process not in PROCESSES:
            raise invalid(f"{process} is not a valid scaling process; allowed: {', '.join(PROCESSES)}")
    return named


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
