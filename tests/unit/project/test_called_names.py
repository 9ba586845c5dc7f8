"""Nothing that a node executes, and nothing that configures it, names a host outside of the VPC.

Libraries of others are not read: botocore calls the services of which our code makes clients, in the node's region. Nor
is what people configure: issuers of tokens, extra names of the API, registries of their pods.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imagebuilder import addons, program, versions
from imagebuilder.configure.__main__ import main as configure
from tests.templates.cluster import EXAMPLES, ROOT
from tests.unit.deployment import trees
from tests.unit.project.called_names import Kind, Read, outside
from tests.unit.userdata.kubeadm.examples import CLUSTER, CONTROL_PLANE, TOKEN, WORKER
from userdata.kubeadm import admission, audit, certs_config, discovery, init_config, join_config
from userdata.kubeadm.documents import Timeouts, text
from userdata.kubeadm.node import Host
from userdata.pki.issuing import new_authority

KNOWN = versions.read()


def node_program() -> Iterator[Read]:
    for package in program.PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.suffix == ".py", f"{path}: say how it is read"
                yield Read(str(path.relative_to(ROOT)), Kind.PYTHON, path.read_text(encoding="utf-8"))


def image(root: Path) -> Iterator[Read]:
    """Units, settings, rules and the file that starts the program."""
    pause = f"registry.k8s.io/pause:{KNOWN.newest.pause}"
    assert configure(["--root", str(root), "--sandbox-image", pause]) == 0
    for path in sorted(root.rglob("*")):
        if path.is_file():
            kind = Kind.JSON if path.suffix == ".json" else Kind.LINES
            yield Read(f"/{path.relative_to(root)}", kind, path.read_text(encoding="utf-8"))
    start = program._START.format(interpreter="/usr/bin/python3", libraries="/opt")
    yield Read("the start of the node program", Kind.PYTHON, start)


def add_ons() -> Iterator[Read]:
    for release in KNOWN.releases:
        for name, document in addons.documents(KNOWN, release).items():
            yield Read(f"{name} of {release.minor}", Kind.JSON, json.dumps(document))


def templates() -> Iterator[Read]:
    """User data, and documents that Session Manager runs on a node."""
    for example in EXAMPLES:
        for stack, body in trees.example(example).items():
            for name, resource in body["Resources"].items():
                place = f"{example}, {stack}/{name}"
                if resource["Type"] == "AWS::EC2::LaunchTemplate":
                    script = resource["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
                    yield Read(place, Kind.LINES, script)
                elif resource["Type"] == "AWS::SSM::Document":
                    yield Read(place, Kind.JSON, json.dumps(resource["Properties"]["Content"]))


def kubeadm() -> Iterator[Read]:
    now = datetime.now(UTC)
    authority = new_authority("kubernetes", now)
    host, limits = Host(), Timeouts()
    for release in KNOWN.releases:
        cluster = replace(CLUSTER, version=release.version, extra_names=())
        for name, said in (
            ("init", init_config.configuration(cluster, CONTROL_PLANE, TOKEN, 86400, host, limits)),
            ("join of a control plane", join_config.control_plane(CONTROL_PLANE, host, limits)),
            ("join of a worker", join_config.worker(replace(WORKER, labels={}, taints=()), host, limits)),
            ("certs", certs_config.configuration(cluster, CONTROL_PLANE.address)),
            ("discovery", discovery.for_control_plane(authority, cluster.server, CONTROL_PLANE.name, now)),
            ("admission", text(admission.configuration(()))),
            ("audit", text(audit.policy(()))),
        ):
            for document in said.split("---\n"):
                yield Read(f"{name} of {release.minor}", Kind.JSON, document)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Read]]:
    """What is read, by what it is."""
    return {
        "node program": list(node_program()),
        "image": list(image(tmp_path_factory.mktemp("root"))),
        "add-ons": list(add_ons()),
        "templates": list(templates()),
        "kubeadm": list(kubeadm()),
    }


PARTS = {"node program": 100, "image": 15, "add-ons": 6, "templates": 40, "kubeadm": 7}
"""The parts, and how many texts each has at least: what is not found is not read."""


@pytest.mark.parametrize("part", PARTS)
def test_no_host_outside_of_the_vpc_is_named(everything: dict[str, list[Read]], part: str) -> None:
    assert len(everything[part]) >= PARTS[part]
    assert [(each.where, found) for each in everything[part] if (found := outside(each))] == []


def ends_with(everything: dict[str, list[Read]], part: str, end: str) -> Read:
    return next(each for each in everything[part] if each.where.endswith(end))


@pytest.mark.parametrize(
    ("part", "end", "planted", "found"),
    [
        ("node program", "userdata/program.py", 'X = "https://updates.example.com/x"', "updates.example.com"),
        ("node program", "userdata/program.py", 'X = f"https://{main}.example.com:443/"', "\0.example.com"),
        ("node program", "userdata/program.py", 'X = "pool.ntp.org"', "pool.ntp.org"),
        ("node program", "userdata/program.py", 'X = "http://8.8.8.8/"', "8.8.8.8"),
        ("node program", "userdata/program.py", 'X = f"https://kms.{main}.amazonaws.com"', "kms.\0.amazonaws.com"),
        ("node program", "userdata/boot/wiring.py", 'X = client("kms")', "kms.amazonaws.com"),
        ("image", "kubelet.service", "ExecStartPre=/usr/bin/curl https://example.com/x", "example.com"),
        ("image", "chrony.conf", "pool time.example.org iburst", "time.example.org"),
        ("image", "config.toml", 'server = "https://user@mirror.example.com/v2"', "mirror.example.com"),
        ("image", "config.toml", 'sandbox_image = "registry.k8s.io/other:1"', "registry.k8s.io"),
        ("image", "holdfast-metadata.nft", "add rule ip t c ip daddr 1.1.1.1 accept", "1.1.1.1"),
        ("image", "start of the node program", 'X = "https://[2600:1f18::1]/"', "[2600:1f18::1]"),
        ("templates", "default, Controlplane/Slot0Template", "curl -o /x https://get.example.io/x", "get.example.io"),
        ("templates", "production, WorkersMemory/Template", "dnf -y install https://x.example/y.rpm", "x.example"),
    ],
)
def test_what_is_planted_is_found(
    everything: dict[str, list[Read]], part: str, end: str, planted: str, found: str
) -> None:
    read = ends_with(everything, part, end)
    assert outside(replace(read, text=f"{read.text}\n{planted}\n")) == [found]


@pytest.mark.parametrize(
    ("part", "end", "planted", "found"),
    [
        ("add-ons", "20-cilium.json of 1.37", "quay.io/cilium/other:v1", "quay.io"),
        ("add-ons", "30-cluster-autoscaler.json of 1.37", "--endpoint=metrics.example.com:443", "metrics.example.com"),
        ("add-ons", "30-cluster-autoscaler.json of 1.37", "https://dl.k8s.io/x", "dl.k8s.io"),
        ("templates", "development, Services/SessionDocument", "https://example.com/agent", "example.com"),
        ("kubeadm", "init of 1.37", "registry.example.com", "registry.example.com"),
        ("kubeadm", "join of a worker of 1.37", "https://api.example.net:6443", "api.example.net"),
    ],
)
def test_what_is_planted_in_a_document_is_found(
    everything: dict[str, list[Read]], part: str, end: str, planted: str, found: str
) -> None:
    read = ends_with(everything, part, end)
    document = json.loads(read.text) | {"planted": [{"value": planted}]}
    assert outside(replace(read, text=json.dumps(document))) == [found]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.PYTHON, '"""See https://example.com."""\n# https://example.com\n\ndef f():\n    """example.com"""\n'),
        (
            Kind.PYTHON,
            'X = f"https://{host}:{port}/"\nY = "https://127.0.0.1:2381/"\nZ = "api.uuid.holdfast.internal"\n',
        ),
        (Kind.PYTHON, 'X = client("sts")\nY = "certificates.k8s.io/v1"\nZ = "unix:///run/x.sock"\n'),
        (Kind.LINES, "# https://example.com\n; example.com\nDocumentation=https://example.com\n"),
        (Kind.LINES, "server 169.254.169.123 prefer\nhttp://169.254.169.254/latest\nhttps://localhost:10250\n"),
        (
            Kind.LINES,
            "https://sts.us-east-1.amazonaws.com 1.dkr.ecr.eu-west-1.amazonaws.com b.s3.cn-north-1.amazonaws.com.cn",
        ),
        (
            Kind.JSON,
            '{"node.kubernetes.io/x": "https://kubernetes.default.svc", "matchImages": ["*.dkr-ecr.*.on.aws"]}',
        ),
    ],
)
def test_what_is_inside_and_what_nobody_executes_is_left_alone(kind: Kind, text: str) -> None:
    assert outside(Read("here", kind, text)) == []
