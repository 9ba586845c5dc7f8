"""Takes a node out of service in Kubernetes: drains it, step by step, and deletes its Node object in the end."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from coordination.outcomes import Done, Known, NoOp, Unknown
from userdata.kube.client import Api
from userdata.kube.outcomes import Answer, ApiRefusal, BudgetRefusal, Change, NotFound
from userdata.kube.pods import Treatment, daemon_set, treatment
from userdata.kube.resources import DAEMON_SETS, NODES, PODS, Object

STEP_SECONDS = 30.0
"""After so long a step sends no further request for a Pod. The last one takes up to `https.REQUEST_SECONDS` more."""

_MARK = "holdfast/drains"
"""The annotation of a Node that a drain here has cordoned. Without it a cordon is a person's, and stays."""


class Why(Enum):
    """Why a Pod is left after a step."""

    TERMINATING = auto()
    """It was evicted or deleted, by this step or before, and has not ended yet."""
    BUDGET = auto()
    """A PodDisruptionBudget allows no eviction of it for now."""
    FAILED = auto()
    """The API server refused for another reason, or did not answer. A request without an answer may be carried out."""
    NOT_ASKED = auto()
    """STEP_SECONDS were over before its turn came."""


@dataclass(frozen=True)
class PodLeft:
    """A Pod that the node has still to lose; `reason` is for people."""

    namespace: str
    name: str
    why: Why
    reason: str


@dataclass(frozen=True)
class Drained:
    """The node has no Pod left that a drain takes away; or there is no such Node."""

    had_node: bool = True
    """Whether there is such a Node."""


@dataclass(frozen=True)
class Waiting:
    """These Pods are left, by namespace and name; at least one."""

    left: tuple[PodLeft, ...]


Step: TypeAlias = Drained | Waiting | ApiRefusal | Unknown


def drain_step(api: Api, node_name: str, *, force: bool = False, clock: Callable[[], float] = time.monotonic) -> Step:
    """Do once what can be done now for the drain of a node: cordon it, and evict the Pods that `treatment` says.

    The step waits for no Pod, and keeps nothing: the caller repeats it until Drained or a deadline of its own, and
    another agent can go on with it. ApiRefusal and Unknown mean that node or Pods could not be read, or that the node
    could not be cordoned: nothing was evicted. A failure with one Pod hides no other; it is told in Waiting.

    `force` is for one step after the deadline: it deletes what is left, with the Pods' own grace periods, and asks no
    budget. Whatever it leaves no longer holds the node's removal. Pods that terminate are left alone by both.

    Unlike `kubectl drain`, which lists the Pods once, every step evicts what is on the node then. So Pods that tolerate
    the cordon are evicted as often as their controller puts them back, until the deadline.

    `clock` gives seconds that only grow.
    """
    cordoned = _cordon(api, node_name)
    if isinstance(cordoned, NotFound):
        return Drained(had_node=False)
    if not isinstance(cordoned, Done | NoOp):
        return cordoned
    listed = api.list(PODS, fieldSelector=f"spec.nodeName={node_name}")
    if not isinstance(listed, Known):
        return listed
    until = clock() + STEP_SECONDS
    removal = _Removal(api, force, lambda: clock() >= until)
    # In any order, so that Pods whose requests take long do not use up every step before the others' turn.
    found = [removal.of(pod) for pod in random.sample(listed.value, len(listed.value))]
    left = sorted((each for each in found if each is not None), key=lambda each: (each.namespace, each.name))
    return Waiting(tuple(left)) if left else Drained()


def delete_node(api: Api, name: str) -> Change | NoOp:
    """Delete the Node object of an instance that is terminated; after Unknown it may be deleted.

    It must be terminated: a kubelet that runs makes its Node only when it starts, and is no part of the cluster then.
    """
    deleted = api.delete(NODES, name)
    return NoOp(f"there is no Node {name}") if isinstance(deleted, NotFound) else deleted


def is_cordoned_by_a_drain(node: Object) -> bool:
    """Whether a drain here has cordoned a Node, and nobody has taken that back."""
    return _MARK in (node["metadata"].get("annotations") or {})


def uncordon(api: Api, node: Object) -> Change:
    """Take a drain's cordon back, of a Node as it was read: ApiConflict where it has changed since.

    The mark goes in any case: a cordon that comes after a person has taken back the drain's is that person's.
    """
    head = node["metadata"]
    changes = {"resourceVersion": head["resourceVersion"], "annotations": {_MARK: None}}
    return api.merge(NODES, str(head["name"]), {"metadata": changes, "spec": {"unschedulable": None}})


def _cordon(api: Api, node_name: str) -> Change | NoOp:
    """Have the scheduler put no further Pods on a node. It is read first: a repeated step leaves no line in the audit
    log, which has every patch."""
    node = api.get(NODES, node_name)
    if not isinstance(node, Known):
        return node
    if (node.value.get("spec") or {}).get("unschedulable") is True:
        return NoOp(f"{node_name} is cordoned")
    marked = {"metadata": {"annotations": {_MARK: "true"}}, "spec": {"unschedulable": True}}
    return api.merge(NODES, node_name, marked)


class _Removal:
    """Removes Pods within one step; `over` says that its time has passed."""

    def __init__(self, api: Api, force: bool, over: Callable[[], bool]) -> None:
        self._api = api
        self._force = force
        self._over = over
        self._daemon_sets: dict[tuple[str, str], Answer[bool]] = {}

    def of(self, pod: Object) -> PodLeft | None:
        """Ask for a Pod's removal where that is its treatment; None where nothing is left to wait for."""
        namespace, name, uid = (str(pod["metadata"][key]) for key in ("namespace", "name", "uid"))

        def left(why: Why, reason: str) -> PodLeft:
            return PodLeft(namespace, name, why, reason)

        exists = self._daemon_set_exists(namespace, daemon_set(pod))
        if exists is None:
            return left(Why.NOT_ASKED, "the time of a step is over")
        if not isinstance(exists, Known):
            # It may be a DaemonSet's, which stays.
            return left(Why.FAILED, exists.reason)
        match treatment(pod, exists.value):
            case Treatment.SKIP:
                return None
            case Treatment.AWAIT:
                return left(Why.TERMINATING, "it terminates")
            case Treatment.EVICT if self._over():
                return left(Why.NOT_ASKED, "the time of a step is over")
            case Treatment.EVICT:
                pass
        # By its UID, so that another Pod of this name, as a StatefulSet makes it, is not hit.
        removed = (
            self._api.delete(PODS, name, namespace, uid=uid) if self._force else self._api.evict(namespace, name, uid)
        )
        match removed:
            case NotFound():
                return None
            case Done():
                return left(Why.TERMINATING, "it was deleted" if self._force else "it was evicted")
            case BudgetRefusal(reason):
                return left(Why.BUDGET, reason)
            case ApiRefusal(reason) | Unknown(reason):
                # ApiConflict is among these: what has the name now may be on this node, too. The next step sees it.
                return left(Why.FAILED, reason)

    def _daemon_set_exists(self, namespace: str, name: str | None) -> Answer[bool] | None:
        """Whether there is this DaemonSet, asked once in a step; None where the time for asking is over."""
        if name is None:
            return Known(False)
        key = (namespace, name)
        if key not in self._daemon_sets:
            if self._over():
                return None
            found = self._api.get(DAEMON_SETS, name, namespace)
            missing = isinstance(found, NotFound)
            self._daemon_sets[key] = Known(not missing) if missing or isinstance(found, Known) else found
        return self._daemon_sets[key]
