"""Ways to break what a configuration says about the things that are created."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from generator.config.problem import below
from tests.breaks import Document, Draw

_TAG_KEYS = (
    *("Name", "name", "aws:owner", "AWS:owner", "holdfast:cluster", "Holdfast:x", "a*b", "a,b", "", "a" * 129, "$a"),
    *("kubernetes.io/cluster/a", "k8s.io/cluster-autoscaler/enabled", "sub.kubernetes.io/a", "a{b"),
)
_TAG_VALUES: tuple[Any, ...] = ("", "a" * 257, "a*b", "${x}", "a\nb", 4711, True, None, ["a"], "\u00a0")


def _refused_tag(draw: Draw, document: Document) -> str:
    key = draw(st.sampled_from(_TAG_KEYS))
    document["tags"] = {key: "x"}
    return below("tags", key)


def _refused_tag_value(draw: Draw, document: Document) -> str:
    document["tags"] = {"owner": draw(st.sampled_from(_TAG_VALUES))}
    return "tags.owner"


def _tags_of_one_key(draw: Draw, document: Document) -> str:
    document["tags"] = {"CostCenter": "a", "costcenter": "a"}
    return "tags.costcenter"


def _bad_tags(draw: Draw, document: Document) -> str:
    document["tags"] = draw(st.sampled_from((["a"], "a", 3, {f"key-{index}": "a" for index in range(9)})))
    return "tags"


def _another_architecture(draw: Draw, document: Document) -> str:
    pools = document["pools"]
    pools[:] = [{**pools[0], "instanceType": "m7i.large", "tenancy": "dedicated", "image": "shared"}]
    pools[0].pop("hostResourceGroup", None)
    document["hostResourceGroups"], document["controlPlane"] = [], {"slots": document["controlPlane"]["slots"]}
    document["capacityReservations"] = []
    pools[0].pop("capacityReservation", None)
    pools.append({"name": "another-one", "instanceType": "m7g.large", "minSize": 0, "maxSize": 1})
    return "pools[1].image"


def _reservation_that_is_not_declared(draw: Draw, document: Document) -> str:
    document["capacityReservations"] = []
    for pool in document["pools"]:
        pool.pop("capacityReservation", None)
    document["controlPlane"]["capacityReservation"] = "absent"
    return "controlPlane.capacityReservation"


def _reservation_of_hosts(draw: Draw, document: Document) -> str:
    document["capacityReservations"], document["hostResourceGroups"] = ["reserved"], ["a-group"]
    pool = document["pools"][0]
    pool |= {"tenancy": "host", "hostResourceGroup": "a-group", "capacityReservation": "reserved"}
    return "pools[0].capacityReservation"


def _reservation_that_nothing_uses(draw: Draw, document: Document) -> str:
    document["capacityReservations"] = [*document["capacityReservations"], "unused-one"]
    return f"capacityReservations[{len(document['capacityReservations']) - 1}]"


COMPUTE_BREAKS: tuple[Callable[[Draw, Document], str], ...] = (
    _refused_tag,
    _refused_tag_value,
    _tags_of_one_key,
    _bad_tags,
    _another_architecture,
    _reservation_that_is_not_declared,
    _reservation_of_hosts,
    _reservation_that_nothing_uses,
)
