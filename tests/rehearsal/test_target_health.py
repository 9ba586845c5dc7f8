"""DescribeTargetHealth, with somebody who knows better than moto and without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.machines.balancer import target_health
from rehearsal.machines.balancer.report import Report

ADDRESS = "10.0.0.9"


class Knowing:
    """Somebody who knows the targets of one group."""

    def __init__(self, group: str, *reports: Report) -> None:
        self._group = group
        self._reports = reports

    def reports(self, group: str) -> Sequence[Report] | None:
        """The targets of the group."""
        return self._reports if group == self._group else None

    def serving_zones(self, balancer: str) -> frozenset[str]:
        """None."""
        return frozenset()


@pytest.fixture
def group(aws: LocalAws) -> Iterator[str]:
    """A target group with one target."""
    elb, ec2 = aws.client("elbv2"), aws.client("ec2")
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    settings = {"Name": "api", "VpcId": vpc_id, "Protocol": "TCP", "Port": 6443, "TargetType": "ip"}
    arn = elb.create_target_group(**settings)["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": ADDRESS}])
    yield arn
    target_health.detach()
    elb.delete_target_group(TargetGroupArn=arn)
    ec2.delete_vpc(VpcId=vpc_id)


def shown(aws: LocalAws, group: str, **asked: Any) -> list[tuple[str, str, str]]:
    """Id, state and reason of each target."""
    answer = aws.client("elbv2").describe_target_health(TargetGroupArn=group, **asked)
    return [
        (each["Target"]["Id"], each["TargetHealth"]["State"], each["TargetHealth"].get("Reason", ""))
        for each in answer["TargetHealthDescriptions"]
    ]


def test_all_targets_are_healthy_where_no_balancer_runs(aws: LocalAws, group: str) -> None:
    assert shown(aws, group) == [(ADDRESS, "healthy", "")]


def test_who_knows_the_targets_is_believed_until_it_is_detached(aws: LocalAws, group: str) -> None:
    known = Report(ADDRESS, 6443, "unhealthy", "Target.Timeout", "Request timed out")
    target_health.attach(aws, Knowing(group, known))
    assert shown(aws, group) == [(ADDRESS, "unhealthy", "Target.Timeout")]
    target_health.detach()
    assert shown(aws, group) == [(ADDRESS, "healthy", "")]


def test_groups_of_other_kinds_are_shown_as_before(aws: LocalAws, group: str) -> None:
    target_health.attach(aws, Knowing("another"))
    assert shown(aws, group) == [(ADDRESS, "healthy", "")]


def test_a_target_that_is_asked_for_and_not_known_is_not_registered(aws: LocalAws, group: str) -> None:
    target_health.attach(aws, Knowing(group, Report(ADDRESS, 6443, "healthy")))
    assert shown(aws, group, Targets=[{"Id": ADDRESS}, {"Id": "10.0.0.10"}]) == [
        (ADDRESS, "healthy", ""),
        ("10.0.0.10", "unused", "Target.NotRegistered"),
    ]
