"""What the autoscaler is told of a pool's taints: a group has one tag of a key, and a key may have several effects."""

from __future__ import annotations

import json

import pytest

from generator.config import parse
from generator.root import templates

_TAG = "k8s.io/cluster-autoscaler/node-template/taint/"


def told(taints: str) -> dict[str, str]:
    """The tags about taints of a pool's group, by the taints' keys."""
    layer = json.loads(templates(parse(f"pools: [{{name: aa, taints: [{taints}]}}]"))["workers-aa.json"])
    (tags,) = [each["Properties"]["Tags"] for each in layer["Resources"].values() if "Group" in each["Type"]]
    keys = [tag["Key"] for tag in tags if isinstance(tag["Key"], str)]
    assert len(keys) == len(set(keys))
    return {
        tag["Key"].removeprefix(_TAG): tag["Value"]
        for tag in tags
        if isinstance(tag["Key"], str) and tag["Key"].startswith(_TAG)
    }


@pytest.mark.parametrize(
    ("taints", "tags"),
    [
        (
            "{key: a, value: x, effect: NoSchedule}, {key: b, effect: NoExecute}",
            {"a": "x:NoSchedule", "b": ":NoExecute"},
        ),
        ("{key: a, effect: PreferNoSchedule}, {key: a, value: y, effect: NoExecute}", {"a": "y:NoExecute"}),
        ("{key: a, effect: NoExecute}, {key: a, value: y, effect: PreferNoSchedule}", {"a": ":NoExecute"}),
        ("{key: a, effect: NoSchedule}, {key: a, effect: NoExecute}", {"a": ":NoSchedule"}),
        ("{key: a, effect: PreferNoSchedule}", {"a": ":PreferNoSchedule"}),
    ],
)
def test_of_several_effects_the_first_that_keeps_pods_off_is_told(taints: str, tags: dict[str, str]) -> None:
    assert told(taints) == tags
