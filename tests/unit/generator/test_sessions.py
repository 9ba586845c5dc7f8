"""What `access.ssm` adds to a cluster and changes in it: the rest stays, so it can be turned on and off."""

from __future__ import annotations

import json
from typing import Any

import pytest

from generator.config import ClusterConfig
from generator.config.model import Access, Network
from generator.root import templates

MADE_HERE, CENTRAL = Network(), Network(vpc="given", endpoints="given")
SESSIONS = {"services/SessionDocument", "services/SessionLogGroup", "services/SessionPolicy"}
ENDPOINTS = {"network/KmsEndpoint", "network/SsmmessagesEndpoint"}
# Of these two nodes call more.
WIDENED = {"network/LogsEndpoint", "network/SsmEndpoint"}
# The nodes' rights, what they start with, and the key's users.
CHANGED = {
    "iam/Key",
    "services/ControlPlanePolicy",
    "services/WorkerPolicy",
    "controlplane/ControlPlanePolicy",
    *(f"controlplane/Slot{slot}Template" for slot in range(3)),
    "workers-general/Template",
    # The function is asked before the control planes are replaced; RolePath goes along.
    "root/UpdateCheck",
    "root/Services",
}


def resources(network: Network, ssm: bool) -> dict[str, Any]:
    """Every resource by layer and logical id."""
    made = templates(ClusterConfig(network=network, access=Access(ssm=ssm)))
    return {
        f"{name.removesuffix('.json')}/{logical_id}": resource
        for name, body in made.items()
        for logical_id, resource in json.loads(body)["Resources"].items()
    }


@pytest.mark.parametrize(("network", "endpoints"), [(MADE_HERE, True), (CENTRAL, False)], ids=["made", "central"])
def test_the_setting_adds_resources_and_replaces_none(network: Network, endpoints: bool) -> None:
    off, on = resources(network, False), resources(network, True)
    assert on.keys() - off.keys() == SESSIONS | (ENDPOINTS if endpoints else set())
    assert off.keys() <= on.keys()
    changed = {path for path, body in off.items() if on[path] != body}
    assert changed == CHANGED | (WIDENED if endpoints else set())


def test_it_is_off_by_default() -> None:
    assert templates(ClusterConfig()) == templates(ClusterConfig(access=Access(ssm=False)))
