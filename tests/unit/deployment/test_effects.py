"""What an update means for nodes, from its changes and the pools that live now."""

from __future__ import annotations

import json
from typing import Any

import pytest

from coordination.instances import PoolGroup
from deployment import effects
from deployment.changes import Change, Value
from deployment.effects import Kind
from generator.config.model import ClusterConfig, Pool
from generator.root import templates

GROUP, STACK = "AWS::AutoScaling::AutoScalingGroup", "AWS::CloudFormation::Stack"
POOLS = [
    PoolGroup("g-1", "general", min_size=2, desired=3, max_size=10),
    PoolGroup("g-2", "gpu-large", min_size=0, desired=1, max_size=4),
]


def slot(number: int, *properties: str) -> Change:
    return Change(f"Controlplane/Slot{number}", GROUP, "Modify", properties=properties)


def size(before: str, after: str) -> Change:
    return Change(
        "WorkersGeneral/Group", GROUP, "Modify", properties=("MaxSize",), values=(Value("MaxSize", before, after),)
    )


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        (
            [slot(number, "LaunchTemplate") for number in (4, 0, 1, 2, 3)],
            [
                "rolls 5 control planes one by one (slots 0, 1, 2, 3, 4); "
                "each new node joins before the old one leaves",
            ],
        ),
        (
            [slot(3, "VPCZoneIdentifier")],
            ["rolls 1 control plane (slot 3); each new node joins before the old one leaves"],
        ),
        ([slot(0, "Tags"), Change("Controlplane/Slot0Template", "AWS::EC2::LaunchTemplate", "Modify")], []),
        (
            [Change("WorkersGeneral/Group", GROUP, "Modify", properties=("LaunchTemplate",))],
            ["rolls pool general: 3 nodes, drained, batch by batch"],
        ),
        ([Change("WorkersGpuLarge", STACK, "Remove")], ["removes pool gpu-large: 1 node, drained"]),
        ([Change("WorkersMemoryXl", STACK, "Add")], ["adds pool memory-xl"]),
        ([size("10", "60")], []),
        ([size("10", "3")], []),
        ([size("10", "2")], ["shrinks pool general from 3 to 2 nodes: 1 node, drained"]),
    ],
)
def test_each_effect_is_told_with_its_nodes(changes: list[Change], lines: list[str]) -> None:
    assert [each.line for each in effects.found(changes, POOLS, "surge")] == lines


def test_a_pool_that_cannot_be_asked_has_an_unknown_number_of_nodes_and_goes_all_the_same() -> None:
    found = effects.found([Change("WorkersGpuLarge", STACK, "Remove"), size("10", "9")], None, "surge")
    assert [each.line for each in found] == [
        "removes pool gpu-large: an unknown number of nodes, drained",
        "shrinks pool general to 9 nodes: an unknown number of nodes, drained",
    ]
    assert [each.goes for each in found] == [True, True]


def test_only_what_comes_back_does_not_go() -> None:
    changes = [slot(0, "LaunchTemplate"), Change("WorkersX", STACK, "Add"), Change("WorkersGeneral", STACK, "Remove")]
    found = effects.found(changes, POOLS, "remove-first")
    assert [(each.kind, each.goes) for each in found] == [
        (Kind.ROLLS, False),
        (Kind.ADDS, False),
        (Kind.REMOVES, True),
    ]
    assert "each old node leaves before the new one comes" in found[0].line


def test_logical_ids_are_those_of_the_templates() -> None:
    config = ClusterConfig(pools=(Pool(name="gpu-large"),))
    root = json.loads(templates(config)["root.json"])["Resources"]
    assert f"Workers{effects.logical_name('gpu-large')}" in root
    assert "Group" in json.loads(templates(config)["workers-gpu-large.json"])["Resources"]


def launch_template(path: str, before: Any, after: Any) -> Change:
    return Change(path, "AWS::EC2::LaunchTemplate", "Modify", before=before, after=after)


def machine(image: str, owner: str) -> dict[str, Any]:
    tags = [{"Key": "owner", "Value": owner}]
    specifications = [{"ResourceType": "volume", "Tags": tags}]
    return {"LaunchTemplateData": {"ImageId": image, "TagSpecifications": specifications}, "TagSpecifications": tags}


@pytest.mark.parametrize(
    ("before", "after", "alone"),
    [
        (machine("ami-1", "a"), machine("ami-1", "b"), True),
        (machine("ami-1", "a"), machine("ami-2", "b"), False),
        (None, machine("ami-1", "b"), False),
    ],
    ids=["tags", "image too", "not described"],
)
def test_nodes_that_are_replaced_for_tags_alone_are_told_so(before: Any, after: Any, alone: bool) -> None:
    pool = Change("WorkersGeneral/Group", GROUP, "Modify", properties=("LaunchTemplate", "Tags"))
    templates = [
        launch_template(path, before, after) for path in ("Controlplane/Slot0Template", "WorkersGeneral/Template")
    ]
    found = effects.found([slot(0, "LaunchTemplate", "Tags"), pool, *templates], POOLS, "surge")
    assert [", for other tags alone" in each.line for each in found] == [alone, alone]


def test_a_slot_that_moves_as_well_is_not_rolled_for_tags_alone() -> None:
    template = launch_template("Controlplane/Slot0Template", machine("ami-1", "a"), machine("ami-1", "b"))
    (found,) = effects.found([slot(0, "LaunchTemplate", "VPCZoneIdentifier"), template], POOLS, "surge")
    assert "tags" not in found.line
