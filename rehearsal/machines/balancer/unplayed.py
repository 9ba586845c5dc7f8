"""What of a network load balancer is not played, so that a template that counts on it is told so."""

from __future__ import annotations

from collections.abc import Iterator

from rehearsal.machines.balancer.view import TCP, Nlb, TargetGroup, View


def unplayed(balancer: Nlb, view: View) -> Iterator[str]:
    """One line for each setting of a balancer, its listeners and target groups that has no effect here."""
    if not balancer.security_groups:
        yield f"{balancer.description} has no security groups: its addresses get the VPC's default group here"
    for port in balancer.ports:
        if port.protocol != TCP:
            yield f"{balancer.description}: listener {port.port} is {port.protocol}, which is not played"
    for arn in sorted({port.group for port in balancer.ports}):
        group = view.group(arn)
        if group is not None:
            yield from (f"{arn}: {reason}" for reason in _of_group(group))


def _of_group(group: TargetGroup) -> Iterator[str]:
    # On by default for instances, off for addresses (Network Load Balancer user guide, "Client IP preservation").
    if group.attributes.get("preserve_client_ip.enabled", str(group.target_type == "instance").lower()) == "true":
        yield "preserve_client_ip.enabled is not played: connections come from the balancer"
    if group.attributes.get("proxy_protocol_v2.enabled") == "true":
        yield "proxy_protocol_v2.enabled is not played: connections begin with the client's first byte"
    if group.attributes.get("stickiness.enabled") == "true":
        yield "stickiness.enabled is not played: each connection goes to any healthy target"
