"""A balancer in two zones with one target group."""

from __future__ import annotations

from rehearsal.machines.balancer.view import Nlb, Port, Registered, Subnet, TargetGroup, View

BALANCER = Nlb(
    arn="arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/api/0123456789abcdef",
    region="us-east-1",
    vpc_id="vpc-1",
    dns_name="api-0123456789abcdef.elb.us-east-1.amazonaws.com",
    security_groups=("sg-1",),
    subnets=(Subnet("subnet-a", "a"), Subnet("subnet-b", "b")),
    ports=(Port(6443, "TCP", "group", 3600.0),),
    cross_zone=True,
)
ONE = Registered("i-1", 6443, "10.0.0.7", "a")
TWO = Registered("i-2", 6443, "10.0.1.7", "b")


def group(*targets: Registered, **attributes: str) -> TargetGroup:
    """The target group; attributes with dots written as two underscores."""
    return TargetGroup(
        arn="group",
        protocol="TCP",
        check_protocol="HTTPS",
        check_path="/readyz",
        check_port=None,
        interval_seconds=10.0,
        timeout_seconds=6.0,
        healthy_threshold=2,
        unhealthy_threshold=2,
        codes=((200, 399),),
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
        targets=targets,
    )


def view(*targets: Registered, balancer: Nlb = BALANCER, **attributes: str) -> View:
    """The balancer with its group."""
    return View((balancer,), (group(*targets, **attributes),))
