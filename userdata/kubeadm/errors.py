"""What kubeadm, etcd and AWS say when something fails: whether to try again, and a sentence for a human.

The words are those of Kubernetes 1.36 and 1.37, etcd 3.6 and 3.7, and AWS's error codes. What nobody knows is tried
again until the stage's deadline, and then shown as it is, without tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

_TOKEN = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b")
_PHASE = re.compile(r"error execution phase ([\w/-]+)")
_LONGEST = 300


@dataclass(frozen=True)
class Fault:
    """Why something failed. `permanent`: trying again on this node, with what it has, cannot help."""

    permanent: bool
    reason: str
    """One sentence."""
    next_step: str
    """What a human can do about it, if it lasts."""


def sort(said: str) -> Fault:
    """The fault that a text tells: all that a command printed, or the reason of an outcome.

    A permanent fault goes before a transient one: kubeadm prints every attempt before it prints why it gives up.
    """
    for permanent, faults in ((True, PERMANENT), (False, TRANSIENT)):
        for pattern, reason, next_step in faults:
            found = re.search(pattern, said)
            if found:
                return Fault(permanent, _in_phase(reason.format(*found.groups()), said), next_step)
    return Fault(False, _in_phase(_last_line(said), said), "Look at the node's log: this failure has no entry yet.")


def _in_phase(reason: str, said: str) -> str:
    phase = _PHASE.search(said)
    return f"{reason} (kubeadm's phase {phase[1]})" if phase else reason


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip() and "--v=5 or higher" not in line]
    return _TOKEN.sub("(a token)", lines[-1])[:_LONGEST] if lines else "it failed and said nothing"


Row: TypeAlias = tuple[str, str, str]
"""Pattern, reason, next step. The pattern's groups fill the reason; the first row that is found counts."""

_REPLACE = "Terminate the instance: its replacement starts afresh."
_IMAGE = "Deploy an image of the cluster's version, or finish the upgrade first."
_REPORT = "This is a defect of Holdfast: report it with the node's log."

PERMANENT: tuple[Row, ...] = (
    # versions
    (
        r"this version of kubeadm only supports deploying clusters with the control plane version >= (\S+)\. "
        r"Current version: (\S+)",
        "the cluster runs {1}, and this image joins clusters of {0} and newer only",
        _IMAGE,
    ),
    (
        r"\[ERROR KubeletVersion\]: ([^\n]+)",
        "the image's kubelet and kubeadm do not fit each other: {0}",
        _IMAGE,
    ),
    (
        r"\[ERROR ImagePull\]: failed to pull image (\S+?):? ",
        "the image {0} is not on this node, and nodes pull nothing: it is of another version than the cluster",
        _IMAGE,
    ),
    # the machine
    (
        r"\[ERROR SystemVerification\]|kubelet is configured to not run on a host using cgroup v1",
        "the machine is not as the kubelet wants it, most likely because of cgroup v1",
        "Use an image with cgroup v2, such as Amazon Linux 2023.",
    ),
    (
        r"\[ERROR (?:FileAvailable|DirAvailable|Port)-[^\]]*\]: ([^\n]+)",
        "an earlier join has left something behind: {0}",
        _REPLACE,
    ),
    # Of all other checks only the runtime's may come right by itself.
    (r"\[ERROR (?!CRI\])(\w+)\]: ([^\n]+)", "kubeadm's check {0} failed: {1}", "See what the check asks for."),
    # membership
    (
        r'a Node with name "([^"]+)" and status "Ready" already exists',
        "the cluster has a Node {0} already, from a life of this instance that was reset",
        "Delete the Node, then terminate the instance.",
    ),
    (
        r"tocommit\(\d+\) is out of range \[lastIndex\(\d+\)\]",
        "etcd's data was emptied while etcd still listed this member, so the member cannot go on",
        "Remove the member from another one, then terminate the instance.",
    ),
    (
        r"member [0-9a-f]+ has already been bootstrapped|the member has been permanently removed from the cluster",
        "etcd has removed this member, and its data must never serve again",
        _REPLACE,
    ),
    # identity
    (
        r"certificate signed by unknown authority|certificate is not trusted|unable to get local issuer certificate",
        "whoever answers at the API's name has a certificate of another authority",
        "Check that the name leads to this cluster's balancer, and that the join data are of this epoch.",
    ),
    # our own configuration
    (
        r'strict decoding error: (unknown field "[^"]+")',
        "kubeadm was told something that it does not know: {0}",
        _REPORT,
    ),
    (
        r"anonymous: Forbidden: --anonymous-auth flag cannot be set",
        "the API server got --anonymous-auth beside the authentication file, and takes only one of them",
        _REPORT,
    ),
    (r"user was not specified for context", "the discovery file names no user", _REPORT),
    (r"don't specify individual checks if 'all' is used", "kubeadm got checks to ignore in two places", _REPORT),
    # AWS
    (
        r"\b(DisabledException|KMSInvalidStateException|InvalidKeyId|NotFoundException: Key)",
        "the cluster's key cannot be used ({0}), so secrets can neither be read nor stored",
        "Enable the key, or cancel its deletion.",
    ),
    (
        r"the table does not exist|Requested resource not found",
        "the cluster's table does not exist",
        "Restore the table, or deploy the cluster anew.",
    ),
    (
        r"\b(ParameterMaxVersionLimitExceeded|ParameterLimitExceeded)\b",
        "SSM takes no further parameter ({0})",
        "Delete parameters, or raise the account's limit.",
    ),
)

