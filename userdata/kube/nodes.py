"""What a Node object says of itself. Pure."""

from __future__ import annotations

from userdata.kube.resources import Object


def why_not_ready(node: Object) -> str | None:
    """Why a Node is not ready, None where it is. One that was only just made has no status yet."""
    for each in node.get("status", {}).get("conditions", []):
        if each["type"] == "Ready":
            return None if each["status"] == "True" else f"the node is not ready: {each.get('message', '')}"
    return "the node is not ready: the kubelet has said nothing"
