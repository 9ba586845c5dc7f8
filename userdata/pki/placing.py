"""Where kubeadm looks for keys and certificates that exist already: it takes them over, and makes the rest itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from userdata.host.files import File, private
from userdata.pki.material import Pki

FOLDER = "/etc/kubernetes/pki"
CLUSTER_CA = f"{FOLDER}/ca.crt"
CLUSTER_CA_KEY = f"{FOLDER}/ca.key"


def cluster_authority(root: Path) -> str:
    """The bundle of the cluster's authority on the node whose folders are below `root`, in PEM. Raises OSError."""
    return (root / CLUSTER_CA.lstrip("/")).read_text(encoding="ascii")


def files(pki: Pki) -> Mapping[str, File]:
    """The files of a control plane, by path. Bundles are whole; of keys that sign only the one in use is there."""
    found: dict[str, File] = {}
    for stem, authority in (("ca", pki.cluster), ("etcd/ca", pki.etcd), ("front-proxy-ca", pki.front_proxy)):
        found[f"{FOLDER}/{stem}.crt"] = File(authority.bundle)
        found[f"{FOLDER}/{stem}.key"] = private(authority.keys[0])
    # kube-apiserver believes tokens of every key in this file; kubeadm compares the first one with sa.key.
    found[f"{FOLDER}/sa.pub"] = File("".join(pki.service_accounts.public))
    found[f"{FOLDER}/sa.key"] = private(pki.service_accounts.private[0])
    return found