_MEMBERS = "Look at etcd's members: remove one that is dead, or a learner whose instance is gone."
_REACH = "Check security groups, routes and the balancer's targets."

TRANSIENT: tuple[Row, ...] = (
    # etcd
    (r"too many learner members in cluster", "another member is joining etcd, and etcd takes one at a time", _MEMBERS),
    (
        r"etcdserver: unhealthy cluster|etcdserver: re-configuration failed due to not enough started members",
        "etcd changes no members while one of them does not answer, or has just come",
        _MEMBERS,
    ),
    (
        r"can only promote a learner member which is in sync with leader",
        "the new member has not caught up with etcd's leader yet",
        "Look at the load and the disks of etcd's members.",
    ),
    (
        r"etcdserver: (?:request timed out|no leader|leader changed)|etcd cluster is not healthy"
        r"|member \S+ is not healthy",
        "etcd has no leader, or no majority that answers in time",
        _MEMBERS,
    ),
    (r"mvcc: database space exceeded", "etcd's database is full", "Compact and defragment etcd, then clear the alarm."),
    # joining
    (r"\[ERROR CRI\]", "containerd does not answer yet", "Look at containerd's log: journalctl -u containerd."),
    (
        r"failed while waiting for TLS bootstrap",
        "the kubelet's certificate request was not approved in time",
        "Look at the agents on the control planes, and at `kubectl get csr`.",
    ),
    (
        r"(?:Abort|Error) reading the cluster-info ConfigMap.*Unauthorized",
        "the API server does not know this node's token or certificate",
        "The join data are read again; if it lasts, look at the agents, which renew the token.",
    ),
    (
        r"Abort reading the cluster-info ConfigMap|couldn't validate the identity of the API Server",
        "the cluster's description could not be read from the API in time",
        _REACH,
    ),
    (
        r"\[kubelet-check\] The kubelet is not healthy|The HTTP call equal to 'curl -sSL",
        "the kubelet did not become healthy",
        "Look at the kubelet's log: journalctl -u kubelet.",
    ),
    (
        r"\[control-plane-check\] \S+ is not healthy after|A control plane component may have crashed",
        "a program of the control plane did not become healthy",
        "Look at the logs in /var/log/containers.",
    ),
    (
        r"certificate has expired or is not yet valid",
        "a certificate is not good at this moment: a clock is wrong, or it was not renewed",
        "Compare clocks (chronyc tracking), and look at `holdfast-node status` for what has ended.",
    ),
    # AWS
    (
        r"\b(AccessDenied|AccessDeniedException|UnauthorizedOperation|UnauthorizedAccess)\b",
        "AWS denies a call ({0}); of a new role that may be so for a minute",
        "Compare the role's policies, the key's policy and the VPC endpoint's policy with the generated ones.",
    ),
    (
        r"\b(Throttling\w*|RequestLimitExceeded|TooManyRequestsException|ProvisionedThroughputExceeded\w*|SlowDown)\b",
        "AWS asks for patience ({0})",
        "If it lasts, raise the account's limit.",
    ),
    (
        r"\b(ExpiredToken\w*|NoCredentialsError|CredentialRetrievalError|MetadataRetrievalError)\b",
        "the instance has no valid credentials at this moment ({0})",
        "Look at the instance profile, and at whether the metadata service answers.",
    ),
    (
        r"\b(EndpointConnectionError|ConnectTimeoutError|ReadTimeoutError|ConnectionClosedError|ProxyConnectionError)\b",
        "a service of AWS cannot be reached ({0})",
        "Check the VPC endpoint of the service, its security group and its private DNS name.",
    ),
    (
        r"\b(InternalServerError|InternalFailure|InternalError|ServiceUnavailable\w*|ServerException)\b",
        "a service of AWS failed ({0})",
        "Look at the AWS Health Dashboard.",
    ),
    (
        r"\bParameterNotFound\b",
        "a parameter in SSM is not there, or not there yet",
        "Look at the stacks services and controlplane, and at the join data below the cluster's prefix.",
    ),
    # the network, after everything that quotes it
    (r"no such host|Name or service not known", "a name does not resolve", "Check the private hosted zone."),
    (
        r"connection refused|connection reset|i/o timeout|TLS handshake timeout|unexpected EOF|no route to host"
        r"|http2: client connection lost|Client\.Timeout exceeded|context deadline exceeded",
        "the other side did not answer, or not in time",
        _REACH,
    ),
)
