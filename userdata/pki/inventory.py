"""The certificates of a node: where they are, who renews them and who uses them, and when they are due. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from coordination.outcomes import Known, Reading
from userdata.pki.inspecting import Certificate
from userdata.pki.issuing import BACKDATED
from userdata.pki.placing import FOLDER

KUBERNETES_FOLDER = "/etc/kubernetes"
KUBELET_FOLDER = "/var/lib/kubelet/pki"

DUE_SHARE = 1 / 3
"""A certificate is renewed when less than this share of its lifetime is left: of a year, four months."""
ALARM_SHARE = 1 / 5
"""With less than this left, whoever should have renewed it has failed for long."""


class Renewal(StrEnum):
    """Who renews a certificate."""

    AGENT = "agent"
    """The agent, by kubeadm."""
    KUBELET = "kubelet"
    """The kubelet itself, once its request is approved."""
    NOBODY = "nobody"
    """An authority: that is a change of keys, and a person's decision."""


class Pod(StrEnum):
    """A static pod, by the name of its manifest and of its program; in the order in which they are restarted."""

    ETCD = "etcd"
    API_SERVER = "kube-apiserver"
    CONTROLLER_MANAGER = "kube-controller-manager"
    SCHEDULER = "kube-scheduler"


@dataclass(frozen=True)
class Place:
    """Where a certificate is."""

    name: str
    path: str
    renewal: Renewal
    user: Pod | None = None
    """The pod that reads it when it starts."""
    optional: bool = False
    """Whether a node may be without it."""


def _agents(name: str, user: Pod | None = None) -> Place:
    return Place(name, f"{FOLDER}/{name}.crt", Renewal.AGENT, user)


def _embedded(name: str, user: Pod | None = None, *, optional: bool = False) -> Place:
    return Place(name, f"{KUBERNETES_FOLDER}/{name}", Renewal.AGENT, user, optional)


CONTROL_PLANE: tuple[Place, ...] = (
    _agents("apiserver", Pod.API_SERVER),
    _agents("apiserver-kubelet-client", Pod.API_SERVER),
    _agents("apiserver-etcd-client", Pod.API_SERVER),
    _agents("front-proxy-client", Pod.API_SERVER),
    _agents("etcd/server", Pod.ETCD),
    _agents("etcd/peer", Pod.ETCD),
    # The agent's own way to etcd; it is read anew for every question.
    _agents("etcd/healthcheck-client"),
    # A person's, for the day when nothing else leads into the cluster. Nothing of ours needs it.
    _embedded("admin.conf", optional=True),
    _embedded("controller-manager.conf", Pod.CONTROLLER_MANAGER),
    _embedded("scheduler.conf", Pod.SCHEDULER),
    *(Place(name, f"{FOLDER}/{name}.crt", Renewal.NOBODY) for name in ("ca", "etcd/ca", "front-proxy-ca")),
)
"""What `kubeadm certs renew all` renews, and the authorities. super-admin.conf is not: no node keeps it.

kubeadm passes over what is missing (`renewCert` in cmd/kubeadm/app/cmd/certs.go)."""
KUBELET: tuple[Place, ...] = (
    Place("kubelet-client", f"{KUBELET_FOLDER}/kubelet-client-current.pem", Renewal.KUBELET),
    Place("kubelet-serving", f"{KUBELET_FOLDER}/kubelet-server-current.pem", Renewal.KUBELET, optional=True),
)

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n?", re.DOTALL)
_EMBEDDED = re.compile(r"^\s*\"?client-certificate-data\"?:\s*\"?([A-Za-z0-9+/=]+)\"?,?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class HeldCertificate:
    """A certificate as it was found; None where the file is not there."""

    place: Place
    certificate: Reading[Certificate | None]

    def is_due(self, now: datetime) -> bool:
        """Whether the agent has to renew it."""
        return self.place.renewal is Renewal.AGENT and _left(self, now, DUE_SHARE)

    def is_alarming(self, now: datetime) -> bool:
        """Whether it ends soon, whoever should have renewed it."""
        return _left(self, now, ALARM_SHARE)


def _left(held: HeldCertificate, now: datetime, share: float) -> bool:
    """Whether less than this share of the lifetime is left. What cannot be read is nobody's to renew by guessing."""
    if not isinstance(held.certificate, Known) or held.certificate.value is None:
        return False
    certificate = held.certificate.value
    # Without what it begins too early, which is most of a lifetime of minutes.
    return (certificate.ends - now) < share * (certificate.ends - certificate.begins - BACKDATED)


def pem_of(content: str) -> str:
    """The first certificate of a file: PEM, or a kubeconfig that holds it. Empty if there is none.

    Keys that stand beside it are not taken along.
    """
    if embedded := _EMBEDDED.search(content):
        try:
            content = base64.b64decode(embedded[1], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""
    found = _PEM.search(content)
    return found[0] if found else ""


def due(held: Iterable[HeldCertificate], now: datetime) -> tuple[str, ...]:
    """The names of what the agent has to renew."""
    return tuple(each.place.name for each in held if each.is_due(now))


def stale(started: Mapping[Pod, float | None], changed: Mapping[Pod, float]) -> tuple[Pod, ...]:
    """The pods that started before their certificates were changed, in the order in which they are restarted.

    Both in seconds since 1970; a pod that does not run (None) will start with what is there. So nothing has to be
    remembered between renewing and restarting: a crash between them, or a reboot, changes what is seen, and not more.
    """
    return tuple(pod for pod in Pod if _is_before(started.get(pod), changed.get(pod)))


def _is_before(started: float | None, changed: float | None) -> bool:
    return started is not None and changed is not None and started < changed
