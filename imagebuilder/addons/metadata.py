"""No pod with an address of its own reaches the instance metadata service: a policy in a file of Cilium's agents.

The service gives out the credentials of the node's role. A file and not an object of the API: it is in force before a
node's first pod has a network, needs no CustomResourceDefinition, and nobody who may change policies can change it
(docs/decisions/0020). Nor can a policy allow what it denies. Pods in the host's network are the node's matter.
"""

from __future__ import annotations

import hashlib
import json
from ipaddress import ip_network
from typing import Any

from imagebuilder.configure.metadata import ADDRESSES

STATIC_POLICIES = "cilium-static-policies"
"""The ConfigMap that Cilium's agents mount."""
FOLDER = "/policies"
"""Where in the agents' container. They read what ends in .yaml."""
_FILE = "instance-metadata.yaml"

POLICY: dict[str, Any] = {
    "apiVersion": "cilium.io/v2",
    # The agent takes it for one of the whole cluster because it names no namespace, whatever its kind says.
    "kind": "CiliumClusterwideNetworkPolicy",
    "metadata": {"name": "holdfast-instance-metadata"},
    "spec": {
        "endpointSelector": {},
        "egressDeny": [{"toCIDR": [str(ip_network(each)) for each in ADDRESSES]}],
        # All else stays allowed to a pod that no other policy selects.
        "enableDefaultDeny": {"egress": False, "ingress": False},
    },
}
# JSON is YAML.
_TEXT = json.dumps(POLICY, indent=1, sort_keys=True) + "\n"

VALUES: dict[str, Any] = {
    "extraConfig": {"static-cnp-path": FOLDER},
    "extraVolumes": [{"name": "static-policies", "configMap": {"name": STATIC_POLICIES}}],
    "extraVolumeMounts": [{"name": "static-policies", "mountPath": FOLDER, "readOnly": True}],
    # An agent does not notice that the files of a ConfigMap changed: the link that moves is none of theirs. So another
    # text has to make other pods.
    "podAnnotations": {"holdfast-static-policies": hashlib.sha256(_TEXT.encode()).hexdigest()},
}
"""Of Cilium's chart."""


def static_policies() -> dict[str, Any]:
    """The ConfigMap; without it no agent's pod starts."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": STATIC_POLICIES, "namespace": "kube-system"},
        "data": {_FILE: _TEXT},
    }
