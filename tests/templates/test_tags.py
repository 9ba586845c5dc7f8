"""The organisation's tags in every shape of a cluster, and as many as the configuration takes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from generator.config.model import ClusterConfig, Pool, Taint
from generator.root import templates
from rehearsal.aws.cloudformation.schemas import schema_of
from tests.templates.cluster import EXAMPLES, example, generated
from tests.templates.rules import tags, violations

RULES = (
    "everything_that_takes_tags_carries_those_of_the_configuration",
    "a_group_hands_the_configurations_tags_to_its_instances",
    "no_resource_has_more_tags_than_it_takes",
)
TAGS = {"CostCenter": "4711", "example.com/owner": "platform team"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_resource_of_an_example_that_takes_tags_has_them(name: str) -> None:
    cluster = generated("tagged", replace(example(name).config, tags=TAGS))

    assert [line for rule in RULES for line in violations(rule, cluster)] == []


def test_the_fullest_pool_has_room_for_as_many_tags_as_there_may_be() -> None:
    pool = Pool(
        name="full",
        labels={f"example.com/l{index}": "x" for index in range(20)},
        taints=tuple(Taint(key=f"example.com/t{index}", effect="NoSchedule") for index in range(10)),
    )
    config = ClusterConfig(pools=(pool,), tags={f"tag-{index}": "x" for index in range(8)})

    assert violations("no_resource_has_more_tags_than_it_takes", generated("full", config)) == []


def test_another_order_of_tags_is_the_same_templates() -> None:
    config = example("production").config
    before, after = (replace(config, tags=dict(items)) for items in (TAGS.items(), reversed(TAGS.items())))

    assert templates(before) == templates(after)


def test_an_exception_is_a_type_whose_tags_cannot_change() -> None:
    assert [name for name in tags.EXCEPTIONS if "Tags" not in schema_of(name).create_only] == []
