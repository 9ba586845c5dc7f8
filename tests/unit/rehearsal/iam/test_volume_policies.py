"""What the EBS CSI driver's role may do, judged as AWS judges it: the calls of its source, on its own volumes alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from rehearsal.aws.iam.context import Values
from rehearsal.aws.iam.requests import ec2
from rehearsal.aws.iam.requests.asked import Asked, Need
from rehearsal.aws.iam.state import LocalState
from rehearsal.aws.resource_facts import ResourceFacts
from tests.unit.rehearsal.iam import cluster_policies as cluster
from tests.unit.rehearsal.iam import test_cluster_policies as judged
from tests.unit.rehearsal.iam.cluster_policies import KEY, START, UUID

EC2 = f"arn:aws:ec2:{START}"
OWN, DRIVERS = {"holdfast:cluster": UUID}, {"ebs.csi.aws.com/cluster": "true"}
ETCD, ROOT, FOREIGN, DRIVERLESS, CLAIM = (
    f"{EC2}:volume/vol-{number}" for number in ("etcd", "root", "foreign", "driverless", "claim")
)
CONTROL_PLANE, WORKER, STRANGER = (f"{EC2}:instance/i-{number}" for number in ("slot", "worker", "stranger"))
TAGS: Mapping[str, Mapping[str, str]] = {
    ETCD: {**OWN, "holdfast:role": "control-plane"},
    ROOT: OWN,
    CLAIM: {**OWN, **DRIVERS},
    FOREIGN: {"holdfast:cluster": "another", **DRIVERS},
    DRIVERLESS: DRIVERS,
    CONTROL_PLANE: {**OWN, "holdfast:role": "control-plane"},
    WORKER: {**OWN, "holdfast:role": "worker"},
    STRANGER: {"holdfast:cluster": "another", "holdfast:role": "worker"},
}


class Tagged:
    """The tags of the table above."""

    def tags(self, arn: str) -> Mapping[str, str] | None:
        return TAGS.get(arn, {})


@pytest.fixture(autouse=True)
def _tags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged, "Tagged", Tagged)


def may(need: Need, *, role: str = "EbsCsi", came_from: str | None = cluster.VPC, endpoint: str = "") -> bool:
    return judged.may(role, need, came_from=came_from, endpoint=endpoint, folder=cluster.WITH_VOLUMES)


def creates(tags: Mapping[str, str], encrypted: str = "true") -> Need:
    values: dict[str, Values] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    return Need("ec2:CreateVolume", f"{EC2}:volume/*", {**values, "ec2:Encrypted": encrypted})


def on_key(action: str, via: str | None, **values: Values) -> Need:
    return Need(f"kms:{action}", KEY, values, via=via)


def grant(for_service: str, via: str | None = "ec2") -> Need:
    return Need("kms:CreateGrant", KEY, {"kms:GrantIsForAWSResource": for_service}, via=via)


GIVEN = {**OWN, **DRIVERS, "CSIVolumeName": "pvc-1", f"kubernetes.io/cluster/{UUID}": "owned"}
# The calls of the driver's source (pkg/cloud/cloud.go), each with what EC2 asks for it; what serves snapshots, which
# no cluster has, is not there, nor copies of volumes and changes of their tags.
ALLOWED = [
    creates(GIVEN),
    Need("ec2:CreateTags", f"{EC2}:volume/*", {"ec2:CreateAction": "CreateVolume"}),
    *(Need(f"ec2:{action}", CLAIM) for action in ("AttachVolume", "DetachVolume", "DeleteVolume", "ModifyVolume")),
    *(Need(f"ec2:{action}", WORKER) for action in ("AttachVolume", "DetachVolume")),
    *(
        Need(f"ec2:Describe{what}")
        for what in ("AvailabilityZones", "Instances", "InstanceTypes", "Volumes", "VolumesModifications")
    ),
    Need("ec2:DescribeVolumeStatus"),
    *(on_key(action, "ec2") for action in ("DescribeKey", "GenerateDataKeyWithoutPlaintext", "Decrypt")),
    *(on_key(action, "ec2") for action in ("ReEncryptFrom", "ReEncryptTo")),
    grant("true"),
]
REFUSED = [
    # For another cluster, for nobody, or without a trace of the driver.
    *(creates({**GIVEN, **tags}) for tags in ({"holdfast:cluster": "another"}, {"ebs.csi.aws.com/cluster": "false"})),
    creates({**DRIVERS}),
    creates({**OWN}),
    creates(GIVEN, encrypted="false"),
    # What a volume is a copy of.
    Need("ec2:CreateVolume", f"{EC2}:snapshot/snap-1", {f"aws:RequestTag/{key}": each for key, each in GIVEN.items()}),
    # Tags of what is there: with them anything would be the driver's.
    Need("ec2:CreateTags", ETCD),
    Need("ec2:CreateTags", f"{EC2}:volume/*", {"ec2:CreateAction": "CreateSnapshot"}),
    Need("ec2:CreateTags", CONTROL_PLANE, {"ec2:CreateAction": "RunInstances"}),
    Need("ec2:DeleteTags", CLAIM),
    # etcd's data, a node's root, another cluster's, and what nobody of this cluster has made.
    *(
        Need(f"ec2:{action}", volume)
        for action in ("AttachVolume", "DetachVolume", "DeleteVolume", "ModifyVolume")
        for volume in (ETCD, ROOT, FOREIGN, DRIVERLESS)
    ),
    *(
        Need(f"ec2:{action}", instance)
        for action in ("AttachVolume", "DetachVolume")
        for instance in (CONTROL_PLANE, STRANGER)
    ),
    *(Need(f"ec2:{action}", CLAIM) for action in ("CreateSnapshot", "CopyVolumes", "EnableVolumeIO")),
    Need("ec2:TerminateInstances", WORKER),
    Need("ec2:DescribeSnapshots"),
    Need("ec2:DescribeInstanceAttribute"),
    # The key by itself, through another service, or for somebody else.
    *(on_key(action, via) for action in ("Decrypt", "GenerateDataKeyWithoutPlaintext") for via in (None, "ssm")),
    on_key("Encrypt", "ec2"),
    on_key("GenerateDataKey", "ec2"),
    grant("false"),
    grant("true", via="lambda"),
    on_key("RevokeGrant", "ec2"),
    Need("sts:AssumeRole", cluster.AUTOSCALER_ROLE),
    Need("ssm:GetParametersByPath", f"{judged.PARAMETERS}/settings"),
    Need("dynamodb:GetItem", cluster.TABLE),
    Need("autoscaling:SetDesiredCapacity", f"{judged.GROUP}workers"),
]


def named(need: Need) -> str:
    return f"{need.action} {need.resource.rpartition(':')[2]} {dict(need.values) or need.via or ''}"


@pytest.mark.parametrize("need", ALLOWED, ids=named)
def test_the_driver_does_what_it_is_there_for(need: Need) -> None:
    assert may(need)


@pytest.mark.parametrize("need", REFUSED, ids=named)
def test_the_driver_does_nothing_else(need: Need) -> None:
    assert not may(need)


class Keys(LocalState):
    """The local AWS's own account, beside which there is the cluster's key."""

    def kms_key(self, region: str, key_id: str) -> str | None:
        return key_id if key_id == KEY else super().kms_key(region, key_id)


def test_a_volume_of_the_default_class_is_made_with_all_that_ec2_asks_for_it() -> None:
    """As the driver asks for one: pkg/cloud/cloud.go, createVolumeHelper."""
    tags = [{"Key": key, "Value": value} for key, value in GIVEN.items()]
    request = {
        "AvailabilityZone": "us-east-1a",
        "ClientToken": "x",
        "Size": 8,
        "VolumeType": "gp3",
        "Encrypted": True,
        "KmsKeyId": KEY,
        "TagSpecifications": [{"ResourceType": "volume", "Tags": tags}],
    }
    asked = Asked("ec2", "CreateVolume", request, cluster.REGION, cluster.ACCOUNT, "aws")
    found = ec2.needs(asked, Keys(ResourceFacts()))
    assert {need.action for need in found} == {
        *("ec2:CreateVolume", "ec2:CreateTags"),
        *("kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey", "kms:CreateGrant"),
    }
    assert [need for need in found if not may(need)] == []
    plain = Asked("ec2", "CreateVolume", {**request, "Encrypted": False}, cluster.REGION, cluster.ACCOUNT, "aws")
    assert not all(may(need) for need in ec2.needs(plain, Keys(ResourceFacts())))


def test_its_calls_pass_the_endpoints_policy_and_none_from_elsewhere() -> None:
    for need in (creates(GIVEN), Need("ec2:AttachVolume", CLAIM), Need("ec2:DescribeVolumes")):
        assert may(need, endpoint="ec2"), need
        assert not may(need, came_from="vpc-0000000000000002"), need
        assert not may(need, came_from=None), need


def test_the_endpoint_of_a_cluster_without_the_driver_lets_none_of_it_through() -> None:
    """Its policy is of what is called from the VPC."""
    driver = cluster.of_role("EbsCsi", cluster.WITH_VOLUMES)
    assert driver
    assert not cluster.of_role("EbsCsi")
    endpoint = str(cluster.of_endpoint("ec2"))
    assert "CreateVolume" not in endpoint
    assert "CreateVolume" in str(cluster.of_endpoint("ec2", cluster.WITH_VOLUMES))


def test_control_planes_alone_assume_its_role_and_do_none_of_it_themselves() -> None:
    assume = Need("sts:AssumeRole", cluster.EBS_CSI_ROLE)
    assert may(assume, role="ControlPlane")
    assert not may(assume, role="Worker")
    for need in (creates(GIVEN), Need("ec2:AttachVolume", CLAIM), grant("true")):
        assert not may(need, role="ControlPlane"), need
        assert not may(need, role="Worker"), need
