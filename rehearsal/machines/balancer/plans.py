"""What a balancer's process has to do, as a function of what ELBv2 holds and of where the balancer's nodes are."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rehearsal.machines.balancer.registrations import Registration
from rehearsal.machines.balancer.view import TCP, Nlb, TargetGroup, View
from rehearsal.machines.proxy.plan import Check, Group, Listener, Plan, Target, Zone


def plan(
    balancer: Nlb,
    view: View,
    registrations: Iterable[Registration],
    nodes: tuple[Zone, ...],
    real_seconds: Callable[[float], float],
) -> Plan:
    """The plan of one balancer. `real_seconds` says how long an interval takes in reality: the clock may be sped up."""
    ports = [port for port in balancer.ports if port.protocol == TCP]
    found = (view.group(arn) for arn in sorted({port.group for port in ports}))
    groups = [group for group in found if group is not None]
    registrations = tuple(registrations)
    return Plan(
        nodes,
        tuple(Listener(port.port, port.idle_seconds, port.group) for port in ports),
        tuple(_group(group, balancer, registrations, real_seconds) for group in groups),
    )


def _group(
    group: TargetGroup, balancer: Nlb, registrations: Iterable[Registration], real_seconds: Callable[[float], float]
) -> Group:
    attributes = group.attributes
    return Group(
        group.arn,
        group.cross_zone(balancer),
        Check(
            group.check_protocol,
            group.check_path,
            group.check_port,
            real_seconds(group.interval_seconds),
            # How long a program takes to answer does not depend on how fast the clock runs.
            group.timeout_seconds,
            group.healthy_threshold,
            group.unhealthy_threshold,
            group.codes,
            next(port.port for port in balancer.ports if port.group == group.arn),
        ),
        cut_unhealthy=attributes.get("target_health_state.unhealthy.connection_termination.enabled") != "false",
        cut_drained=attributes.get("deregistration_delay.connection_termination.enabled") == "true",
        targets=tuple(
            Target(
                each.target.target_id,
                each.target.port,
                each.target.address,
                each.target.zone,
                each.draining,
                each.since_seconds,
            )
            for each in registrations
            if each.group == group.arn
            and each.target.address is not None
            and (each.draining or (each.target.running and not each.registering))
        ),
    )
