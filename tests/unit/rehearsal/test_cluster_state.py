"""What is missing of a rehearsal's cluster, said by the objects that kubectl prints."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.cloud.cluster import unready


def node(name: str, ready: str = "True", message: str = "") -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "message": message}
    return {"metadata": {"name": name}, "status": {"conditions": [{"type": "MemoryPressure"}, condition]}}


def pod(name: str, phase: str = "Running", ready: str = "True", **status: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}, *status.pop("conditions", [])]
    return {"metadata": {"name": name}, "status": {"phase": phase, "conditions": conditions, **status}}


def waiting(reason: str, message: str) -> list[dict[str, Any]]:
    return [{"state": {"running": {}}}, {"state": {"waiting": {"reason": reason, "message": message}}}]


def test_nothing_is_missing_when_every_instance_is_a_ready_node_and_every_pod_runs() -> None:
    assert unready({"i-1", "i-2"}, [node("i-1"), node("i-2")], [pod("etcd-i-1"), pod("coredns-x")]) == []


@pytest.mark.parametrize(
    ("nodes", "pods", "line"),
    [
        ([node("i-1")], [pod("a")], "node i-2: it has not joined"),
        ([node("i-1"), node("i-2"), node("i-3")], [pod("a")], "node i-3: it is none of the cluster's instances"),
        ([node("i-1"), node("i-2", "False", "no network")], [pod("a")], "node i-2: not Ready: no network"),
        ([node("i-1"), node("i-2", "Unknown")], [pod("a")], "node i-2: not Ready: Unknown"),
        ([node("i-1"), {"metadata": {"name": "i-2"}}], [pod("a")], "node i-2: Ready is not known"),
        ([node("i-1"), node("i-2")], [], "there is no pod in kube-system"),
        (
            [node("i-1"), node("i-2")],
            [pod("a", "Pending", containerStatuses=waiting("ErrImagePull", "no such image"))],
            "pod a: Pending (ErrImagePull no such image)",
        ),
        (
            [node("i-1"), node("i-2")],
            [pod("a", "Pending", conditions=[{"type": "PodScheduled", "status": "False", "message": "no node fits"}])],
            "pod a: Pending: no node fits",
        ),
        ([node("i-1"), node("i-2")], [pod("a", "Failed")], "pod a: Failed"),
        (
            [node("i-1"), node("i-2")],
            [pod("a", "Running", "False", containerStatuses=waiting("CrashLoopBackOff", ""))],
            "pod a: not Ready: False (CrashLoopBackOff)",
        ),
        (
            [node("i-1"), node("i-2")],
            [{**pod("a"), "metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}}],
            "pod a: it is being deleted",
        ),
    ],
)
def test_what_is_missing_is_one_line_with_its_reason(
    nodes: list[dict[str, Any]], pods: list[dict[str, Any]], line: str
) -> None:
    assert unready({"i-1", "i-2"}, nodes, pods) == [line]
