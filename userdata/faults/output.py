"""What commands print when they fail, kubeadm above all: the only place where a text is searched for what it means.

The words are those of Kubernetes 1.36 and 1.37, and of etcd 3.6 and 3.7, which kubeadm quotes. What nobody knows is
tried again until the stage's deadline, and then shown as it is, without tokens.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TypeAlias

from userdata.faults.etcd import FULL, NO_LEADER, NOT_ALL_HEALTHY, NOT_IN_SYNC, ONE_AT_A_TIME
from userdata.faults.fault import CHECK_REACH, Fault, unsorted
from userdata.faults.network import CERTIFICATE_ENDED, NO_ANSWER, NO_NAME, UNTRUSTED_SERVER

_PHASE = re.compile(r"error execution phase ([\w/-]+)")


def of_output(said: str) -> Fault:
    """The fault that a command's output tells: all that it printed.

    A permanent fault goes before a transient one: kubeadm prints every attempt before it prints why it ends.
    """
    for pattern, fault in ROWS:
        found = re.search(pattern, said)
        if found:
            return _in_phase(replace(fault, reason=fault.reason.format(*found.groups())), said)
    return _in_phase(unsorted(said), said)


def _in_phase(fault: Fault, said: str) -> Fault:
    phase = _PHASE.search(said)
    return replace(fault, reason=f"{fault.reason} (kubeadm's phase {phase[1]})") if phase else fault


Row: TypeAlias = tuple[str, Fault]
"""A pattern and its fault. The pattern's groups fill the fault's reason; the first row that is found counts."""

_REPLACE = "Terminate the instance: its replacement starts afresh."
_IMAGE = "Deploy an image of the cluster's version, or finish the upgrade first."
_REPORT = "This is a defect of Holdfast: report it with the node's log."

ROWS: tuple[Row, ...] = (
    # Permanent ones first.
    # versions
    (
        r"this version of kubeadm only supports deploying clusters with the control plane version >= (\S+)\. "
        r"Current version: (\S+)",
        Fault(True, "the cluster runs {1}, and this image joins clusters of {0} and newer only", _IMAGE),
    ),
    (
        r"\[ERROR KubeletVersion\]: ([^\n]+)",
        Fault(True, "the image's kubelet and kubeadm do not fit each other: {0}", _IMAGE),
    ),
    (
        r"\[ERROR ImagePull\]: failed to pull image (\S+?):? ",
        Fault(
            True,
            "the image {0} is not in the machine image, which is of another version than the cluster",
            _IMAGE,
        ),
    ),
    # the machine
    (
        r"\[ERROR SystemVerification\]|kubelet is configured to not run on a host using cgroup v1",
        Fault(
            True,
            "the machine is not as the kubelet wants it, most likely because of cgroup v1",
            "Use an image with cgroup v2, such as Amazon Linux 2023.",
        ),
    ),
    (
        r"\[ERROR (?:FileAvailable|DirAvailable|Port)-[^\]]*\]: ([^\n]+)",
        Fault(True, "an earlier join has left something behind: {0}", _REPLACE),
    ),
    # Of all other checks only the runtime's may come right by itself.
    (
        r"\[ERROR (?!CRI\])(\w+)\]: ([^\n]+)",
        Fault(True, "kubeadm's check {0} failed: {1}", "See what the check asks for."),
    ),
    # membership
    (
        r'a Node with name "([^"]+)" and status "Ready" already exists',
        Fault(
            True,
            "the cluster has a Node {0} already, from an earlier join of this instance",
            "Delete the Node, then terminate the instance.",
        ),
    ),
    (
        r"tocommit\(\d+\) is out of range \[lastIndex\(\d+\)\]",
        Fault(
            True,
            "etcd's data was emptied while etcd still listed this member, so the member cannot go on",
            "Remove the member from another one, then terminate the instance.",
        ),
    ),
    (
        r"member [0-9a-f]+ has already been bootstrapped|the member has been permanently removed from the cluster",
        Fault(True, "etcd has removed this member, and its data must never serve again", _REPLACE),
    ),
    # identity
    (
        r"certificate signed by unknown authority|certificate is not trusted",
        UNTRUSTED_SERVER,
    ),
    # our own configuration
    (
        r'strict decoding error: (unknown field "[^"]+")',
        Fault(True, "kubeadm was told something that it does not know: {0}", _REPORT),
    ),
    (
        r"anonymous: Forbidden: --anonymous-auth flag cannot be set",
        Fault(
            True,
            "the API server got --anonymous-auth beside the authentication file, and takes only one of them",
            _REPORT,
        ),
    ),
    (r"user was not specified for context", Fault(True, "the discovery file names no user", _REPORT)),
    (
        r"don't specify individual checks if 'all' is used",
        Fault(True, "kubeadm got checks to ignore in two places", _REPORT),
    ),
    # etcd, as kubeadm quotes it
    (r"too many learner members in cluster", ONE_AT_A_TIME),
    (
        r"etcdserver: unhealthy cluster|etcdserver: re-configuration failed due to not enough started members",
        NOT_ALL_HEALTHY,
    ),
    (r"can only promote a learner member which is in sync with leader", NOT_IN_SYNC),
    (
        r"etcdserver: (?:request timed out|no leader|leader changed)|etcd cluster is not healthy"
        r"|member \S+ is not healthy",
        NO_LEADER,
    ),
    (r"mvcc: database space exceeded", FULL),
    # joining
    (
        r"\[ERROR CRI\]",
        Fault(False, "containerd does not answer yet", "Look at containerd's log: journalctl -u containerd."),
    ),
    (
        r"failed while waiting for TLS bootstrap",
        Fault(
            False,
            "the kubelet's certificate request was not approved in time",
            "Look at the agents on the control planes, and at `kubectl get csr`.",
        ),
    ),
    (
        r"(?:Abort|Error) reading the cluster-info ConfigMap.*Unauthorized",
        Fault(
            False,
            "the API server does not know this node's token or certificate",
            "The join data are read again; if it lasts, look at the agents, which renew the token.",
        ),
    ),
    (
        r"Abort reading the cluster-info ConfigMap|couldn't validate the identity of the API Server",
        Fault(False, "the cluster's description could not be read from the API in time", CHECK_REACH),
    ),
    (
        r"\[kubelet-check\] The kubelet is not healthy|The HTTP call equal to 'curl -sSL",
        Fault(False, "the kubelet did not become healthy", "Look at the kubelet's log: journalctl -u kubelet."),
    ),
    (
        r"\[control-plane-check\] \S+ is not healthy after|A control plane component may have crashed",
        Fault(
            False, "a program of the control plane did not become healthy", "Look at the logs in /var/log/containers."
        ),
    ),
    (r"certificate has expired or is not yet valid", CERTIFICATE_ENDED),
    # the network, after everything that quotes it
    (r"no such host", NO_NAME),
    (
        r"connection refused|connection reset|i/o timeout|TLS handshake timeout|unexpected EOF|no route to host"
        r"|http2: client connection lost|Client\.Timeout exceeded|context deadline exceeded",
        NO_ANSWER,
    ),
)
