"""Whether a node's version of Kubernetes goes with the cluster's.

A kubelet may be up to three minors older than an API server, and never newer:
https://kubernetes.io/releases/version-skew-policy/.
"""

from __future__ import annotations

import re

OLDEST_KUBELET_MINORS = 3
_VERSION = re.compile(r"v(\d+)\.(\d+)\.\d+\S*")


def why_no_control_plane(own: str, cluster: str) -> str | None:
    """Why a control plane with this version cannot join a cluster of that one; None where it can.

    kubeadm starts what the cluster's configuration names, and an image has the containers of one version only. A
    cluster of which no version is known refuses nobody.
    """
    if not cluster or own == cluster:
        return None
    return f"this image has Kubernetes {own}, and the cluster's control plane is {cluster}"


def why_no_worker(own: str, cluster: str) -> str | None:
    """The same for a worker, whose kubelet may be older."""
    ours, theirs = _minor(own), _minor(cluster)
    if ours is None or theirs is None or (ours[0] == theirs[0] and 0 <= theirs[1] - ours[1] <= OLDEST_KUBELET_MINORS):
        return None
    allowed = f"no newer one, and none that is more than {OLDEST_KUBELET_MINORS} minors older"
    return f"this image has Kubernetes {own}, and the cluster's control plane is {cluster}, allowed: {allowed}"


def _minor(version: str) -> tuple[int, int] | None:
    found = _VERSION.fullmatch(version)
    return (int(found[1]), int(found[2])) if found else None
