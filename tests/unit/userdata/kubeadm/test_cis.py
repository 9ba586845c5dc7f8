"""The CIS Kubernetes Benchmark 1.12: which check passes, and for which reason one does not have to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.programs import MINORS
from tests.unit.userdata.kubeadm.cis_checks import CHECKS, SCORED, Rendered, rendered

ACCEPTED = {
    "1.1.12": "kubeadm runs etcd as root, so its folder is root's; nobody else can read it (1.1.11)",
    "1.2.1": "the flag cannot stand beside an authentication configuration, which lets strangers ask for health only",
    "1.2.11": "nodes reach no registry but the account's; what their pods need is in the image",
    "4.2.7": "a Node's name is its instance's id, by which agents approve its certificates",
    "4.2.9": "the kubelet asks for its serving certificate, and an agent compares the request with what EC2 says",
}
"""Fails, and may."""
ELSEWHERE = {
    "1.1.11": "a real node: tests/e2e/test_security.py",
    "1.2.20": "a person: 60 s, the default, is right",
    "3.1.1": "a person: who gets which credentials",
    "3.1.2": "a person: who gets which credentials",
    "3.1.3": "a person: join tokens are nodes'",
    "3.2.2": "tests/unit/userdata/kubeadm/test_audit.py",
    "4.1.3": "no kube-proxy runs",
    "4.1.4": "no kube-proxy runs",
    "4.3.1": "no kube-proxy runs",
}
"""Of groups 1 to 4 what is not asked here. Group 5 is about what is installed and who may what."""
_GROUPS = {"1.1": 21, "1.2": 30, "1.3": 7, "1.4": 2, "2": 7, "3.1": 3, "3.2": 2, "4.1": 10, "4.2": 14, "4.3": 1}
EVERY = {f"{group}.{at}" for group, most in _GROUPS.items() for at in range(1, most + 1)}


@pytest.fixture(scope="module", params=MINORS)
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """A control plane of each minor."""
    return rendered(tmp_path_factory.mktemp("node"), request.param)


def test_every_check_passes_or_is_accepted_with_a_reason(node: Rendered) -> None:
    failed = {name for name, check in CHECKS.items() if not check(node)}
    assert failed - ACCEPTED.keys() == set(), "they fail, and no reason is given"
    assert ACCEPTED.keys() - failed == set(), "they pass by now: take the reason away"


def test_of_the_scored_ones_only_the_owner_of_etcds_folder_fails() -> None:
    assert SCORED & ACCEPTED.keys() == {"1.1.12"}


def test_every_check_of_the_benchmark_is_asked_somewhere() -> None:
    assert CHECKS.keys() | ELSEWHERE.keys() == EVERY
    assert CHECKS.keys() & ELSEWHERE.keys() == set()
    assert SCORED <= EVERY
    assert all(reason.strip() for reason in (*ACCEPTED.values(), *ELSEWHERE.values()))


@pytest.mark.parametrize(
    ("path", "check"),
    [
        ("etc/kubernetes/manifests/etcd.yaml", "1.1.7"),
        ("etc/kubernetes/admin.conf", "1.1.13"),
        ("etc/systemd/system/kubelet.service", "4.1.1"),
        ("var/lib/kubelet/instance-config.yaml", "4.1.9"),
        ("etc/kubernetes/pki/etcd/peer.key", "1.1.21"),
    ],
)
def test_a_file_that_others_may_read_is_found_out(node: Rendered, path: str, check: str) -> None:
    target: Path = node.root / path
    before = target.stat().st_mode
    target.chmod(0o644)
    try:
        assert not CHECKS[check](node)
    finally:
        target.chmod(before)
    assert CHECKS[check](node)
