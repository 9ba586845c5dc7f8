"""What EC2 says of instance types and images, judged: without a call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deployment.preflight import images, quotas, types
from deployment.preflight.finding import State
from deployment.preflight.machine import Machines
from tests.unit.deployment.quota_lists import QUOTAS

IMAGE_ID = "ami-0123456789abcdef0"
OWNER = "123456789012"
POOL = Machines(
    parameter="GeneralInstanceType",
    instance_type="m7i.large",
    previous_type="",
    image_parameter="WorkerImage",
    image=IMAGE_ID,
    control_plane=False,
    smallest=2,
    largest=10,
    rolled=1,
    tenancy="default",
    options={"EbsOptimized": True},
    volumes=(("/dev/xvda", 50),),
)
CONTROL_PLANE = replace(POOL, parameter="ControlPlaneInstanceType", control_plane=True)
ON_HOSTS, DEDICATED = replace(POOL, tenancy="host"), replace(POOL, tenancy="dedicated")
TYPE: dict[str, Any] = {
    "VCpuInfo": {"DefaultVCpus": 2},
    "MemoryInfo": {"SizeInMiB": 8192},
    "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
    "SupportedUsageClasses": ["on-demand", "spot"],
    "SupportedVirtualizationTypes": ["hvm"],
    "SupportedBootModes": ["legacy-bios", "uefi"],
    "SupportedRootDeviceTypes": ["ebs"],
    "EbsInfo": {"EbsOptimizedSupport": "default", "EncryptionSupport": "supported"},
    "DedicatedHostsSupported": True,
    "BurstablePerformanceSupported": False,
    "Hypervisor": "nitro",
    "BareMetal": False,
}
IMAGE: dict[str, Any] = {
    "ImageId": IMAGE_ID,
    "State": "available",
    "OwnerId": OWNER,
    "Name": "node",
    "Architecture": "x86_64",
    "VirtualizationType": "hvm",
    "RootDeviceName": "/dev/xvda",
    "RootDeviceType": "ebs",
    "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "Encrypted": False}}],
}
XEN = {"BurstablePerformanceSupported": True, "Hypervisor": "xen"}


@pytest.mark.parametrize("machines", [POOL, CONTROL_PLANE, ON_HOSTS, DEDICATED])
def test_a_type_that_can_be_all_of_it_is_ok(machines: Machines) -> None:
    (finding,) = types.judge(machines, TYPE)
    assert (finding.state, finding.detail) == (State.OK, "2 vCPUs, 8192 MiB, x86_64")


@pytest.mark.parametrize(
    ("machines", "changed", "words"),
    [
        (CONTROL_PLANE, {"VCpuInfo": {"DefaultVCpus": 1}}, "needs 2 vCPUs"),
        (CONTROL_PLANE, {"MemoryInfo": {"SizeInMiB": 2048}}, "needs 4096 MiB"),
        (CONTROL_PLANE, {"MemoryInfo": {"SizeInMiB": 4095}}, "needs 4096 MiB"),
        (POOL, {"EbsInfo": {"EbsOptimizedSupport": "unsupported"}}, "never EBS-optimized"),
        (POOL, {"EbsInfo": {"EncryptionSupport": "unsupported"}}, "no encrypted volumes"),
        (POOL, {"SupportedUsageClasses": ["capacity-block"]}, "not offered on demand"),
        (POOL, {"SupportedVirtualizationTypes": ["paravirtual"]}, "virtualization type hvm"),
        (POOL, {"SupportedRootDeviceTypes": ["instance-store"]}, "does not boot from a volume"),
        (POOL, {"ProcessorInfo": {"SupportedArchitectures": ["arm64_mac"]}}, "macOS only"),
        (ON_HOSTS, {"DedicatedHostsSupported": False}, "does not run on dedicated hosts"),
        (DEDICATED, XEN, "not launched as dedicated instances"),
    ],
)
def test_each_reason_against_a_type_is_told(machines: Machines, changed: dict[str, Any], words: str) -> None:
    (finding,) = types.judge(machines, TYPE | changed)
    assert finding.state is State.FAILED
    assert words in finding.detail
    assert finding.remedy == f"choose another {machines.parameter}"


@pytest.mark.parametrize(
    ("machines", "changed"),
    [
        (POOL, {"VCpuInfo": {"DefaultVCpus": 1}, "MemoryInfo": {"SizeInMiB": 512}}),
        (CONTROL_PLANE, {"MemoryInfo": {"SizeInMiB": 4096}}),
        (POOL, XEN),
        (DEDICATED, {"DedicatedHostsSupported": False}),
        (DEDICATED, XEN | {"Hypervisor": "nitro"}),
        (replace(POOL, options={}), {"EbsInfo": {"EbsOptimizedSupport": "unsupported"}}),
    ],
)
def test_what_does_not_matter_to_a_kind_of_node_is_not_held_against_the_type(
    machines: Machines, changed: dict[str, Any]
) -> None:
    assert [finding.state for finding in types.judge(machines, TYPE | changed)] == [State.OK]


def test_bare_metal_is_told() -> None:
    states = [finding.state for finding in types.judge(POOL, TYPE | {"BareMetal": True})]
    assert states == [State.OK, State.WARNING]


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({}, State.OK),
        ({"BootMode": "uefi-preferred"}, State.OK),
        ({"BootMode": "uefi"}, State.OK),
        ({"Architecture": "arm64"}, State.FAILED),
        ({"Architecture": "i386"}, State.FAILED),
        ({"VirtualizationType": "paravirtual"}, State.FAILED),
    ],
)
def test_a_type_and_an_image_have_to_go_together(changed: dict[str, str], state: State) -> None:
    assert types.fits(POOL, TYPE, IMAGE | changed).state is state


def test_an_image_that_boots_by_uefi_needs_a_type_that_does() -> None:
    bios = TYPE | {"SupportedBootModes": ["legacy-bios"]}
    assert types.fits(POOL, bios, IMAGE | {"BootMode": "uefi"}).state is State.FAILED
    assert types.fits(POOL, bios, IMAGE | {"BootMode": "uefi-preferred"}).state is State.OK


class Keys:
    """EC2's snapshots and KMS's keys, of which images tell only that there are some."""

    def __init__(self, snapshots: list[dict[str, Any]], **key: Any) -> None:
        self._snapshots = snapshots
        self._key = key

    def client(self, service: str) -> Any:
        return self

    def describe_snapshots(self, Filters: Any) -> dict[str, Any]:
        return {"Snapshots": self._snapshots}

    def describe_key(self, KeyId: str) -> dict[str, Any]:
        return {"KeyMetadata": self._key}


SNAPSHOT = {"SnapshotId": "snap-1", "KmsKeyId": "arn:aws:kms:eu-central-1:123456789012:key/k"}
NO_KEYS = Keys([])


def mapped(device: str = "/dev/xvda", **ebs: Any) -> dict[str, Any]:
    return {"BlockDeviceMappings": [{"DeviceName": device, "Ebs": {"VolumeSize": 8, **ebs}}]}


@pytest.mark.parametrize(
    ("changed", "state", "words"),
    [
        ({}, State.OK, "of this account"),
        ({"State": "pending"}, State.FAILED, "its state is pending"),
        ({"State": "deregistered"}, State.FAILED, "its state is deregistered"),
        ({"OwnerId": "210987654321"}, State.NOTE, "shared by the account 210987654321"),
        ({"OwnerId": "210987654321", "Public": True}, State.WARNING, "a public image of the account 210987654321"),
        ({"OwnerId": "1", "ImageOwnerAlias": "amazon", "Public": True}, State.NOTE, "owned by Amazon"),
        ({"RootDeviceName": "/dev/sda1"}, State.FAILED, "its root device is /dev/sda1"),
        ({"RootDeviceType": "instance-store"}, State.FAILED, "instance store"),
        (mapped(VolumeSize=51), State.FAILED, "its root volume has 51 GiB"),
        (mapped(VolumeSize=50), State.OK, "of this account"),
    ],
)
def test_an_image_is_judged_by_owner_and_root_volume(changed: dict[str, Any], state: State, words: str) -> None:
    found = images.check(NO_KEYS, IMAGE | changed, [POOL], OWNER)
    assert [each for each in found if each.state is state and words in each.detail], found
    assert all(each.state in (state, State.OK) for each in found)


def test_an_image_that_is_not_there_has_failed() -> None:
    (finding,) = images.check(NO_KEYS, None, [POOL], OWNER)
    assert finding.state is State.FAILED


@pytest.mark.parametrize(
    ("keys", "state", "words"),
    [
        (NO_KEYS, State.NOTE, "a key of another account"),
        (Keys([SNAPSHOT], Enabled=True, KeyManager="CUSTOMER"), State.NOTE, "is encrypted with arn:aws:kms"),
        (Keys([SNAPSHOT], Enabled=True, KeyManager="AWS"), State.OK, "is encrypted with arn:aws:kms"),
        (
            Keys([SNAPSHOT], Enabled=False, KeyManager="CUSTOMER", KeyState="PendingDeletion"),
            State.FAILED,
            "whose state is PendingDeletion",
        ),
    ],
)
def test_the_key_of_an_encrypted_image_is_told(keys: Keys, state: State, words: str) -> None:
    found = images.check(keys, IMAGE | mapped(Encrypted=True, SnapshotId="snap-1"), [POOL], OWNER)
    assert [each for each in found if each.state is state and words in each.detail], found


LIMITS = {code: quotas.Limit("ec2", code, name, 10) for code, name in QUOTAS["ec2"].items()}


@pytest.mark.parametrize(
    ("instance_type", "code"),
    [
        ("m7i.large", "L-1216C47A"),
        ("c7i-flex.large", "L-1216C47A"),
        ("im4gn.large", "L-1216C47A"),
        ("is4gen.large", "L-1216C47A"),
        ("a1.large", "L-1216C47A"),
        ("z1d.large", "L-1216C47A"),
        ("g5.xlarge", "L-DB2E81BA"),
        ("gr6.4xlarge", "L-DB2E81BA"),
        ("vt1.3xlarge", "L-DB2E81BA"),
        ("p5.48xlarge", "L-417A185B"),
        ("x2idn.16xlarge", "L-7295265B"),
        ("f1.2xlarge", "L-74FC7D96"),
        ("inf2.xlarge", "L-1945791B"),
        ("dl1.24xlarge", "L-6E869C2A"),
        ("trn1.2xlarge", "L-2C3B7624"),
        ("hpc7a.12xlarge", "L-F7808C92"),
        ("u-6tb1.56xlarge", "L-43DA4232"),
        ("u7i-12tb.224xlarge", "L-43DA4232"),
        ("mac2.metal", None),
        ("q1.large", None),
    ],
)
def test_a_type_counts_against_the_quota_whose_name_has_its_family(instance_type: str, code: str | None) -> None:
    found = quotas.family_limit(LIMITS, instance_type)
    assert (found.code if found else None) == code


@pytest.mark.parametrize(
    "family", ["inf1", "inf2", "dl1", "dl2q", "hpc6a", "hpc7g", "mac1", "mac2-m2", "trn1", "trn1n"]
)
def test_a_family_with_a_quota_of_its_own_is_never_counted_as_standard(family: str) -> None:
    """Also in a region whose list has no quota of it: the letters of Standard begin each of these."""
    (standard,) = (limit for limit in LIMITS.values() if "On-Demand Standard" in limit.name)
    assert quotas.family_limit({standard.code: standard}, f"{family}.large") is None
    assert quotas.family_limit(LIMITS, f"{family}.large") != standard
