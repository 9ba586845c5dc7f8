"""The Node that the autoscaler makes of the tags of a pool without nodes is the one that a new node registers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES

from coordination.names import POOL_LABEL, SIGNALLED_LABEL, Encryption
from generator.config.model import ClusterConfig, Pool, Taint
from imagebuilder.addons import autoscaler
from tests.played_autoscaler import PROVIDER_ID, TemplateNode, template_node
from tests.templates.cluster import EXAMPLES, Cluster, example, generated, substituted
from tests.templates.rules.groups import tags
from userdata.addons.filling import Values, filled
from userdata.agent.pool_marks import marks
from userdata.boot.context import registration
from userdata.config.settings import PoolSettings, pool_settings
from userdata.host.instance import InstanceIdentity
from userdata.kubeadm.cluster import kubelet_configuration
from userdata.kubeadm.node import Host
from userdata.kubeadm.node import registration as registration_document

REGION, ZONES = "eu-central-1", ("eu-central-1a", "eu-central-1b")
TYPE = "m5.large"
KNOWN_PREFIXES = ("startup-taint.cluster-autoscaler.kubernetes.io/", "ignore-taint.cluster-autoscaler.kubernetes.io/")
"""cluster-autoscaler, utils/taints/taints.go: what begins so need not be told."""
TAINTED = Pool(
    name="tainted",
    labels={"example.com/disk": "fast", "team": "a"},
    taints=(
        Taint(key="example.com/gpu", value="a100", effect="NoSchedule"),
        Taint(key="dedicated", effect="NoExecute"),
        Taint(key="example.com/slow", value="yes", effect="PreferNoSchedule"),
        Taint(key="ebs.csi.aws.com/agent-not-ready", effect="NoExecute", startup=True),
        Taint(key=f"{KNOWN_PREFIXES[0]}disk", effect="NoSchedule"),
    ),
)
ONE_KEY = Pool(
    name="one-key",
    taints=(Taint(key="example.com/a", value="x", effect="NoExecute"), Taint(key="example.com/a", effect="NoSchedule")),
)
CRAFTED = "crafted"
NAMES = (*EXAMPLES, CRAFTED)


@dataclass(frozen=True)
class RealNode:
    """What the kubelet registers, with what it adds itself and the agent's mark of the pool."""

    labels: Mapping[str, str]
    taints: frozenset[tuple[str, str, str]]
    provider_id: str


@cache
def cluster_of(name: str) -> Cluster:
    """Of an example, or of pools with every kind of taint."""
    return generated(name, ClusterConfig(pools=(TAINTED, ONE_KEY))) if name == CRAFTED else example(name)


def imagined(cluster: Cluster, pool: str) -> TemplateNode:
    """What the autoscaler takes a new node of a pool for."""
    found = {key: str(value) for key, value in tags(cluster.resource(f"workers-{pool}", "Group")).items()}
    return template_node(INSTANCE_TYPES[TYPE], ZONES, found)


def settings_of(cluster: Cluster, pool: str) -> PoolSettings:
    """What a node of a pool reads."""
    value = cluster.resource(f"workers-{pool}", "PoolSettings").properties["Value"]
    return pool_settings(substituted(value, {"AWS::StackId": "arn:aws:cloudformation:::stack/x/1"}))


