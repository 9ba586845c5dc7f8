"""Puts what differs from cluster to cluster into the image's manifests. Pure.

Only ConfigMaps are filled: a manifest takes such a value from one, so that the text of all others is the image's. But
the arguments of the autoscaler, for each taint is one of its own, and what no ConfigMap gives to its reader: the key of
a StorageClass, the authority of an APIService, and the range of Pods' addresses in a policy.
"""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from coordination.names import CLUSTER_TAG, Addon, Encryption
from userdata.addons.places import NAMESPACE
from userdata.kubeadm.documents import Document
from userdata.kubeadm.places import API_PORT

_NODE_BITS = 24
_AUTOSCALER = "cluster-autoscaler"
_EBS_CSI = "ebs-csi"
_POD_RANGE = "podRange"
"""The variable of admission policies that has the range of Pods' addresses, as text of CEL."""


class ManifestError(ValueError):
    """An image's manifest cannot be used; the text names the file and what is wrong. Waiting does not help."""


@dataclass(frozen=True)
class Values:
    """What differs."""

    cluster: str
    """The cluster's uuid; the groups that the autoscaler may change are tagged with it."""
    region: str
    api_endpoint: str
    """The name under which the API is reached through the balancer."""
    pod_cidr: str
    encryption: Encryption
    startup_taints: tuple[str, ...]
    """The keys of taints that something removes from new nodes."""
    addons: frozenset[Addon] = frozenset()
    """Those that the cluster has by its settings."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """The organisation's, for volumes."""
    key_arn: str = ""
    """Of the key that volumes are encrypted with."""
    authority: str = ""
    """The cluster's certificate authority, in PEM."""


def filled(manifests: Mapping[str, str], values: Values) -> dict[str, Document]:
    """The manifests with the values in their ConfigMaps, by name, in the order of names. Raises ManifestError."""
    return {name: _filled(name, manifests[name], values) for name in sorted(manifests)}


def _data(values: Values) -> Mapping[str, Mapping[str, str]]:
    """Keys and texts by the ConfigMap that they are put into."""
    return {
        # Cilium's agents and operator reach the API by this name before there is any Service.
        "kubernetes-endpoint": {"host": values.api_endpoint, "port": str(API_PORT)},
        "cilium-config": {
            "cluster-pool-ipv4-cidr": values.pod_cidr,
            "cluster-pool-ipv4-mask-size": str(_node_mask(values.pod_cidr)),
            **_encryption(values),
        },
        _AUTOSCALER: {"cluster": values.cluster, "region": values.region},
        _EBS_CSI: {"cluster": values.cluster, "region": values.region, "tags": _tags(values)},
    }


def _tags(values: Values) -> str:
    """As the driver's --extra-tags takes them. No tag of ours has a comma (generator/config/rules/tags.py)."""
    return ",".join(f"{key}={value}" for key, value in ({**values.tags, CLUSTER_TAG: values.cluster}).items())


def _encryption(values: Values) -> Mapping[str, str]:
    """What says whether the pods' packets between nodes are encrypted, and that others are dropped then."""
    encrypted = "true" if values.encryption is Encryption.WIREGUARD else "false"
    return {
        "enable-wireguard": encrypted,
        "enable-encryption-strict-mode-ingress": encrypted,
        "enable-encryption-strict-mode-egress": encrypted,
        "encryption-strict-egress-cidr": values.pod_cidr,
    }


def _node_mask(pod_cidr: str) -> int:
    """A /24 for the pods of each node, or less where the range has no room for two of these."""
    return max(_NODE_BITS, ipaddress.ip_network(pod_cidr).prefixlen + 1)


def _filled(name: str, text: str, values: Values) -> Document:
    data = _data(values)
    try:
        found: Any = json.loads(text)
    except ValueError as error:
        raise ManifestError(f"{name} is no JSON: {error}") from error
    if not isinstance(found, dict) or found.get("kind") != "List" or not isinstance(found.get("items"), list):
        raise ManifestError(f"{name} is no List")
    for item in found["items"]:
        if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict):
            raise ManifestError(f"{name} holds something that is no object of Kubernetes")
        described = item["metadata"]
        where = f"{name}: {described.get('name')}"
        if item.get("kind") == "ConfigMap" and described.get("namespace") == NAMESPACE:
            _fill(where, item, data.get(str(described.get("name")), {}))
        elif item.get("kind") == "Deployment" and described.get("name") == _AUTOSCALER and values.startup_taints:
            _tell_startup_taints(where, item, values.startup_taints)
        elif item.get("kind") == "StorageClass":
            _set(where, item, "parameters", "kmsKeyId", values.key_arn)
        elif item.get("kind") == "APIService":
            _set(where, item, "spec", "caBundle", base64.b64encode(values.authority.encode()).decode())
        elif item.get("kind") == "ValidatingAdmissionPolicy":
            _tell_pod_range(where, item, values.pod_cidr)
    return found


def _fill(where: str, item: dict[str, Any], data: Mapping[str, str]) -> None:
    """A key that is not there would be one that its reader does not read, or has another name for."""
    for key, text in data.items():
        if key not in (item.get("data") or {}):
            raise ManifestError(f"{where} has no key {key}")
        item["data"][key] = text


def _set(where: str, item: dict[str, Any], part: str, key: str, text: str) -> None:
    """A key that is there and empty."""
    if not isinstance(item.get(part), dict) or key not in item[part]:
        raise ManifestError(f"{where} has no {part}.{key}")
    if not text:
        raise ManifestError(f"{where}: nothing is known for {part}.{key}")
    item[part][key] = text


def _tell_pod_range(where: str, item: dict[str, Any], pod_cidr: str) -> None:
    """A policy without the variable asks for no range."""
    try:
        for variable in item["spec"].get("variables", []):
            if variable["name"] == _POD_RANGE:
                # A range has no character that CEL would have to be told of.
                variable["expression"] = f"'{ipaddress.ip_network(pod_cidr)}'"
    except (AttributeError, KeyError, TypeError) as error:
        raise ManifestError(f"{where} has variables that are none") from error


def _tell_startup_taints(where: str, item: dict[str, Any], keys: Sequence[str]) -> None:
    """The flag takes one key, and may be there more than once (cluster-autoscaler, config/flags/flags.go)."""
    try:
        arguments = item["spec"]["template"]["spec"]["containers"][0]["args"]
        arguments += [f"--startup-taint={key}" for key in keys]
    except (KeyError, IndexError, TypeError) as error:
        raise ManifestError(f"{where} has no arguments") from error
