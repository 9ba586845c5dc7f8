"""What programs really said, and how it is sorted."""

from __future__ import annotations

import re

import pytest

from tests.unit.userdata.secrecy import leaks
from userdata.faults.fault import Fault
from userdata.faults.output import ROWS, of_output

PERMANENT = {
    'error execution phase kubelet-start: a Node with name "n3" and status "Ready" already exists in the cluster. '
    "You must delete the existing Node or change the name of this new joining Node": "the cluster has a Node n3",
    "\t[ERROR ImagePull]: failed to pull image registry.k8s.io/kube-apiserver:v1.36.3: failed to resolve": (
        "the image registry.k8s.io/kube-apiserver:v1.36.3 is not in the machine image"
    ),
    "panic: tocommit(1162) is out of range [lastIndex(0)]. Was the raft log corrupted, truncated, or lost?": (
        "etcd's data was emptied while etcd still listed this member"
    ),
    "anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in authentication "
    "configuration file": "the API server got --anonymous-auth beside",
    "user was not specified for context": "the discovery file names no user",
    "don't specify individual checks if 'all' is used": "kubeadm got checks to ignore in two places",
    "this version of kubeadm only supports deploying clusters with the control plane version >= 1.36.0. "
    "Current version: v1.35.9": "the cluster runs v1.35.9, and this image joins clusters of 1.36.0 and newer only",
    "[preflight] Some fatal errors occurred:\n\t[ERROR FileAvailable--etc-kubernetes-manifests-etcd.yaml]: "
    "/etc/kubernetes/manifests/etcd.yaml already exists\n[preflight] If you know": (
        "an earlier join has left something behind: /etc/kubernetes/manifests/etcd.yaml already exists"
    ),
    "\t[ERROR DirAvailable--var-lib-etcd]: /var/lib/etcd is not empty": "/var/lib/etcd is not empty",
    "\t[ERROR Port-10250]: Port 10250 is in use": "Port 10250 is in use",
    "\t[ERROR SystemVerification]: cgroups v1 support is in maintenance mode": "the machine is not as",
    "\t[ERROR NumCPU]: the number of available CPUs 1 is less than the required 2": "kubeadm's check NumCPU failed",
    'Get "https://api:6443/api": tls: failed to verify certificate: x509: certificate signed by unknown authority': (
        "the server at the API's name"
    ),
    'strict decoding error: unknown field "skipPhase"': 'does not know: unknown field "skipPhase"',
    "\t[ERROR KubeletVersion]: couldn't get kubelet version": "do not fit each other: couldn't get kubelet version",
    "the member has been permanently removed from the cluster": "etcd has removed this member",
}
TRANSIENT = {
    "etcdserver: too many learner members in cluster": "another member is joining etcd",
    "etcdserver: unhealthy cluster": "etcd changes no members while one of them is unreachable",
    "etcdserver: request timed out, possibly due to previous leader failure": "etcd has no leader, or no majority",
    "etcdserver: can only promote a learner member which is in sync with leader": "has not caught up",
    "error execution phase kubelet-start: failed while waiting for TLS bootstrap: context deadline exceeded": (
        "the kubelet's certificate request was not approved in time (kubeadm's phase kubelet-start)"
    ),
    "error execution phase preflight: couldn't validate the identity of the API Server: Abort reading the cluster-info "
    "ConfigMap after timeout of 10s: Unauthorized": "the API server does not know this node's token",
    "couldn't validate the identity of the API Server: failed to request the cluster-info ConfigMap: Unauthorized": (
        "the cluster's description could not be read"
    ),
    "[kubelet-check] The kubelet is not healthy after 4m0.5s": "the kubelet did not become healthy",
    "[control-plane-check] kube-apiserver is not healthy after 4m0.2s": "a program of the control plane",
    'Get "https://10.20.0.100:6443/api/v1/nodes/n3": unexpected EOF': "the other side did not answer",
    "etcdserver: mvcc: database space exceeded": "etcd's database is full",
    "\t[ERROR CRI]: could not connect to the container runtime": "containerd does not answer yet",
    "dial tcp 10.0.0.5:6443: connect: connection refused": "the other side did not answer",
    "dial tcp: lookup api.holdfast.internal: no such host": "a name does not resolve",
    "tls: failed to verify certificate: x509: certificate has expired or is not yet valid": "a clock is wrong",
}


@pytest.mark.parametrize("said", PERMANENT)
def test_what_no_repetition_cures_is_permanent(said: str) -> None:
    assert of_output(said).permanent
    assert PERMANENT[said] in of_output(said).reason


@pytest.mark.parametrize("said", TRANSIENT)
def test_what_may_pass_is_transient(said: str) -> None:
    assert not of_output(said).permanent
    assert TRANSIENT[said] in of_output(said).reason


def test_a_human_gets_one_sentence_and_a_next_step() -> None:
    for said in (*PERMANENT, *TRANSIENT):
        fault = of_output(said)
        assert "\n" not in fault.reason
        assert re.match(r"[A-Z].*\.$", fault.next_step), fault.next_step


def test_why_kubeadm_ends_counts_more_than_what_it_tried_before() -> None:
    said = (
        "Error reading the cluster-info ConfigMap, will try again: connection refused\n"
        "error execution phase preflight: [preflight] Some fatal errors occurred:\n"
        "\t[ERROR DirAvailable--var-lib-etcd]: /var/lib/etcd is not empty\n"
    )
    assert of_output(said) == Fault(
        True,
        "an earlier join has left something behind: /var/lib/etcd is not empty (kubeadm's phase preflight)",
        "Terminate the instance: its replacement starts afresh.",
    )


def test_what_nobody_knows_is_tried_again_and_shown_by_its_last_line() -> None:
    last = "To see the stack trace of this error execute with --v=5 or higher"
    fault = of_output(f"something\nerror: the sky is falling\n{last}\n")
    assert (fault.permanent, fault.reason) == (False, "error: the sky is falling")


def test_silence_is_a_failure_too() -> None:
    assert of_output("\n").reason == "it failed and said nothing"


def test_no_token_is_shown() -> None:
    fault = of_output('could not use token "abcdef.0123456789abcdef"')
    assert leaks({"token": "0123456789abcdef"}, [("reason", fault.reason.encode())]) == []


def test_a_line_of_any_length_is_cut() -> None:
    assert len(of_output("x" * 5000).reason) == 300


def test_permanent_entries_stand_before_transient_ones() -> None:
    permanent = [fault.permanent for _, fault in ROWS]
    assert permanent == sorted(permanent, reverse=True)


def test_every_entry_is_met_by_something_that_was_said() -> None:
    said = "\n".join((*PERMANENT, *TRANSIENT))
    assert [pattern for pattern, _ in ROWS if not re.search(pattern, said)] == []
