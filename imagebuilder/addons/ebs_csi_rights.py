"""What the EBS CSI driver may do in the cluster: exactly what its programs need, and of that only what is its own.

The rights are those that each sidecar's release documents (deploy/kubernetes/rbac.yaml), without snapshots and Secrets;
the driver's part on workers reads alone, since whoever has a worker has its token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imagebuilder.addons.objects import NAMESPACE, READ, Objects, rule
from imagebuilder.addons.policies import Policy

DRIVER = "ebs.csi.aws.com"
CONTROLLER = "ebs-csi-controller"
NODE = "ebs-csi-node"
_STORAGE = "storage.k8s.io"
_LEASES = tuple(
    f"{prefix}{DRIVER.replace('.', '-')}" for prefix in ("", "external-attacher-leader-", "external-resizer-")
)
"""By which each sidecar of the controller has one that works (csi-lib-utils, leaderelection/leader_election.go)."""

CLUSTER_RIGHTS: Sequence[dict[str, Any]] = (
    rule("", ("persistentvolumes",), (*READ, "create", "patch", "delete")),
    rule("", ("persistentvolumeclaims",), (*READ, "update")),
    rule("", ("persistentvolumeclaims/status",), ("patch",)),
    rule("", ("nodes", "pods"), READ),
    rule("", ("events",), ("list", "watch", "create", "update", "patch")),
    rule(_STORAGE, ("storageclasses", "csinodes", "volumeattributesclasses"), READ),
    rule(_STORAGE, ("volumeattachments",), (*READ, "patch")),
    rule(_STORAGE, ("volumeattachments/status",), ("patch",)),
)
"""Of the controller."""
OWN_RIGHTS: Sequence[dict[str, Any]] = (
    # What is created cannot be held to a name.
    rule("coordination.k8s.io", ("leases",), ("create",)),
    rule("coordination.k8s.io", ("leases",), ("get", "update"), _LEASES),
)
NODE_RIGHTS: Sequence[dict[str, Any]] = (
    rule("", ("nodes",), ("get",)),
    rule(_STORAGE, ("csinodes",), ("get",)),
    # Before the program ends it waits until those of its node are gone.
    rule(_STORAGE, ("volumeattachments",), READ),
)

_OF_CONTROLLER = f"request.userInfo.username == 'system:serviceaccount:{NAMESPACE}:{CONTROLLER}'"
_OLD_OR_NEW = "(request.operation == 'DELETE' ? oldObject : object)"
POLICIES: Sequence[Policy] = (
    Policy(
        # A PersistentVolume may also be a folder of a node.
        "ebs-csi-own-volumes",
        {"/v1": ("persistentvolumes", "persistentvolumes/status")},
        ("CREATE", "UPDATE", "DELETE"),
        _OF_CONTROLLER,
        (
            (
                f"{_OLD_OR_NEW}.?spec.?csi.?driver.orValue('') == '{DRIVER}'",
                "the EBS CSI driver writes PersistentVolumes of its own kind only",
            ),
        ),
    ),
    Policy(
        "ebs-csi-own-attachments",
        {f"{_STORAGE}/v1": ("volumeattachments", "volumeattachments/status")},
        ("UPDATE",),
        _OF_CONTROLLER,
        (
            (
                f"object.spec.attacher == '{DRIVER}'",
                "the EBS CSI driver writes VolumeAttachments of its own kind only",
            ),
        ),
    ),
)
"""What its rights cannot say: there are PersistentVolumes of any driver."""


def objects(made: Objects) -> list[dict[str, Any]]:
    """Accounts, rights and policies."""
    return [
        made.account(CONTROLLER),
        made.account(NODE),
        *made.cluster_rights(CONTROLLER, CONTROLLER, CLUSTER_RIGHTS),
        *made.own_rights(CONTROLLER, CONTROLLER, OWN_RIGHTS),
        *made.cluster_rights(NODE, NODE, NODE_RIGHTS),
        *(each for policy in POLICIES for each in policy.objects()),
    ]
