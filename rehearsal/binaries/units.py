"""What is built: each unit is a Go module of ours that pins others, and the commands that are built of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagebuilder.versions import Release, Versions

HERE = Path(__file__).parent
_KUBERNETES = "k8s.io/kubernetes"
_ETCD = "go.etcd.io/etcd"
_CONTAINERD = "github.com/containerd/containerd/v2"
_CNI = "github.com/containernetworking/plugins"
_COREDNS = "github.com/coredns/coredns"
_CLOUD_PROVIDER = "k8s.io/cloud-provider-aws"
_CILIUM = "github.com/cilium/cilium"
_SAMPLE_API_SERVER = "k8s.io/sample-apiserver"
_KUBERNETES_COMMANDS = (
    "kubeadm",
    "kubelet",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubectl",
)
# kubeadm derives the versions that it accepts from the first, API clients their User-Agent from the second.
_KUBERNETES_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclass(frozen=True)
class Unit:
    """One module of ours and its commands."""

    name: str
    folder: Path
    """Holds go.mod and go.sum, or a program of ours."""
    requires: Mapping[str, str]
    """The modules that go.mod asks for, and their versions; what these ask for follows. Empty for our own program."""
    commands: Mapping[str, str]
    """A program's file name -> its package."""
    linked: Mapping[str, str]
    """Variables that the linker sets: `package.name` -> value."""
    disk_gib: float
    """What a first build writes, Go's own caches included; measured with Go 1.26, rounded up."""
    tags: tuple[str, ...] = ()
    """Go's build tags, for all commands."""
    replaced: Mapping[str, str] = field(default_factory=dict)
    """Modules that others stand in for: as go.mod says it, a module with its version or a folder of this unit."""
    tests: Mapping[str, str] = field(default_factory=dict)
    """A program's file name -> the package whose compiled tests it is."""


def units(versions: Versions, release: Release) -> tuple[Unit, ...]:
    """Everything that machines of one release run."""
    return (_kubernetes(release), _etcd(release), _credential_provider(release), *_runtime(versions))


def cilium(versions: Versions) -> Unit:
    """What machines run in addition whose network is Cilium.

    Two modules that its go.mod names by a commit, or by a version, proxies of Go modules do not have: gobgp, of which
    the release after that commit stands in, and one of which Cilium takes a single constant. So BGP and services of
    several clusters, which no cluster of ours uses, are not those of Cilium's release.
    """
    return Unit(
        name="cilium",
        folder=_module("cilium"),
        requires={_CILIUM: versions.cilium},
        commands={
            "cilium-agent": f"{_CILIUM}/daemon",
            "cilium-operator-generic": f"{_CILIUM}/operator",
            "cilium-cni": f"{_CILIUM}/plugins/cilium-cni",
            "cilium-dbg": f"{_CILIUM}/cilium-dbg",
            "cilium-health-responder": f"{_CILIUM}/cilium-health/responder",
            "cilium-mount": f"{_CILIUM}/tools/mount",
            "cilium-sysctlfix": f"{_CILIUM}/tools/sysctlfix",
        },
        linked={f"{_CILIUM}/pkg/version.ciliumVersion": versions.cilium.removeprefix("v")},
        disk_gib=5,
        # As its Makefile has them; the second one makes the operator the one called generic.
        tags=("osusergo", "ipam_provider_operator"),
        replaced={
            "github.com/osrg/gobgp/v4": "github.com/osrg/gobgp/v4 v4.8.0",
            "sigs.k8s.io/mcs-api/controllers": "./controllers",
        },
    )


def conformance(release: Release) -> Unit:
    """Kubernetes' own end-to-end tests of a release, and the programs of container images of theirs.

    Their commands are in the module of Kubernetes, and the sample API server in the one that is published with it.
    """
    name = f"conformance-{release.minor}"
    images = f"{_KUBERNETES}/test/images"
    return Unit(
        name=name,
        folder=_module(name),
        requires={_KUBERNETES: release.version, _SAMPLE_API_SERVER: "v0" + release.version.removeprefix("v1")},
        commands={
            "agnhost": f"{images}/agnhost",
            "nnp": f"{images}/nonewprivs",
            "sample-apiserver": _SAMPLE_API_SERVER,
        },
        linked=_kubernetes_version(release),
        disk_gib=7,
        tests={"e2e.test": f"{_KUBERNETES}/test/e2e"},
    )


