"""Every provider against the public schema of its type and against the templates of this project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rehearsal.aws.cloudformation import providers
from rehearsal.aws.cloudformation.provider import create_only_of, provider_for
from rehearsal.aws.cloudformation.schemas import schema_of

PROJECT = Path(__file__).parents[2]
TEMPLATES = sorted([*PROJECT.glob("templates/*.json"), *PROJECT.glob("tests/templates/golden/*/*.json")])
TYPES = (
    "AWS::DynamoDB::Table AWS::EC2::FlowLog AWS::EC2::LaunchTemplate AWS::EC2::RouteTable AWS::EC2::SecurityGroup "
    "AWS::EC2::SecurityGroupEgress AWS::EC2::SecurityGroupIngress AWS::EC2::Subnet "
    "AWS::EC2::SubnetRouteTableAssociation AWS::EC2::VPC AWS::EC2::VPCEndpoint "
    "AWS::ElasticLoadBalancingV2::Listener AWS::ElasticLoadBalancingV2::LoadBalancer "
    "AWS::ElasticLoadBalancingV2::TargetGroup AWS::IAM::InstanceProfile AWS::IAM::ManagedPolicy AWS::IAM::Role "
    "AWS::IAM::RolePolicy AWS::KMS::Alias AWS::KMS::Key AWS::Logs::LogGroup AWS::Route53::HostedZone "
    "AWS::Route53::RecordSet AWS::Route53Resolver::FirewallDomainList AWS::Route53Resolver::FirewallRuleGroup "
    "AWS::Route53Resolver::FirewallRuleGroupAssociation AWS::Route53Resolver::ResolverQueryLoggingConfig "
    "AWS::Route53Resolver::ResolverQueryLoggingConfigAssociation AWS::S3::Bucket AWS::S3::BucketPolicy "
    "AWS::SQS::Queue AWS::SQS::QueuePolicy AWS::SSM::Document AWS::SSM::Parameter"
).split()


@pytest.fixture(autouse=True, scope="module")
def _loaded() -> None:
    providers.load_all()


def published(type_name: str) -> set[str]:
    """Return the properties that CloudFormation's public schema gives the type."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_name).schema
    return set(schema["properties"])


@pytest.mark.parametrize("type_name", TYPES)
def test_a_provider_supports_only_properties_that_cloudformation_has(type_name: str) -> None:
    assert provider_for(type_name).properties <= published(type_name)


@pytest.mark.parametrize("type_name", TYPES)
def test_what_the_schema_replaces_is_replaced(type_name: str) -> None:
    provider = provider_for(type_name)
    in_schema = {path for path in schema_of(type_name).create_only if path in provider.properties}
    assert in_schema <= create_only_of(provider)


@pytest.mark.parametrize("type_name", TYPES)
def test_what_the_schema_requires_is_supported(type_name: str) -> None:
    assert schema_of(type_name).required <= provider_for(type_name).properties


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_property_of_the_templates_is_supported(path: Path) -> None:
    resources = json.loads(path.read_text())["Resources"]
    for logical_id, resource in resources.items():
        type_name = resource["Type"]
        if type_name in TYPES:
            unsupported = set(resource.get("Properties", {})) - provider_for(type_name).properties
            assert not unsupported, f"{logical_id} ({type_name}) uses {sorted(unsupported)}"
