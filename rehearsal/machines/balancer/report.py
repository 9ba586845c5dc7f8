"""What DescribeTargetHealth and DNS say of targets, as a function of registrations and of what checks found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rehearsal.machines.balancer.registrations import Registration
from rehearsal.machines.balancer.view import Nlb, View
from rehearsal.machines.proxy.plan import CHECKING, FAILED, HEALTHY, INITIAL, MISMATCH, TIMEOUT, Finding

Findings = Mapping[tuple[str, str, int], Finding]
"""What checks found, by target group, target and port."""

TEXTS = {
    "Elb.RegistrationInProgress": "Target registration is in progress",
    CHECKING: "Initial health checks in progress",
    MISMATCH: "Health checks failed with an unexpected status code",
    TIMEOUT: "Request timed out",
    FAILED: "Health checks failed",
    "Target.DeregistrationInProgress": "Target deregistration is in progress",
    "Target.NotInUse": "Target group is not configured to receive traffic from the load balancer",
    "Target.InvalidState": "Target is in the stopped state",
}
"""The reason codes (Elastic Load Balancing API, TargetHealth), each with its description."""
NOT_IN_ZONE = "Target is in an Availability Zone that is not enabled for the load balancer"


@dataclass(frozen=True)
class Report:
    """One target as DescribeTargetHealth shows it."""

    target_id: str
    port: int
    state: str
    reason: str = ""
    description: str = ""


def report(each: Registration, view: View, findings: Findings, *, serving: bool) -> Report:
    """What to say of a target; `serving` says whether its balancer has begun to check it."""
    target_id, port = each.target.target_id, each.target.port

    def because(state: str, reason: str, description: str = "") -> Report:
        return Report(target_id, port, state, reason, description or TEXTS[reason])

    group, balancer = view.group(each.group), view.balancer_of(each.group)
    if each.draining:
        return because("draining", "Target.DeregistrationInProgress")
    if group is None or balancer is None:
        return because("unused", "Target.NotInUse")
    if not each.target.running:
        return because("unused", "Target.InvalidState")
    if not group.cross_zone(balancer) and each.target.zone not in {subnet.zone for subnet in balancer.subnets}:
        return because("unused", "Target.NotInUse", NOT_IN_ZONE)
    if not serving:
        return because(INITIAL, "Elb.RegistrationInProgress")
    finding = findings.get((each.group, target_id, port))
    if finding is None:
        return because(INITIAL, CHECKING)
    if not finding.reason:
        return Report(target_id, port, finding.state)
    return because(finding.state, finding.reason)


def serving_zones(balancer: Nlb, view: View, findings: Findings) -> frozenset[str]:
    """The zones of a balancer whose nodes reach a healthy target in each of its target groups.

    DNS leaves the others out (Network Load Balancer user guide, "Health checks for target groups").
    """
    groups = [group for port in balancer.ports if (group := view.group(port.group)) is not None]

    def serves(zone: str) -> bool:
        return bool(groups) and all(
            any(
                found.state == HEALTHY and zone in found.seen_by
                for target in group.targets
                if (found := findings.get((group.arn, target.target_id, target.port))) is not None
            )
            for group in groups
        )

    return frozenset(subnet.zone for subnet in balancer.subnets if serves(subnet.zone))
