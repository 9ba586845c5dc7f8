"""Taints of a node's start: which are accepted, and which have to say that they are removed."""

from __future__ import annotations

import json

import pytest

from generator.config import ConfigError, parse

PREFIX = "startup-taint.cluster-autoscaler.kubernetes.io/"
EBS = "ebs.csi.aws.com/agent-not-ready"


def text(*pools: list[dict[str, object]]) -> str:
    named = [{"name": f"pool-{index}", "taints": taints, "maxSize": 3} for index, taints in enumerate(pools)]
    return json.dumps({"pools": named})


def taint(key: str, **more: object) -> dict[str, object]:
    return {"key": key, "effect": "NoSchedule", **more}


def lines(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        parse(text)
    return str(refusal.value).split("\n")


@pytest.mark.parametrize(
    "given", [taint(EBS, startup=True), taint("example.com/disk", startup=True), taint(f"{PREFIX}disk")]
)
def test_a_taint_that_something_removes_is_accepted(given: dict[str, object]) -> None:
    ((found,),) = (pool.taints for pool in parse(text([given])).pools)
    assert found.is_removed


@pytest.mark.parametrize("key", [EBS, "efs.csi.aws.com/agent-not-ready", "example.com/agent-not-ready"])
def test_a_taint_that_is_known_to_be_removed_has_to_say_so(key: str) -> None:
    assert lines(text([taint(key)])) == [
        "pools[0].taints[0].startup: given false; allowed: true (drivers and agents remove agent-not-ready themselves)"
    ]


def test_a_taint_that_one_pool_keeps_and_another_loses_is_refused_because_the_autoscaler_knows_its_key_alone() -> None:
    assert lines(text([taint("a.example/x", startup=True)], [taint("b.example/y"), taint("a.example/x")])) == [
        "pools[1].taints[1].startup: given false; allowed: true, as pools[0].taints[0] says of the same key"
    ]


@pytest.mark.parametrize("key", ["ignore-taint.cluster-autoscaler.kubernetes.io/a", "node.kubernetes.io/not-ready"])
def test_other_taints_of_kubernetes_stay_refused(key: str) -> None:
    (line,) = lines(text([taint(key, startup=True)]))
    assert line.startswith(f"pools[0].taints[0].key: given {json.dumps(key)}; allowed: a key outside ")


def test_keys_that_do_not_fit_a_parameter_are_refused() -> None:
    pools = [
        [taint(f"{'k' * 60}{pool:02}{index}", startup=True) for index in range(10)] for pool in range(6)
    ]  # fmt: skip
    (line,) = lines(text(*pools))
    assert line == "pools: given startup taints with keys of 3839 characters; allowed: at most 3500, to fit a parameter"
