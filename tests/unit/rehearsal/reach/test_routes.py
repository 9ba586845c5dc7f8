"""Which endpoint a call takes, or why nothing leads there."""

from __future__ import annotations

import pytest

from rehearsal.machines.network.topology import Rule
from rehearsal.machines.reach.routes import NoRoute, endpoint_name, route
from rehearsal.machines.reach.view import View
from tests.unit.rehearsal.reach.vpc import (
    ANYWHERE,
    FIRST,
    NODE,
    NODE_EGRESS,
    OTHER_NODE,
    REGION,
    S3,
    SSM,
    tcp,
    view,
    with_,
)


def reason(seen: View, service: str, source: str = NODE, region: str = REGION) -> str:
    """Why nothing leads to a service."""
    found = route(seen, source, service, region)
    assert isinstance(found, NoRoute), found
    return found.reason


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("ssm", "com.amazonaws.us-east-1.ssm"),
        ("dynamodb", "com.amazonaws.us-east-1.dynamodb"),
        ("s3", "com.amazonaws.us-east-1.s3"),
        ("ec2", "com.amazonaws.us-east-1.ec2"),
        ("autoscaling", "com.amazonaws.us-east-1.autoscaling"),
        ("logs", "com.amazonaws.us-east-1.logs"),
        ("cloudformation", "com.amazonaws.us-east-1.cloudformation"),
        ("ecr", "com.amazonaws.us-east-1.ecr.api"),
        ("kms", "com.amazonaws.us-east-1.kms"),
        ("sts", "com.amazonaws.us-east-1.sts"),
        ("monitoring", "com.amazonaws.us-east-1.monitoring"),
        ("elasticloadbalancing", "com.amazonaws.us-east-1.elasticloadbalancing"),
        ("sqs", "com.amazonaws.us-east-1.sqs"),
        ("events", "com.amazonaws.us-east-1.events"),
    ],
)
def test_a_signatures_service_names_its_endpoint(service: str, name: str) -> None:
    assert endpoint_name(service, "us-east-1") == name


def test_in_other_partitions_some_names_begin_otherwise() -> None:
    there = [(each, endpoint_name(each, region)) for each, region in (("ecr", "eusc-de-east-1"), ("ssm", "cn-north-1"))]
    assert there == [("ecr", "eu.amazonaws.eusc-de-east-1.ecr.api"), ("ssm", "com.amazonaws.cn-north-1.ssm")]
    for prefix, leads in (("com.amazonaws", True), ("cn.com.amazonaws", False)):
        named = with_(SSM, service_name=f"{prefix}.cn-north-1.ssm")
        assert (route(view(named), NODE, "ssm", "cn-north-1") == named) is leads


def test_an_endpoint_leads_to_its_service() -> None:
    assert route(view(), NODE, "ssm", REGION) == SSM
    assert route(view(), NODE, "s3", REGION) == S3


def test_a_service_without_an_endpoint_is_named() -> None:
    assert reason(view(), "sts") == "the VPC has no endpoint com.amazonaws.us-east-1.sts"


def test_an_endpoint_leads_to_no_other_region() -> None:
    assert reason(view(), "ssm", region="eu-west-1") == "the VPC has no endpoint com.amazonaws.eu-west-1.ssm"


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (view(with_(SSM, state="pending")), "it is pending"),
        (view(with_(SSM, private_dns=False)), "no private DNS"),
        (view(with_(SSM, addresses=())), "no interface in any subnet"),
        (view(egress=()), "no egress rule of sg-node (Node) allows it"),
        (view(egress=(tcp(80, cidr=ANYWHERE),)), "no egress rule of sg-node (Node) allows it"),
        (view(ingress=()), "no ingress rule of sg-endpoint (Endpoint) allows it"),
        (view(ingress=(tcp(443, group_id="sg-other"),)), "no ingress rule of sg-endpoint (Endpoint) allows it"),
    ],
    ids=["pending", "private DNS", "no interface", "no egress", "other port", "no ingress", "other group"],
)
def test_an_interface_endpoint_is_refused_for_a_reason(seen: View, why: str) -> None:
    said = reason(seen, "ssm")
    assert why in said
    assert said.startswith("vpce-ssm (com.amazonaws.us-east-1.ssm): ")


def test_an_interface_in_one_zone_will_do() -> None:
    assert route(view(with_(SSM, addresses=(FIRST,))), OTHER_NODE, "ssm", REGION) == with_(SSM, addresses=(FIRST,))
    assert route(view(groups_of_second=("sg-closed",)), NODE, "ssm", REGION) == SSM


def test_a_gateway_endpoint_needs_a_route_from_the_callers_subnet() -> None:
    assert "rtb-main" in reason(view(), "s3", OTHER_NODE)
    both = with_(S3, route_tables=frozenset({"rtb-own", "rtb-main"}))
    assert route(view(both), OTHER_NODE, "s3", REGION) == both


@pytest.mark.parametrize(
    ("egress", "passes"),
    [
        ((tcp(443, prefix_list_id="pl-s3"),), True),
        ((tcp(443, cidr=ANYWHERE),), True),
        ((Rule("-1", cidr=ANYWHERE),), True),
        ((tcp(443, cidr="3.5.0.0/19"),), True),
        ((tcp(443, cidr="10.0.0.0/16"),), False),
        ((tcp(80, prefix_list_id="pl-s3"),), False),
        ((tcp(443, group_id="sg-endpoint"),), False),
        ((), False),
    ],
)
def test_a_gateway_endpoint_needs_an_egress_rule_to_its_prefixes(egress: tuple[Rule, ...], passes: bool) -> None:
    found = route(view(egress=egress), NODE, "s3", REGION)
    assert (found == S3) is passes
    if isinstance(found, NoRoute):
        assert "no egress rule of sg-node (Node) allows it" in found.reason


def test_one_of_two_endpoints_for_a_service_is_enough() -> None:
    closed = with_(SSM, endpoint_id="vpce-closed", private_dns=False)
    assert route(view(closed, SSM), NODE, "ssm", REGION) == SSM


def test_the_reasons_of_all_endpoints_are_told() -> None:
    said = reason(view(with_(SSM, endpoint_id="vpce-1", private_dns=False), with_(SSM, state="pending")), "ssm")
    assert "vpce-1" in said
    assert "vpce-ssm" in said


def test_an_address_without_an_interface_reaches_nothing() -> None:
    for service in ("ssm", "s3"):
        assert "10.0.9.9" in reason(view(egress=NODE_EGRESS), service, "10.0.9.9")
