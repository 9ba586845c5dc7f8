"""Pods and their owners as the API server gives them."""

from __future__ import annotations

from typing import Any

from userdata.kube.resources import Object


def owner(kind: str, name: str, api: str = "apps/v1", **fields: Any) -> Object:
    """A reference to what controls a Pod."""
    return {"apiVersion": api, "kind": kind, "name": name, "uid": f"uid-of-{name}", "controller": True, **fields}


def pod(name: str, *owners: Object, phase: str = "Running", namespace: str = "default", **metadata: Any) -> Object:
    """A Pod whose UID is made of its name."""
    head = {"namespace": namespace, "name": name, "uid": f"uid-of-{namespace}-{name}", **metadata}
    return {
        "metadata": {**head, **({"ownerReferences": list(owners)} if owners else {})},
        "spec": {"nodeName": "i-1"},
        "status": {"phase": phase},
    }


MIRROR: dict[str, Any] = {"annotations": {"kubernetes.io/config.mirror": "1f0c"}}
TERMINATING: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
