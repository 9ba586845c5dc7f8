"""Whether an instance type can be what a kind of node has to be, by what EC2 says of the type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.machine import Machines

# kubeadm refuses a control plane of fewer CPUs (its preflight check NumCPU); below the memory etcd and the API server
# of an empty cluster run into the kernel's killer.
# https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/
_LEAST_CPUS = 2
_LEAST_MIB = 4096

InstanceType = dict[str, Any]


def judge(machines: Machines, body: InstanceType) -> Iterator[Finding]:
    """Every reason against the type; one OK where there is none."""
    about = About(Topic.MACHINES, machines.subject)
    reasons = list(_against(machines, body))
    for reason in reasons:
        yield about.failed(reason, f"choose another {machines.parameter}")
    if not reasons:
        yield about.ok(f"{_cpus(body)} vCPUs, {_mib(body)} MiB, {', '.join(_architectures(body))}")
    if body.get("BareMetal"):
        yield about.warning(
            "bare metal takes many minutes longer to boot", "give LaunchHookHeartbeatSeconds its largest value"
        )


def _against(machines: Machines, body: InstanceType) -> Iterator[str]:
    if machines.control_plane and _cpus(body) < _LEAST_CPUS:
        yield f"a control plane needs {_LEAST_CPUS} vCPUs, and it has {_cpus(body)}"
    if machines.control_plane and _mib(body) < _LEAST_MIB:
        yield f"a control plane needs {_LEAST_MIB} MiB of memory, and it has {_mib(body)}"
    if "on-demand" not in body.get("SupportedUsageClasses", ["on-demand"]):
        yield "it is not offered on demand"
    if "hvm" not in body.get("SupportedVirtualizationTypes", ["hvm"]):
        yield "it does not run images of virtualization type hvm"
    if "ebs" not in body.get("SupportedRootDeviceTypes", ["ebs"]):
        yield "it does not boot from a volume"
    ebs = body.get("EbsInfo", {})
    if machines.ebs_optimized and ebs.get("EbsOptimizedSupport") == "unsupported":
        yield "it is never EBS-optimized, which the launch template asks for"
    if ebs.get("EncryptionSupport") == "unsupported":
        yield "it takes no encrypted volumes"
    if machines.tenancy == "host" and not body.get("DedicatedHostsSupported"):
        yield "it does not run on dedicated hosts"
    if (
        machines.tenancy == "dedicated"
        and body.get("BurstablePerformanceSupported")
        and body.get("Hypervisor") == "xen"
    ):
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/dedicated-instance.html
        yield "burstable types of the Xen generation are not launched as dedicated instances"
    if any(name.endswith("_mac") for name in _architectures(body)):
        yield "it runs macOS only"


def fits(machines: Machines, body: InstanceType, image: dict[str, Any]) -> Finding:
    """Whether the type runs the image: architecture, virtualization type and boot mode."""
    about = About(Topic.MACHINES, f"{machines.subject} and {machines.image}")
    remedy = f"choose another {machines.parameter} or {machines.image_parameter}"
    if image["Architecture"] not in _architectures(body):
        runs = ", ".join(_architectures(body))
        return about.failed(f"the type runs {runs}, and the image is of {image['Architecture']}", remedy)
    if image.get("VirtualizationType", "hvm") not in body.get("SupportedVirtualizationTypes", ["hvm"]):
        return about.failed(f"the image is of virtualization type {image['VirtualizationType']}", remedy)
    modes = body.get("SupportedBootModes", ["legacy-bios", "uefi"])
    if image.get("BootMode") in ("uefi", "legacy-bios") and image["BootMode"] not in modes:
        return about.failed(f"the image boots by {image['BootMode']}, and the type by {', '.join(modes)}", remedy)
    return about.ok(f"{image['Architecture']}")


def _cpus(body: InstanceType) -> int:
    return int(body["VCpuInfo"]["DefaultVCpus"])


def _mib(body: InstanceType) -> int:
    return int(body["MemoryInfo"]["SizeInMiB"])


def _architectures(body: InstanceType) -> list[str]:
    return list(body["ProcessorInfo"]["SupportedArchitectures"])
