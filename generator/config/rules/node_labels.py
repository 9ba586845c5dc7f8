"""Labels and taints of pools: what the kubelet may register its Node with, and what fits the autoscaler's tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from generator.config.model import STARTUP_TAINTS, ClusterConfig, Taint
from generator.config.problem import Problem, below, quoted

# Qualified names and label values as the API server checks them (apimachinery, pkg/util/validation).
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_RULE = (
    "an optional DNS prefix and a slash, then 1 to 63 letters, digits, '-', '_' and '.', none of these outermost"
)
_VALUE_RULE = "at most 63 letters, digits, '-', '_' and '.', none of these outermost"

# Domains of Kubernetes itself. There a kubelet may set labels in these two namespaces only (kubelet --node-labels and
# the NodeRestriction admission plugin; pkg/kubelet/apis/well_known_labels.go).
_KUBERNETES = ("kubernetes.io", "k8s.io")
_KUBELET_NAMESPACES = ("node.kubernetes.io", "kubelet.kubernetes.io")
# Of what is left in them, the node program sets this one itself.
_OWN_LABELS = frozenset({"node.kubernetes.io/instance-type"})
# What Cilium does with taints of its own is not a pool's to say.
_OWN_TAINT_DOMAINS = (*_KUBERNETES, "cilium.io")
# No controller touches taints of roles, such as node-role.kubernetes.io/infra, and people give them. Those of control
# planes are for control planes.
_ROLES = "node-role.kubernetes.io"
_CONTROL_PLANE_ROLES = frozenset({f"{_ROLES}/control-plane", f"{_ROLES}/master"})

# What Cilium and the CSI drivers of EBS, EFS and FSx call theirs, each below a domain of its own.
_REMOVED_NAME = "agent-not-ready"

# The autoscaler reads labels and taints of a pool without nodes from tags of its group: a tag's key has at most 128
# characters, and k8s.io/cluster-autoscaler/node-template/label/ takes 46 of them.
LONGEST_KEY = 128 - len("k8s.io/cluster-autoscaler/node-template/label/")
# An SSM parameter of the standard tier holds 4,096 characters; the rest is for what else nodes learn about their pool.
LONGEST_TEXT = 3500


def _in_domain(prefix: str, domains: tuple[str, ...]) -> bool:
    return any(prefix == domain or prefix.endswith(f".{domain}") for domain in domains)


def _is_own_taint(key: str) -> bool:
    """Whether a controller of Kubernetes or Cilium decides on the taint."""
    prefix = key.rpartition("/")[0]
    spoken_for = prefix == _ROLES or key.startswith(STARTUP_TAINTS)
    return not spoken_for and _in_domain(prefix, _OWN_TAINT_DOMAINS)


def _is_qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(_NAME.fullmatch(name)) and (not slash or bool(_PREFIX.fullmatch(prefix)))


def _key_problem(key: str) -> str:
    """What is allowed instead of a key that is malformed or too long; empty for a good one."""
    if not _is_qualified(key):
        return _NAME_RULE
    if len(key) > LONGEST_KEY:
        return f"at most {LONGEST_KEY} characters, so that the key fits into a tag for the cluster autoscaler"
    return ""


def label_keys_are_accepted(config: ClusterConfig) -> Iterator[Problem]:
    for path, key, _ in _labels(config):
        allowed = _key_problem(key)
        prefix = key.rpartition("/")[0]
        if not allowed and key in _OWN_LABELS:
            allowed = "labels that Holdfast does not set itself"
        elif not allowed and _in_domain(prefix, _KUBERNETES) and not _in_domain(prefix, _KUBELET_NAMESPACES):
            allowed = f"below kubernetes.io and k8s.io a kubelet may only set {', '.join(_KUBELET_NAMESPACES)}"
        if allowed:
            yield Problem(path=path, given="this key", allowed=allowed)


def label_values_are_accepted(config: ClusterConfig) -> Iterator[Problem]:
    for path, _, value in _labels(config):
        if value and not _NAME.fullmatch(value):
            yield Problem(path=path, given=quoted(value), allowed=_VALUE_RULE)


def taints_are_accepted(config: ClusterConfig) -> Iterator[Problem]:
    for pool_index, pool in enumerate(config.pools):
        for index, taint in enumerate(pool.taints):
            path = f"pools[{pool_index}].taints[{index}]"
            allowed = _key_problem(taint.key)
            if taint.key in _CONTROL_PLANE_ROLES:
                allowed = "any other role: this one is for control planes"
            elif not allowed and _is_own_taint(taint.key):
                outside = ", ".join(_OWN_TAINT_DOMAINS)
                below_these = f"below {_ROLES} or {STARTUP_TAINTS.rstrip('/')}"
                allowed = f"a key outside {outside}, whose controllers set and remove them, or {below_these}"
            if allowed:
                yield Problem(path=f"{path}.key", given=quoted(taint.key), allowed=allowed)
            if taint.value and not _NAME.fullmatch(taint.value):
                yield Problem(path=f"{path}.value", given=quoted(taint.value), allowed=_VALUE_RULE)


def a_taint_is_given_once(config: ClusterConfig) -> Iterator[Problem]:
    """The API takes a key once per effect."""
    for pool_index, pool in enumerate(config.pools):
        first: dict[tuple[str, str], int] = {}
        for index, taint in enumerate(pool.taints):
            earlier = first.setdefault((taint.key, taint.effect), index)
            if earlier != index:
                path = f"pools[{pool_index}].taints"
                yield Problem(
                    path=f"{path}[{index}].effect",
                    given=f'"{taint.effect}" for {quoted(taint.key)} again',
                    allowed=f"an effect that {path}[{earlier}] does not have, or another key",
                    rests_on=(f"{path}[{earlier}].key", f"{path}[{earlier}].effect", f"{path}[{index}].key"),
                )


def taints_that_are_removed_say_so(config: ClusterConfig) -> Iterator[Problem]:
    """With a taint that never goes, the autoscaler starts no node of an empty pool for a pod that does not tolerate
    it."""
    for path, taint in _taints(config):
        prefix, _, name = taint.key.rpartition("/")
        if name == _REMOVED_NAME and not taint.is_removed and not _in_domain(prefix, _OWN_TAINT_DOMAINS):
            allowed = f"true (drivers and agents remove {_REMOVED_NAME} themselves)"
            yield Problem(path=f"{path}.startup", given="false", allowed=allowed, rests_on=(f"{path}.key",))


def a_taint_is_removed_everywhere_or_nowhere(config: ClusterConfig) -> Iterator[Problem]:
    """The autoscaler knows such taints by their keys, whatever the pool."""
    first: dict[str, tuple[str, bool]] = {}
    for path, taint in _taints(config):
        earlier, removed = first.setdefault(taint.key, (path, taint.is_removed))
        if removed is not taint.is_removed:
            yield Problem(
                path=f"{path}.startup",
                given=json.dumps(taint.is_removed),
                allowed=f"{json.dumps(removed)}, as {earlier} says of the same key",
                rests_on=(f"{path}.key", f"{earlier}.key", f"{earlier}.startup"),
            )


def removed_taints_fit_a_parameter(config: ClusterConfig) -> Iterator[Problem]:
    length = len(",".join({taint.key for _, taint in _taints(config) if taint.startup}))
    if length > LONGEST_TEXT:
        given = f"startup taints with keys of {length} characters"
        yield Problem(path="pools", given=given, allowed=f"at most {LONGEST_TEXT}, to fit a parameter")


def labels_and_taints_fit_a_parameter(config: ClusterConfig) -> Iterator[Problem]:
    for index, pool in enumerate(config.pools):
        taints = [{"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in pool.taints]
        length = len(json.dumps({"labels": pool.labels, "taints": taints}))
        if length > LONGEST_TEXT:
            given = f"labels and taints of {length} characters as JSON"
            yield Problem(path=f"pools[{index}]", given=given, allowed=f"at most {LONGEST_TEXT}, to fit a parameter")


def _taints(config: ClusterConfig) -> Iterator[tuple[str, Taint]]:
    """Path and taint of every one."""
    for pool_index, pool in enumerate(config.pools):
        for index, taint in enumerate(pool.taints):
            yield f"pools[{pool_index}].taints[{index}]", taint


def _labels(config: ClusterConfig) -> Iterator[tuple[str, str, str]]:
    """Path, key and value of every label."""
    for index, pool in enumerate(config.pools):
        for key, value in pool.labels.items():
            yield below(f"pools[{index}].labels", key), key, value


RULES = (
    label_keys_are_accepted,
    label_values_are_accepted,
    taints_are_accepted,
    a_taint_is_given_once,
    taints_that_are_removed_say_so,
    a_taint_is_removed_everywhere_or_nowhere,
    removed_taints_fit_a_parameter,
    labels_and_taints_fit_a_parameter,
)
