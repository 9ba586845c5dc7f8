"""What kubeadm leaves on a node: secrets that are spent, and files that others may read."""

from __future__ import annotations

from pathlib import Path

from coordination.outcomes import Done, Unknown
from userdata.host import files
from userdata.kubeadm.places import DISCOVERY_FILE, INIT_FILE, JOIN_FILE

SUPER_ADMIN_FILE = "/etc/kubernetes/super-admin.conf"
"""A credential of `system:masters`, which no rule of RBAC bounds. kubeadm gives itself its first rights by it."""
KUBELET_CONFIGURATION_FILE = "/var/lib/kubelet/config.yaml"
INSTANCE_CONFIGURATION_FILE = "/var/lib/kubelet/instance-config.yaml"
KUBELET_FLAGS_FILE = "/var/lib/kubelet/kubeadm-flags.env"

_SPENT = (INIT_FILE, JOIN_FILE, DISCOVERY_FILE, SUPER_ADMIN_FILE)
# kubeadm writes them for everybody to read, and the CIS benchmark wants them for root alone.
_PRIVATE = (KUBELET_CONFIGURATION_FILE, INSTANCE_CONFIGURATION_FILE, KUBELET_FLAGS_FILE)


def tidy(root: Path) -> Done | Unknown:
    """Remove what is spent, and let only root read what is private; Unknown where something is left.

    It does no harm before kubeadm has run, nor again and again. But the kubelet of a worker needs the discovery file
    until it has a certificate of its own (userdata.boot.bootstrap_csr).
    """
    left: list[str] = []
    for place in _SPENT:
        path = root / place.lstrip("/")
        for each in (path, files.draft_of(path)):
            try:
                each.unlink(missing_ok=True)
            except OSError as error:
                # One that stays holds no other up.
                left.append(str(error))
    for place in _PRIVATE:
        try:
            (root / place.lstrip("/")).chmod(files.PRIVATE)
        except FileNotFoundError:
            continue
        except OSError as error:
            left.append(str(error))
    return Unknown(f"not everything could be tidied: {'; '.join(left)}") if left else Done()
