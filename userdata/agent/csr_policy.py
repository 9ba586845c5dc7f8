"""Which requests of kubelets for certificates are approved. Pure; every answer has its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from coordination.names import CONTROL_PLANE_ROLE, WORKER_ROLE
from coordination.termination import TERMINATED
from userdata.kube.rights import CLIENT_SIGNER, SERVING_SIGNER
from userdata.kubeadm.tokens import GROUP
from userdata.pki.requests import CertificateRequest

_LIVE = frozenset({"pending", "running"})
_NODES = "system:nodes"
_NODE = "system:node:"
_BOOTSTRAP = "system:bootstrap:"
# No other node has a name here. What else somebody asks for must not reach EC2, whose filters know wildcards.
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")
# https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers; the second
# is only asked for with RSA keys.
_CLIENT_USAGES = (
    frozenset({"digital signature", "client auth"}),
    frozenset({"digital signature", "key encipherment", "client auth"}),
)
_SERVING_USAGES = (
    frozenset({"digital signature", "server auth"}),
    frozenset({"digital signature", "key encipherment", "server auth"}),
)

_LONGEST = 80

GRACE_SECONDS = 120
"""How long a request may wait for what is written a moment later: the boot row, that speaks of another key until the
kubelet has its own, and Auto Scaling's list of a group's instances."""


@dataclass(frozen=True)
class Approve:
    """The certificate is issued."""

    reason: str


@dataclass(frozen=True)
class Deny:
    """The certificate is never issued for this request. A kubelet asks anew with another one."""

    reason: str


@dataclass(frozen=True)
class Postpone:
    """Nothing yet: what the request lacks may still come."""

    reason: str


Verdict: TypeAlias = Approve | Deny | Postpone


@dataclass(frozen=True)
class Asked:
    """A request as the API server stores it: who asks, and what for."""

    username: str
    groups: frozenset[str]
    usages: frozenset[str]
    request: CertificateRequest
    age_seconds: float

    @property
    def named(self) -> str:
        """The instance whose name is asked for; empty where it is none's."""
        prefix, node, name = self.request.common_name.rpartition(_NODE)
        return name if node and not prefix and _INSTANCE.fullmatch(name) else ""

    @property
    def subject(self) -> str:
        """Whom the certificate would be for, for people: whoever asks has chosen the words."""
        return f"{self.request.organization[:_LONGEST]!r}, {self.request.common_name[:_LONGEST]!r}"


@dataclass(frozen=True)
class Bootstrapping:
    """What is known of the instance that a first certificate is asked for."""

    role: str
    """Its group's role; empty where no group of the cluster has it."""
    state: str | None
    """EC2's word, None where EC2 does not know it, or was not asked: there is no role."""
    has_node: bool
    boot_fingerprint: str
    """Of the key that the instance's own boot row speaks of; empty where there is none."""
    approved: frozenset[str] = frozenset()
    """Fingerprints of the keys for which requests of its name were approved before."""


@dataclass(frozen=True)
class Serving:
    """What is known of the instance that a server's certificate is asked for."""

    state: str | None
    addresses: frozenset[str]


@dataclass(frozen=True)
class Renewing:
    """What is known of the instance whose node asks for its next certificate."""

    role: str
    state: str | None


class RequestKind(Enum):
    """What a kubelet asks for."""

    FIRST = "first"
    """A worker's first certificate, asked for with the join token."""
    RENEWAL = "renewal"
    """A node's next certificate, asked for with the one that it has."""
    SERVING = "serving"
    """A server's certificate of a node."""


def kind_of(signer: str, username: str) -> RequestKind | None:
    """What a request is; None where it is not for the agents to judge.

    A joining control plane's is judged by a controller: it asks as one of kubeadm:cluster-admins.
    """
    if signer == SERVING_SIGNER:
        return RequestKind.SERVING
    if signer != CLIENT_SIGNER:
        return None
    if username.startswith(_BOOTSTRAP):
        return RequestKind.FIRST
    return RequestKind.RENEWAL if username.startswith(_NODE) else None


def form(kind: RequestKind, asked: Asked) -> Deny | None:
    """What is wrong with the form of a request, whoever it is about."""
    return {RequestKind.FIRST: first_form, RequestKind.RENEWAL: renewal_form, RequestKind.SERVING: serving_form}[kind](
        asked
    )


def first_form(asked: Asked) -> Deny | None:
    """What is wrong with the form of a request for a first certificate, whoever it is about."""
    request = asked.request
    if not asked.username.startswith(_BOOTSTRAP) or GROUP not in asked.groups:
        return Deny(f"{asked.username} is not one who joins with a token")
    if request.organization != _NODES or not asked.named:
        return Deny(f"it asks for {asked.subject}, which is no node's")
    if asked.usages not in _CLIENT_USAGES:
        return Deny(f"it asks for the usages {', '.join(sorted(asked.usages))}")
    if request.names or request.addresses:
        return Deny("a client's certificate has no alternative names")
    return None


