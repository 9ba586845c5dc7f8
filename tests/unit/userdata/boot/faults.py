"""Who is in a world of whole boots, and what a test lets become of an event in it."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum

from coordination.names import Encryption
from coordination.outcomes import Unknown
from userdata.config.settings import ClusterSettings
from userdata.etcd.model import EtcdMember
from userdata.pki.issuing import new_pki

ME, OTHER = "i-me", "i-other"
MY_ADDRESS, OTHER_ADDRESS = "10.0.0.9", "10.0.0.1"
SETTINGS = ClusterSettings(
    *("arn:stack", "demo", "api.internal", (), 3, "100.64.0.0/16", "172.20.0.0/16", 20, (), Encryption.WIREGUARD),
    *("", "", "", "", "", "", ""),
    {},
    "",
    {},
    (),
)
ANCHORS = tuple(new_pki(datetime.now(UTC)) for _ in range(6))
"""Sets of keys for the epochs of others, and for founders whose keys are not what a test is about."""
REFUSED = "dial tcp 10.0.0.1:6443: connect: connection refused"
SERVES_NOT = Unknown("as the test wants it: connection refused", "ConnectionRefusedError")
ETCD_MANIFEST = "etc/kubernetes/manifests/etcd.yaml"


class Fault(Enum):
    """What a test lets become of one event."""

    FAILS = "it fails, and nothing was done"
    LOST = "it was done, and nobody can tell"
    ENDS = "it fails in a way that trying again does not help"
    TAKEN = "right before it, somebody else claims the next epoch"
    CRASH = "the machine stops before it, and is started again"


class Crash(BaseException):
    """The program is no more: nothing that it would do now happens."""


class NeverEnds(AssertionError):
    """The boot waits and waits."""


def peer(member_id: int, name: str, address: str, *, learner: bool = False) -> EtcdMember:
    return EtcdMember(member_id, name, (f"https://{address}:2380",), (f"https://{address}:2379",), learner)