def all_units(versions: Versions) -> tuple[Unit, ...]:
    """The units of every release, each once, Cilium, and the conformance tests."""
    found = {unit.name: unit for release in versions.releases for unit in units(versions, release)}
    return (*found.values(), cilium(versions), *(conformance(release) for release in versions.releases))


def _module(name: str) -> Path:
    return HERE / "modules" / name


def _kubernetes_version(release: Release) -> dict[str, str]:
    """What the linker sets in programs of Kubernetes, as its own build does."""
    values = {
        "gitVersion": release.version,
        "gitMajor": release.minor.partition(".")[0],
        "gitMinor": release.minor.partition(".")[2],
        # A module holds neither commit nor date, and a version without them is taken for a development build.
        "gitTreeState": "clean",
        "gitCommit": "0" * 40,
        "buildDate": "2026-01-01T00:00:00Z",
    }
    return {f"{package}.{each}": value for package in _KUBERNETES_VERSION_PACKAGES for each, value in values.items()}


def _kubernetes(release: Release) -> Unit:
    name = f"kubernetes-{release.minor}"
    return Unit(
        name=name,
        folder=_module(name),
        requires={_KUBERNETES: release.version},
        commands={command: f"{_KUBERNETES}/cmd/{command}" for command in _KUBERNETES_COMMANDS},
        linked=_kubernetes_version(release),
        disk_gib=6,
    )


def _etcd(release: Release) -> Unit:
    name = f"etcd-{release.etcd.lstrip('v').rpartition('.')[0]}"
    return Unit(
        name=name,
        folder=_module(name),
        requires={f"{_ETCD}/{module}/v3": release.etcd for module in ("server", "etcdctl", "etcdutl")},
        commands={
            "etcd": f"{_ETCD}/server/v3",
            "etcdctl": f"{_ETCD}/etcdctl/v3",
            "etcdutl": f"{_ETCD}/etcdutl/v3",
        },
        linked={},
        disk_gib=0.5,
    )


def _credential_provider(release: Release) -> Unit:
    name = f"ecr-credential-provider-{release.minor}"
    return Unit(
        name=name,
        folder=_module(name),
        requires={_CLOUD_PROVIDER: release.ecr_credential_provider},
        commands={"ecr-credential-provider": f"{_CLOUD_PROVIDER}/cmd/ecr-credential-provider"},
        linked={},
        disk_gib=0.5,
    )


def _runtime(versions: Versions) -> tuple[Unit, ...]:
    return (
        Unit(
            name="containerd",
            folder=_module("containerd"),
            requires={_CONTAINERD: versions.containerd},
            commands={name: f"{_CONTAINERD}/cmd/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")},
            linked={f"{_CONTAINERD}/version.Version": versions.containerd},
            disk_gib=1,
        ),
        Unit(
            name="cni-plugins",
            folder=_module("cni-plugins"),
            requires={_CNI: versions.cni_plugins},
            commands={
                "bridge": f"{_CNI}/plugins/main/bridge",
                "loopback": f"{_CNI}/plugins/main/loopback",
                "host-local": f"{_CNI}/plugins/ipam/host-local",
                "portmap": f"{_CNI}/plugins/meta/portmap",
            },
            linked={f"{_CNI}/pkg/utils/buildversion.BuildVersion": versions.cni_plugins},
            disk_gib=0.2,
        ),
        Unit(
            name="coredns",
            folder=_module("coredns"),
            requires={_COREDNS: versions.coredns},
            commands={"coredns": _COREDNS},
            linked={},
            disk_gib=1.5,
        ),
        Unit(
            name="pause",
            folder=HERE / "pause",
            requires={},
            commands={"pause": "."},
            linked={},
            disk_gib=0.1,
        ),
    )
