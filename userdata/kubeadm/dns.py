"""CoreDNS, kubeadm's add-on, beyond kubeadm's manifest: on which nodes its two pods are, and how drains treat them.

Why so: docs/decisions/0038.
"""

from __future__ import annotations

from collections.abc import Mapping

from userdata.host.files import File, private
from userdata.kubeadm.documents import Document, text
from userdata.kubeadm.places import PATCHES_FOLDER

_LABELS: Mapping[str, str] = {"k8s-app": "kube-dns"}


def _of_pods(topology_key: str) -> Document:
    return {"labelSelector": {"matchLabels": _LABELS}, "topologyKey": topology_key}


DEPLOYMENT: Document = {
    "spec": {
        "template": {
            "spec": {
                "affinity": {
                    "podAntiAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": [
                            # Not against the pods of an older version, which a roll-out would wait for.
                            {**_of_pods("kubernetes.io/hostname"), "matchLabelKeys": ["pod-template-hash"]}
                        ],
                        # In the place of kubeadm's, which is by node.
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {"weight": 100, "podAffinityTerm": _of_pods("topology.kubernetes.io/zone")}
                        ],
                    }
                }
            }
        }
    }
}
"""What kubeadm changes in its Deployment. Lists replace its own: they have no merge key (k8s.io/api/core/v1,
PodAntiAffinity)."""

PATCHES: Mapping[str, File] = {f"{PATCHES_FOLDER}/corednsdeployment.json": private(text(DEPLOYMENT))}
"""The file's name is the target; a patch is a strategic merge where its name says nothing else (kubeadm's
cmd/kubeadm/app/util/patches/patches.go)."""

BUDGET: Document = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "coredns", "namespace": "kube-system"},
    "spec": {
        "selector": {"matchLabels": _LABELS},
        "maxUnavailable": 1,
        # One that does not answer anyway holds up no drain.
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    },
}
"""A drain, ours or kubectl's, waits until the pod that it took before is replaced. It also lets the cluster-autoscaler
remove a node that has one of them."""