def real(cluster: Cluster, pool: str) -> RealNode:
    """What a node of it registers in the first zone."""
    where = (ZONES[0], REGION, "123456789012", "10.0.0.5", TYPE, "ami-1", "aws")
    settings = settings_of(cluster, pool)
    document: Any = registration_document(registration(InstanceIdentity("i-0a", *where), settings), Host())
    given = {each["name"]: each["value"] for each in document["kubeletExtraArgs"]}
    # The kubelet's own (pkg/kubelet/kubelet_node_status.go, initialNode); each node's host name is another.
    labels = {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
    labels |= dict(each.split("=") for each in given["node-labels"].split(","))
    changes: Any = marks({"metadata": {"name": "i-0a", "resourceVersion": "1"}}, pool, settings.taints)
    return RealNode(
        labels | changes["metadata"]["labels"],
        frozenset((each["key"], each.get("value", ""), each["effect"]) for each in document["taints"]),
        given["provider-id"],
    )


def removed(cluster: Cluster) -> Sequence[str]:
    """The keys of taints that the autoscaler is told are removed from a new node."""
    setting = cluster.resource("services", "StartupTaintsSetting").properties["Value"]
    keys = tuple(each for each in setting.split(",") if each)
    values = Values("0b1c", REGION, "api.holdfast.internal", "100.64.0.0/14", Encryption.NONE, keys)
    document = json.dumps({"kind": "List", "items": autoscaler.objects("v0.0.0")})
    found: Any = filled({"autoscaler.json": document}, values)["autoscaler.json"]
    return told(found["items"], "startup-taint")


def told(objects: Sequence[Mapping[str, Any]], flag: str) -> Sequence[str]:
    """The values of a flag that the autoscaler is started with."""
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    start = f"--{flag}="
    return [each.removeprefix(start) for each in container["args"] if each.startswith(start)]


@pytest.mark.parametrize("name", NAMES)
def test_it_has_the_labels_of_the_real_one_and_no_other(name: str) -> None:
    cluster = cluster_of(name)
    for pool in cluster.config.pools:
        assert imagined(cluster, pool.name).labels == real(cluster, pool.name).labels


@pytest.mark.parametrize("name", NAMES)
def test_it_has_the_taints_that_the_real_one_keeps(name: str) -> None:
    cluster = cluster_of(name)
    known = removed(cluster)
    for pool in cluster.config.pools:
        found = real(cluster, pool.name).taints
        kept = {each for each in found if each[0] not in known and not each[0].startswith(KNOWN_PREFIXES)}
        taints = imagined(cluster, pool.name).taints
        # Of one key it is told one effect (docs/limits.md).
        assert (taints == kept) is (pool != ONE_KEY)
        assert taints <= kept
        assert {key for key, _, _ in taints} == {key for key, _, _ in kept}


@pytest.mark.parametrize("name", NAMES)
def test_its_pods_and_storage_are_no_more_than_a_real_ones(name: str) -> None:
    """CPU and memory are the type's whole, whatever the kubelet keeps: no tag says less (docs/limits.md)."""
    cluster = cluster_of(name)
    for pool in cluster.config.pools:
        capacity = imagined(cluster, pool.name).capacity
        assert capacity.keys() == {"cpu", "memory", "pods", "ephemeral-storage"}
        # The kubelet keeps a tenth (tests/templates/test_node_names.py).
        assert int(capacity["ephemeral-storage"].removesuffix("Gi")) <= pool.root_volume_gib * 9 // 10
        # The kubelet's default is the same 110.
        assert capacity["pods"] == "110"
    assert "maxPods" not in kubelet_configuration(Host())


def test_pools_that_differ_in_their_name_alone_are_alike_whether_or_not_they_have_nodes() -> None:
    """So that it fills them evenly: it compares all labels but those that it ignores (processors/nodegroupset)."""
    pools = [Pool(name=name, labels={"team": "a"}) for name in ("left", "right")]
    cluster = generated("alike", ClusterConfig(pools=tuple(pools)))
    ignored = told(autoscaler.objects("v0.0.0"), "balancing-ignore-label")
    without, living = imagined(cluster, "left").labels, {**real(cluster, "right").labels, SIGNALLED_LABEL: "true"}
    different = {key for key in {*without, *living} if without.get(key) != living.get(key)}
    assert different == {POOL_LABEL, SIGNALLED_LABEL} == set(ignored)


def test_the_kubelet_says_the_instance_as_the_autoscaler_looks_for_it() -> None:
    found = real(cluster_of("default"), "general").provider_id
    assert found == f"aws:///{ZONES[0]}/i-0a"
    assert PROVIDER_ID.search(found)
