"""Taints of a node's start: nodes register with them, and the autoscaler's template of a node has none of them."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from generator.config.model import ClusterConfig, Pool, Taint
from tests.templates.cluster import Cluster, generated
from tests.templates.rules import RULES, violations
from tests.templates.rules.groups import tags

KEPT = Taint(key="example.com/gpu", effect="NoSchedule")
EBS = Taint(key="ebs.csi.aws.com/agent-not-ready", effect="NoExecute", startup=True)
DISK = Taint(key="startup-taint.cluster-autoscaler.kubernetes.io/disk", effect="NoSchedule")
POOL = Pool(name="general", taints=(KEPT, EBS, DISK))


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return generated("startup", ClusterConfig(pools=(POOL,)))


def test_the_group_has_a_tag_for_the_taint_that_stays_and_none_for_the_others(cluster: Cluster) -> None:
    group = cluster.resource("workers-general", "Group")
    prefix = "k8s.io/cluster-autoscaler/node-template/taint/"
    assert [key.removeprefix(prefix) for key in tags(group) if key.startswith(prefix)] == [KEPT.key]


def test_nodes_read_both_kinds_apart(cluster: Cluster) -> None:
    setting = json.loads(cluster.resource("workers-general", "PoolSettings").properties["Value"]["Fn::Sub"])
    assert [taint["key"] for taint in setting["taints"]] == [KEPT.key]
    assert [taint["key"] for taint in setting["startup-taints"]] == [EBS.key, DISK.key]


def test_the_autoscaler_is_told_of_keys_that_it_does_not_know_by_themselves(cluster: Cluster) -> None:
    assert cluster.resource("services", "StartupTaintsSetting").properties["Value"] == f"{EBS.key},"


@pytest.mark.parametrize("rule", RULES)
def test_a_cluster_with_startup_taints_holds_the_rule(rule: str, cluster: Cluster) -> None:
    assert violations(rule, cluster) == []


def test_saying_that_a_taint_is_removed_replaces_no_node() -> None:
    said = replace(POOL, taints=(replace(KEPT, startup=True), EBS, DISK))
    before, after = (
        generated("one", ClusterConfig(pools=(pool,))).resource("workers-general", "Template") for pool in (POOL, said)
    )
    assert before.body == after.body
