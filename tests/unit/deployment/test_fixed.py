"""What never changes is found in an update of the living stack, with both values, and refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployment import fixed
from deployment.changes import Change, Value
from deployment.refusal import Refusal
from generator.config.model import ClusterConfig
from generator.root import templates

PARAMETER = "AWS::SSM::Parameter"


def setting(name: str, before: str, after: str) -> Change:
    path = f"Services/{name}Setting"
    return Change(path, PARAMETER, "Modify", before={"Value": before}, after={"Value": after})


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (setting("ControlPlaneSlots", "5", "3"), "controlPlane.slots: 5 → 3"),
        (setting("ControlPlaneSlots", "3", "5"), "controlPlane.slots: 3 → 5"),
        (setting("PodCidr", "100.64.0.0/16", "100.96.0.0/16"), "kubernetes.podCidr: 100.64.0.0/16 → 100.96.0.0/16"),
        (
            setting("ServiceCidr", "172.20.0.0/16", "172.21.0.0/16"),
            "kubernetes.serviceCidr: 172.20.0.0/16 → 172.21.0.0/16",
        ),
        (setting("ClusterName", "prod", "prod-eu"), "name: prod → prod-eu"),
        (
            Change("Services/PodCidrSetting", PARAMETER, "Modify", values=(Value("Value", "a", "b"),)),
            "kubernetes.podCidr: a → b",
        ),
        (
            Change(
                "Network/Vpc",
                "AWS::EC2::VPC",
                "Modify",
                "True",
                ("CidrBlock",),
                before={"CidrBlock": "10.0.0.0/16"},
                after={"CidrBlock": "10.1.0.0/16"},
            ),
            "network.vpcCidr: 10.0.0.0/16 → 10.1.0.0/16",
        ),
        (
            Change("Network/Vpc", "AWS::EC2::VPC", "Modify", "True", ("InstanceTenancy",)),
            "the VPC: the present one → a new one (InstanceTenancy)",
        ),
        (Change("Network/Vpc", "AWS::EC2::VPC", "Remove"), "network.vpc: create → given"),
        (Change("Network/Vpc", "AWS::EC2::VPC", "Add"), "network.vpc: given → create"),
        (
            Change("Database/Table", "AWS::DynamoDB::Table", "Modify", "True", ("KeySchema",)),
            "the cluster table: the present one → a new one (KeySchema)",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_would_change_is_told_with_both_values_and_refused_in_one_line(change: Change, line: str) -> None:
    other = Change("Network/FlowLogGroup", "AWS::Logs::LogGroup", "Modify", before={}, after={})
    found = fixed.of_changes([other, change])
    assert [each.line for each in found] == [line]
    with pytest.raises(Refusal) as caught:
        fixed.refuse(found)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        setting("NetworkEncryption", "wireguard", "none"),
        setting("PodCidr", "100.64.0.0/16", "100.64.0.0/16"),
        Change("Services/PodCidrSetting", PARAMETER, "Add", after={"Value": "100.64.0.0/16"}),
        Change("Network/Vpc", "AWS::EC2::VPC", "Modify", "False", ("Tags",)),
        Change("Iam/WorkerRole", "AWS::IAM::Role", "Modify", "True", ("Path",)),
    ],
)
def test_anything_else_may_change(change: Change) -> None:
    fixed.refuse(fixed.of_changes([change]))


@pytest.mark.parametrize(
    ("existing", "given", "line"),
    [
        ("a,b,c", "a,b,c", ""),
        ("a,b,c", "a, b, c,d", ""),
        ("a,b,c", "a,c,b", "AvailabilityZones: a,b,c → a,c,b (zones keep their places; further ones come last)"),
        ("a,b,c", "d,a,b,c", "AvailabilityZones: a,b,c → d,a,b,c (zones keep their places; further ones come last)"),
        ("a,b,c", "a,b", "AvailabilityZones: a,b,c → a,b (zones keep their places; further ones come last)"),
    ],
)
def test_zones_keep_their_places(existing: str, given: str, line: str) -> None:
    found = fixed.of_parameters({"AvailabilityZones": existing}, {"AvailabilityZones": given})
    assert [each.line for each in found] == [line] * bool(line)


def test_parameters_that_are_not_given_change_nothing_and_a_given_vpc_stays() -> None:
    existing = {"AvailabilityZones": "a,b,c", "VpcId": "vpc-1"}
    assert fixed.of_parameters(existing, {"GeneralMaxSize": "7", "VpcId": "vpc-1"}) == []
    assert [each.line for each in fixed.of_parameters(existing, {"VpcId": "vpc-2"})] == ["VpcId: vpc-1 → vpc-2"]


def test_every_path_is_one_of_the_templates() -> None:
    bodies: dict[str, Any] = {name: json.loads(text) for name, text in templates(ClusterConfig()).items()}
    for path, name in fixed._VALUES:
        layer, resource = path.split("/")
        assert name in bodies[f"{layer.lower()}.json"]["Resources"][resource]["Properties"]
    for path in fixed._IRREPLACEABLE:
        layer, resource = path.split("/")
        assert resource in bodies[f"{layer.lower()}.json"]["Resources"]
