"""An API server with one node, for drains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from coordination.outcomes import Done, Known
from userdata.kube.client import Api
from userdata.kube.outcomes import NotFound
from userdata.kube.resources import DAEMON_SETS, NODES, PODS, Object, Resource

MISSING = NotFound("none")


class NodeApi:
    """An API server with one node, which is a stand-in: it answers as it is told, and remembers what it was asked.

    `answers` has the outcome of a request by its words, such as `get nodes i-1`, `list pods` or `evict default/a`.
    """

    def __init__(self, *pods: Object, node: str = "i-1", daemon_sets: tuple[str, ...] = ("cilium",)) -> None:
        self.node = node
        self.pods = list(pods)
        self.daemon_sets = daemon_sets
        self.cordoned = False
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.uids: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens while a request is answered."""

    @property
    def api(self) -> Api:
        return cast(Api, self)

    @property
    def removals(self) -> list[str]:
        """The requests that would end a Pod, by the Pods' names."""
        return sorted(each for each in self.asked if each.startswith(("evict", "delete pods")))

    def get(self, resource: Resource, name: str, namespace: str = "") -> Any:
        if resource == NODES:
            return self._answer(f"get nodes {name}", Known({"spec": {"unschedulable": True} if self.cordoned else {}}))
        assert (resource, namespace) == (DAEMON_SETS, "default")
        return self._answer(f"get daemonsets {name}", Known({}) if name in self.daemon_sets else MISSING)

    def list(self, resource: Resource, namespace: str = "", **selectors: str) -> Any:
        assert (resource, namespace, selectors) == (PODS, "", {"fieldSelector": f"spec.nodeName={self.node}"})
        return self._answer("list pods", Known(tuple(self.pods)))

    def merge(self, resource: Resource, name: str, changes: Object, namespace: str = "") -> Any:
        marked = {"metadata": {"annotations": {"holdfast/drains": "true"}}, "spec": {"unschedulable": True}}
        assert (resource, changes) == (NODES, marked)
        outcome = self._answer(f"cordon {name}", Done())
        self.cordoned = self.cordoned or outcome == Done()
        return outcome

    def evict(self, namespace: str, name: str, uid: str) -> Any:
        self.uids.append(uid)
        return self._answer(f"evict {namespace}/{name}", Done())

    def delete(self, resource: Resource, name: str, namespace: str = "", uid: str = "") -> Any:
        self.uids.append(uid)
        return self._answer(f"delete {resource.plural} {namespace}/{name}", Done())

    def _answer(self, asked: str, usual: Any) -> Any:
        self.asked.append(asked)
        self.meanwhile()
        return self.answers.get(asked, usual)
