"""What requests that make things need beside their own action: kinds of resources, tags, roles, keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from rehearsal.aws.iam import requests
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled

PLACE = "us-east-1:1"
EC2 = f"arn:aws:ec2:{PLACE}"
IAM = "arn:aws:iam::1"
ELB = f"arn:aws:elasticloadbalancing:{PLACE}"
KEY = f"arn:aws:kms:{PLACE}:key/k"
FUNCTION = f"arn:aws:lambda:{PLACE}:function:f"
ROLE = f"{IAM}:role/nodes/r"
TAGS = [{"Key": "team", "Value": "blue"}]
TAGGED = {"aws:RequestTag/team": "blue", "aws:TagKeys": ("team",)}
GROUP = f"arn:aws:autoscaling:{PLACE}:autoScalingGroup:u:autoScalingGroupName/g"
LAUNCHED = {
    "ImageId": "ami-1",
    "SecurityGroupIds": ["sg-1"],
    "IamInstanceProfile": {"Arn": "profile"},
    "TagSpecifications": [{"ResourceType": "volume", "Tags": TAGS}],
}


class Known:
    """A state with one of each."""

    launches: Mapping[str, Any] = LAUNCHED

    def partition_key(self, region: str, table: str) -> str | None:
        return None

    def table_key(self, region: str, table: str) -> str | None:
        return None

    def parameter_keys(self, region: str, name: str, *, below: bool = False) -> Mapping[str, str]:
        return {}

    def bucket_key(self, bucket: str) -> str | None:
        return None

    def object_key(self, bucket: str, key: str) -> str | None:
        return None

    def object_tags(self, bucket: str, key: str) -> Mapping[str, str]:
        return {}

    def queue_key(self, region: str, queue: str) -> str | None:
        return None

    def kms_key(self, region: str, key_id: str) -> str | None:
        return KEY if key_id in ("k", "alias/old", KEY) else None

    def ciphertext_key(self, region: str, ciphertext: bytes) -> str | None:
        return None

    def group(self, region: str, name: str) -> str | None:
        return GROUP if name == "g" else None

    def group_of(self, region: str, instance_id: str) -> str | None:
        return None

    def stack(self, region: str, name: str) -> str | None:
        return None

    def identity(self, partition: str, kind: str, name: str) -> str | None:
        return ROLE if (kind, name) == ("role", "r") else None

    def profile_role(self, partition: str, profile: str) -> str | None:
        return ROLE if profile == "profile" else None

    def boundary(self, arn: str) -> str | None:
        return f"{IAM}:policy/limit" if arn == ROLE else None

    def launch_template(self, region: str, wanted: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
        return ("lt-1", self.launches) if wanted.get("LaunchTemplateName") == "t" else None


def needs(service: str, operation: str, **parameters: Any) -> list[Need]:
    return requests.needs(Asked(service, operation, parameters, "us-east-1", "1", "aws"), Known())


def short(found: list[Need]) -> list[tuple[str, str]]:
    return [(each.action, each.resource) for each in found]


def specified(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": TAGS}]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        ("ec2", "CreateVpc", {"CidrBlock": "10.0.0.0/16"}, [("ec2:CreateVpc", f"{EC2}:vpc/*")]),
        (
            "ec2",
            "CreateSubnet",
            {"VpcId": "vpc-1", "TagSpecifications": specified("subnet")},
            [
                ("ec2:CreateSubnet", f"{EC2}:vpc/vpc-1"),
                ("ec2:CreateSubnet", f"{EC2}:subnet/*"),
                ("ec2:CreateTags", f"{EC2}:subnet/*"),
            ],
        ),
        (
            "ec2",
            "CreateFlowLogs",
            {"ResourceIds": ["vpc-1"], "DeliverLogsPermissionArn": ROLE},
            [
                ("ec2:CreateFlowLogs", f"{EC2}:vpc/vpc-1"),
                ("ec2:CreateFlowLogs", f"{EC2}:vpc-flow-log/*"),
                ("iam:PassRole", ROLE),
            ],
        ),
        (
            "ec2",
            "AuthorizeSecurityGroupIngress",
            {"GroupId": "sg-1", "IpPermissions": [{"UserIdGroupPairs": [{"GroupId": "sg-2"}]}]},
            [("ec2:AuthorizeSecurityGroupIngress", f"{EC2}:security-group/sg-1")],
        ),
        ("ec2", "DeleteFlowLogs", {"FlowLogIds": ["fl-1"]}, [("ec2:DeleteFlowLogs", f"{EC2}:vpc-flow-log/fl-1")]),
        (
            "ec2",
            "DeleteVpcEndpoints",
            {"VpcEndpointIds": ["vpce-1"]},
            [("ec2:DeleteVpcEndpoints", f"{EC2}:vpc-endpoint/vpce-1")],
        ),
        ("iam", "CreateRole", {"RoleName": "n", "Path": "/p/"}, [("iam:CreateRole", f"{IAM}:role/p/n")]),
        (
            "iam",
            "CreateRole",
            {"RoleName": "n", "Tags": TAGS},
            [("iam:CreateRole", f"{IAM}:role/n"), ("iam:TagRole", f"{IAM}:role/n")],
        ),
        ("iam", "PutRolePolicy", {"RoleName": "r", "PolicyName": "p"}, [("iam:PutRolePolicy", ROLE)]),
        (
            "iam",
            "AddRoleToInstanceProfile",
            {"InstanceProfileName": "i", "RoleName": "r"},
            [("iam:AddRoleToInstanceProfile", f"{IAM}:instance-profile/i"), ("iam:PassRole", ROLE)],
        ),
        ("iam", "ListRoles", {}, [("iam:ListRoles", "*")]),
        (
            "elbv2",
            "CreateLoadBalancer",
            {"Name": "b", "Type": "network", "Tags": TAGS},
            [
                ("elasticloadbalancing:CreateLoadBalancer", f"{ELB}:loadbalancer/net/b/*"),
                ("elasticloadbalancing:AddTags", f"{ELB}:loadbalancer/net/b/*"),
            ],
        ),
        (
            "elbv2",
            "CreateTargetGroup",
            {"Name": "t"},
            [("elasticloadbalancing:CreateTargetGroup", f"{ELB}:targetgroup/t/*")],
        ),
        (
            "route53",
            "ChangeResourceRecordSets",
            {"HostedZoneId": "/hostedzone/Z1"},
            [("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1")],
        ),
        (
            "kms",
            "CreateKey",
            {"Policy": "{}", "Tags": [{"TagKey": "team", "TagValue": "blue"}]},
            [("kms:CreateKey", "*"), ("kms:PutKeyPolicy", "*"), ("kms:TagResource", "*")],
        ),
        (
            "kms",
            "DeleteAlias",
            {"AliasName": "alias/old"},
            [("kms:DeleteAlias", f"arn:aws:kms:{PLACE}:alias/old"), ("kms:DeleteAlias", KEY)],
        ),
        (
            "dynamodb",
            "CreateTable",
            {"TableName": "t", "Tags": TAGS, "SSESpecification": {"KMSMasterKeyId": "k"}},
            [
                ("dynamodb:CreateTable", f"arn:aws:dynamodb:{PLACE}:table/t"),
                ("dynamodb:TagResource", f"arn:aws:dynamodb:{PLACE}:table/t"),
                ("kms:DescribeKey", KEY),
                ("kms:CreateGrant", KEY),
                ("kms:Encrypt", KEY),
                ("kms:Decrypt", KEY),
                ("kms:ReEncryptFrom", KEY),
                ("kms:ReEncryptTo", KEY),
                ("kms:GenerateDataKey", KEY),
                ("kms:GenerateDataKeyWithoutPlaintext", KEY),
            ],
        ),
        (
            "lambda",
            "CreateFunction",
            {"FunctionName": "f", "Role": ROLE, "Code": {"S3Bucket": "b", "S3Key": "z"}, "KMSKeyArn": KEY},
            [
                ("lambda:CreateFunction", FUNCTION),
                ("iam:PassRole", ROLE),
                ("s3:GetObject", "arn:aws:s3:::b/z"),
                ("kms:DescribeKey", KEY),
                ("kms:CreateGrant", KEY),
                ("kms:Encrypt", KEY),
                ("kms:Decrypt", KEY),
                ("kms:GenerateDataKey", KEY),
            ],
        ),
        ("lambda", "CreateEventSourceMapping", {"FunctionName": "f"}, [("lambda:CreateEventSourceMapping", "*")]),
        (
            "events",
            "PutTargets",
            {"Rule": "r", "Targets": [{"Id": "1", "Arn": FUNCTION}, {"Id": "2", "Arn": "x", "RoleArn": ROLE}]},
            [("events:PutTargets", f"arn:aws:events:{PLACE}:rule/r"), ("iam:PassRole", ROLE)],
        ),
        (
            "ssm",
            "PutParameter",
            {"Name": "/p", "Value": "v", "Type": "String", "Tags": TAGS},
            [
                ("ssm:PutParameter", f"arn:aws:ssm:{PLACE}:parameter/p"),
                ("ssm:AddTagsToResource", f"arn:aws:ssm:{PLACE}:parameter/p"),
            ],
        ),
        (
            "cloudformation",
            "UpdateStack",
            {"StackName": "s", "RoleARN": ROLE},
            [("cloudformation:UpdateStack", f"arn:aws:cloudformation:{PLACE}:stack/s/*"), ("iam:PassRole", ROLE)],
        ),
        (
            "autoscaling",
            "CreateOrUpdateTags",
            {"Tags": [{"ResourceId": "g", "Key": "a", "Value": "b"}]},
            [("autoscaling:CreateOrUpdateTags", GROUP)],
        ),
    ],
)
def test_what_a_request_needs(
    service: str, operation: str, parameters: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert short(needs(service, operation, **parameters)) == expected


@pytest.mark.parametrize("operation", ["CreateAutoScalingGroup", "UpdateAutoScalingGroup"])
def test_a_group_with_a_launch_template_needs_a_launch(operation: str) -> None:
    template = {"LaunchTemplateName": "t", "Version": "1"}
    found = needs(
        "autoscaling",
        operation,
        AutoScalingGroupName="g",
        VPCZoneIdentifier="subnet-1, subnet-2",
        LaunchTemplate=template,
    )
    resources = [
        "arn:aws:ec2:us-east-1::image/ami-1",
        *(f"{EC2}:{each}" for each in ("security-group/sg-1", "subnet/subnet-1", "subnet/subnet-2")),
        *(f"{EC2}:{each}" for each in ("launch-template/lt-1", "instance/*", "network-interface/*", "volume/*")),
    ]
    assert short(found) == [
        (f"autoscaling:{operation}", GROUP),
        *(("ec2:RunInstances", each) for each in resources),
        ("ec2:CreateTags", f"{EC2}:volume/*"),
        ("iam:PassRole", ROLE),
    ]
    by = {(each.action, each.resource): each.values for each in found}
    assert by["ec2:CreateTags", f"{EC2}:volume/*"] == {**TAGGED, "ec2:CreateAction": "RunInstances"}
    assert by["ec2:RunInstances", f"{EC2}:volume/*"] == TAGGED
    assert by["iam:PassRole", ROLE] == {"iam:PassedToService": "ec2.amazonaws.com"}


def test_a_launch_for_reservations_is_on_their_group_and_one_for_a_single_reservation_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"AutoScalingGroupName": "g", "LaunchTemplate": {"LaunchTemplateName": "t"}}

    def target(**target: str) -> None:
        data = {**LAUNCHED, "CapacityReservationSpecification": {"CapacityReservationTarget": target}}
        monkeypatch.setattr(Known, "launches", data)

    group = f"arn:aws:resource-groups:{PLACE}:group/paid"
    target(CapacityReservationResourceGroupArn=group)
    assert ("ec2:RunInstances", group) in short(needs("autoscaling", "CreateAutoScalingGroup", **given))
    target(CapacityReservationId="cr-1")
    with pytest.raises(NotModelled, match="ec2:RunInstances"):
        needs("autoscaling", "CreateAutoScalingGroup", **given)


def test_a_launch_that_is_not_known_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Known, "launches", {**LAUNCHED, "KeyName": "mine"})
    with pytest.raises(NotModelled, match="ec2:RunInstances"):
        needs(
            "autoscaling",
            "CreateAutoScalingGroup",
            AutoScalingGroupName="g",
            LaunchTemplate={"LaunchTemplateName": "t"},
        )
    with pytest.raises(NotModelled, match="ec2:RunInstances"):
        needs("autoscaling", "CreateAutoScalingGroup", AutoScalingGroupName="g", MixedInstancesPolicy={"x": {}})


def test_a_group_that_keeps_its_template_needs_no_launch() -> None:
    found = needs("autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName="g", MinSize=1)
    assert short(found) == [("autoscaling:UpdateAutoScalingGroup", GROUP)]


def test_boundaries_and_policies_of_identities_are_condition_keys() -> None:
    (given,) = needs("iam", "CreateRole", RoleName="n", PermissionsBoundary="b")
    assert given.values == {"iam:PermissionsBoundary": "b"}
    (held,) = needs("iam", "AttachRolePolicy", RoleName="r", PolicyArn="p")
    assert held.values == {"iam:PermissionsBoundary": f"{IAM}:policy/limit", "iam:PolicyARN": "p"}


def test_what_a_service_does_with_a_key_is_its_own_grant() -> None:
    found = needs("dynamodb", "CreateTable", TableName="t", SSESpecification={"KMSMasterKeyId": "k"})
    grant = next(each for each in found if each.action == "kms:CreateGrant")
    assert (grant.via, grant.values) == ("dynamodb", {"kms:GrantIsForAWSResource": "true"})
