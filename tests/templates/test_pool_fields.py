"""Which settings of a pool make its launch template another one, so that an update replaces the pool's nodes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from generator.config.model import ClusterConfig, Pool, Taint
from generator.root import build
from tests.templates.cluster import Cluster
from tests.templates.rules.machines import launch_templates

LABELS = {"example.com/a": "1", "example.com/b": "2"}
TAINTS = (Taint(key="example.com/a", effect="NoSchedule"), Taint(key="example.com/b", value="x", effect="NoExecute"))
POOL = Pool(name="general", tenancy="host", host_resource_group="one", labels=LABELS, taints=TAINTS)

# What a node is made of, or reads once.
NODE: dict[str, list[Any]] = {
    "tenancy": ["dedicated"],
    "host_resource_group": ["two"],
    "labels": [{}, {"example.com/a": "1"}, {**LABELS, "example.com/b": "3"}],
    "taints": [
        (),
        TAINTS[:1],
        (Taint(key="example.com/a", effect="NoExecute"), TAINTS[1]),
        (TAINTS[0], Taint(key="example.com/b", value="y", effect="NoExecute")),
    ],
    "root_volume_gib": [101],
    "instance_type": ["m7i.xlarge"],
    "image": ["own"],
    "capacity_reservation": ["paid"],
}
# What holds for the group alone.
GROUP: dict[str, list[Any]] = {"min_size": [0, 3], "max_size": [11], "update_batch": [5]}
# Another name is another pool, in a stack of its own.
IDENTITY = {"name"}


def machine(pool: Pool) -> str:
    """The pool's launch template as CloudFormation gets it at a deploy that leaves the root's defaults."""
    root = build(ClusterConfig(host_resource_groups=("one", "two"), capacity_reservations=("paid",), pools=(pool,)))
    bodies = {"root": root.template, **root.children}
    cluster = Cluster(
        "one-pool", ClusterConfig(), {name: json.loads(json.dumps(b.to_dict())) for name, b in bodies.items()}
    )
    ((template, data),) = [each for each in launch_templates(cluster) if each[0].layer == "workers-general"]
    return json.dumps(_deployed(cluster, template.layer, data), sort_keys=True)


def _deployed(cluster: Cluster, layer: str, value: Any) -> Any:
    """A value with the root's parameters and their defaults in the place of the pool's parameters."""
    if isinstance(value, list):
        return [_deployed(cluster, layer, each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        place = cluster.resolve(layer, value)
        name = place.expression["Ref"] if isinstance(place.expression, dict) and "Ref" in place.expression else ""
        default = cluster.templates["root"]["Parameters"].get(name, {}).get("Default")
        return [place.layer, place.expression, default]
    return {key: _deployed(cluster, layer, each) for key, each in value.items()}


def test_every_field_of_a_pool_is_known_to_make_another_node_or_not() -> None:
    assert sorted(Pool.__struct_fields__) == sorted([*NODE, *GROUP, *IDENTITY])


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in NODE.items() for value in values])
def test_a_field_that_concerns_a_node_changes_the_launch_template(field: str, value: Any) -> None:
    assert machine(msgspec.structs.replace(POOL, **{field: value})) != machine(POOL)


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in GROUP.items() for value in values])
def test_a_field_that_concerns_no_node_leaves_the_launch_template(field: str, value: Any) -> None:
    assert machine(msgspec.structs.replace(POOL, **{field: value})) == machine(POOL)


@pytest.mark.parametrize(
    "same", [{"labels": dict(reversed(LABELS.items()))}, {"taints": TAINTS[::-1]}], ids=["labels", "taints"]
)
def test_another_order_of_labels_or_taints_replaces_no_node(same: dict[str, Any]) -> None:
    assert machine(msgspec.structs.replace(POOL, **same)) == machine(POOL)
