"""How long leases and the stages of a boot last. Tests make them small; a cluster takes them as they are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """All in seconds. A stage that hangs loses its lease at the stage's deadline, because renewing ends with it."""

    lease: float = 60
    renew: float = 15
    """Three renewals may fail before a lease that is alive looks dead."""
    found: float = 600
    """`kubeadm init` with all that stands around it: a minute and a half where everything goes well."""
    join: float = 480
    """`kubeadm join` of a control plane; a dead member that etcd still lists alone costs minutes."""
