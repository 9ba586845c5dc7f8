"""No text of a configuration stands where CloudFormation makes a resource anew for another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from generator.config.model import ClusterConfig, Taint
from rehearsal.aws.cloudformation.schemas import Schema, schema_of
from tests.templates.cluster import EXAMPLES, Cluster, example, generated


def reworded(config: ClusterConfig) -> ClusterConfig:
    """The configuration with another text wherever people choose one that may change."""
    taint = Taint(key="example.com/reworded", value="reworded", effect="NoSchedule")
    pools = tuple(replace(pool, labels={"example.com/reworded": "reworded"}, taints=(taint,)) for pool in config.pools)
    made = config.network.vpc == "create"
    return replace(
        config,
        name="reworded",
        tags={"reworded": "reworded"},
        network=replace(config.network, dns_allowed_domains=("reworded.example.com",) if made else ()),
        kubernetes=replace(config.kubernetes, privileged_namespaces=("reworded",), image_repositories=("reworded/*",)),
        access=replace(
            config.access, oidc=tuple(replace(each, audiences=("reworded",)) for each in config.access.oidc)
        ),
        pools=pools,
    )


def fixed(properties: Any, schema: Schema) -> Iterator[tuple[str, Any]]:
    """The properties whose change replaces the resource, by their paths; those that only may, too."""
    for path in sorted(schema.create_only | schema.conditional_create_only):
        value = properties
        for part in path.split("/"):
            value = value.get(part) if isinstance(value, dict) else None
        yield path, value


def replaced(before: Cluster, after: Cluster) -> set[str]:
    """The resources of both that CloudFormation would, or might, make anew; each with the property."""
    found = set()
    for old in before.resources():
        body = after.templates.get(old.layer, {}).get("Resources", {}).get(old.logical_id)
        if body is None:
            continue
        new = dict(fixed(body.get("Properties", {}), schema_of(old.type)))
        found |= {f"{old}: {path}" for path, value in fixed(old.properties, schema_of(old.type)) if new[path] != value}
    return found


@pytest.mark.parametrize("name", EXAMPLES)
def test_another_name_or_text_replaces_no_resource(name: str) -> None:
    after = generated("reworded", reworded(example(name).config))

    assert replaced(example(name), after) == set()


def test_a_text_in_a_description_that_cannot_change_is_found() -> None:
    after = example("production").copy()
    after.resource("network", "WorkerGroup").properties["GroupDescription"] = "Workers of reworded"
    after.resource("network", "FlowLog").properties["LogGroupName"] = "reworded"

    assert replaced(example("production"), after) == {
        "network/WorkerGroup: GroupDescription",
        "network/FlowLog: LogGroupName",
    }
