"""What a cluster must look like at the end of a rehearsal, by what kubectl says of its nodes and pods. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

SYSTEM = "kube-system"
"""The namespace of what the cluster itself consists of."""
Object = Mapping[str, Any]


def unready(expected: Collection[str], nodes: Sequence[Object], pods: Sequence[Object]) -> list[str]:
    """What is missing, a line each: every expected node Ready and no other node, every pod Running and ready."""
    lines = unready_nodes(expected, nodes)
    if not pods:
        lines.append(f"there is no pod in {SYSTEM}")
    return [*lines, *_unready_pods(pods)]


def unready_nodes(expected: Collection[str], nodes: Sequence[Object]) -> list[str]:
    """What is missing of the nodes alone."""
    present = {str(node["metadata"]["name"]): node for node in nodes}
    lines = [f"node {name}: it has not joined" for name in sorted(set(expected) - present.keys())]
    for name, node in sorted(present.items()):
        if name not in expected:
            lines.append(f"node {name}: it is none of the cluster's instances")
        elif why := _unready(node, "Ready"):
            lines.append(f"node {name}: {why}")
    return lines


def _unready_pods(pods: Sequence[Object]) -> Iterator[str]:
    for pod in pods:
        name, status = pod["metadata"]["name"], pod.get("status", {})
        if pod["metadata"].get("deletionTimestamp"):
            yield f"pod {name}: it is being deleted"
        elif status.get("phase") != "Running":
            yield f"pod {name}: {status.get('phase', 'unknown')}{_waiting(status)}{_unscheduled(pod)}"
        elif why := _unready(pod, "Ready"):
            yield f"pod {name}: {why}{_waiting(status)}"


def _unready(found: Object, kind: str) -> str:
    """Why a condition is not true; empty where it is."""
    for condition in found.get("status", {}).get("conditions", []):
        if condition["type"] == kind:
            if condition["status"] == "True":
                return ""
            return f"not {kind}: {condition.get('message') or condition.get('reason') or condition['status']}"
    return f"{kind} is not known"


def _waiting(status: Object) -> str:
    """What its containers wait for."""
    states = [each.get("state", {}).get("waiting") for each in status.get("containerStatuses", [])]
    reasons = [f"{state.get('reason', 'waiting')} {state.get('message', '')}".strip() for state in states if state]
    return f" ({'; '.join(reasons)})" if reasons else ""


def _unscheduled(pod: Object) -> str:
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            return f": {condition.get('message', 'not scheduled')}"
    return ""