def decide_first(asked: Asked, fingerprint: str, instance: Bootstrapping) -> Verdict:
    """Whether one who has a join token gets the certificate of the node that the request names.

    Whoever has the token can ask in any name, so the token proves nothing here: the key must be the one that the named
    instance itself speaks of, in the row that only it can write.
    """
    if wrong := first_form(asked):
        return wrong
    name = asked.named
    if instance.role == CONTROL_PLANE_ROLE:
        return Deny(f"{name} is a control plane, which joins without a token")
    if instance.role != WORKER_ROLE:
        # EC2 is not asked about it: names are the asker's, and there may be many.
        reason = f"{name} belongs to no pool of this cluster"
        return Postpone(reason) if asked.age_seconds < GRACE_SECONDS else Deny(reason)
    if instance.state == TERMINATED:
        return Deny(f"{name} is gone")
    if instance.state not in _LIVE:
        return Postpone(f"{name} is {instance.state or 'not known to EC2'}")
    if not instance.boot_fingerprint:
        return Postpone(f"{name} has not reported in its boot row which key its kubelet has")
    if instance.boot_fingerprint != fingerprint:
        reason = f"the key is not the one that {name} names in its boot row"
        # The kubelet may have made a new key just now.
        return Postpone(reason) if asked.age_seconds < GRACE_SECONDS else Deny(reason)
    if instance.has_node:
        return Postpone(f"{name} has a Node already; delete the Node to let it join anew")
    if instance.approved - {fingerprint}:
        return Postpone(f"{name} has had a certificate for another key")
    return Approve(f"{name} is a worker that joins, and names this key in its boot row")


def _not_of_itself(asked: Asked) -> Deny | None:
    """Whoever is no node, or asks for another one."""
    request = asked.request
    if _NODES not in asked.groups or not asked.username.startswith(_NODE):
        return Deny(f"{asked.username} is not a node")
    if request.organization != _NODES or request.common_name != asked.username or not asked.named:
        return Deny(f"it asks for {asked.subject}, and comes from {asked.username}")
    return None


def serving_form(asked: Asked) -> Deny | None:
    """What is wrong with the form of a request for a server's certificate, whoever it is about."""
    request = asked.request
    if wrong := _not_of_itself(asked):
        return wrong
    if asked.usages not in _SERVING_USAGES:
        return Deny(f"it asks for the usages {', '.join(sorted(asked.usages))}")
    if not request.names and not request.addresses:
        return Deny("it names no server")
    if {*request.names} - {asked.named}:
        return Deny(f"it names another server than {asked.named}")
    return None


def renewal_form(asked: Asked) -> Deny | None:
    """What is wrong with the form of a node's request for its next certificate, whoever it is about."""
    request = asked.request
    if wrong := _not_of_itself(asked):
        return wrong
    if asked.usages not in _CLIENT_USAGES:
        return Deny(f"it asks for the usages {', '.join(sorted(asked.usages))}")
    if request.names or request.addresses:
        return Deny("a client's certificate has no alternative names")
    return None


def decide_renewal(asked: Asked, instance: Renewing) -> Verdict:
    """Whether a node gets its next certificate, which it asks for with the one that it has.

    Kubernetes' own rule would approve it for as long as somebody has the certificate, also after the instance.
    """
    if wrong := renewal_form(asked):
        return wrong
    name = asked.named
    if instance.state == TERMINATED:
        return Deny(f"{name} is gone")
    if instance.state not in _LIVE:
        return Postpone(f"{name} is {instance.state or 'not known to EC2'}")
    if not instance.role:
        # A person may have detached it, and may put it back.
        return Postpone(f"{name} belongs to no group of this cluster")
    return Approve(f"{name} lives, and is of this cluster")


def decide_serving(asked: Asked, instance: Serving) -> Verdict:
    """Whether a node gets a server's certificate for what the request names."""
    if wrong := serving_form(asked):
        return wrong
    name = asked.named
    if instance.state == TERMINATED:
        return Deny(f"{name} is gone")
    if instance.state not in _LIVE:
        return Postpone(f"{name} is {instance.state or 'not known to EC2'}")
    if foreign := sorted({*asked.request.addresses} - instance.addresses):
        return Deny(f"EC2 shows no address {', '.join(foreign)} of {name}")
    return Approve(f"EC2 shows what it names as that of {name}")
