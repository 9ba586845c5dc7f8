"""The bridges that nodes of a rehearsal have for their pods, and the tunnels between nodes."""

from __future__ import annotations

import json
import socket
from ipaddress import IPv4Network

import pytest

from imagebuilder import places
from rehearsal.machines.model import Interface
from rehearsal.machines.network import namespaces
from rehearsal.machines.network.pods import PodBridges, PodRange
from tests.machines.network.harness import NetworkHarness
from tests.machines.network.probing import connects, drops

PORT = 8472
TUNNEL = {"IpProtocol": "udp", "FromPort": PORT, "ToPort": PORT, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
WEB = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}


@pytest.fixture
def bridges() -> PodBridges:
    """Bridges of nodes, with room for two nodes."""
    return PodBridges(PodRange("100.64.0.0/23", PORT))


def configured(bridges: PodBridges, node: Interface) -> dict[str, object]:
    """What is written onto a node's disk: the path, and of it the plugins by their type, and the pods' range."""
    ((path, text),) = bridges.files(node).items()
    plugins = json.loads(text)["plugins"]
    pods = IPv4Network(plugins[0]["ipam"]["ranges"][0][0]["subnet"])
    return {"path": f"/{path}", "plugins": {each["type"] for each in plugins} | {"host-local"}, "pods": pods}


def with_pod(bridges: PodBridges, harness: NetworkHarness, node: Interface) -> str:
    """The address of a pod on a node: here one of its node's own."""
    bridges.join(node, harness.namespace(node))
    pods = configured(bridges, node)["pods"]
    assert isinstance(pods, IPv4Network)
    address = str(pods[2])
    namespaces.ip([f"address add {address}/32 dev lo"], harness.namespace(node))
    return address


def test_pods_of_two_nodes_reach_each_other_while_both_are_there(bridges: PodBridges, harness: NetworkHarness) -> None:
    group = harness.group(TUNNEL)
    here, there = (harness.attached(group, zone=zone) for zone in harness.zones)
    ours, theirs = (with_pod(bridges, harness, node) for node in (here, there))
    with namespaces.listen(harness.namespace(here), ours, 80), namespaces.listen(harness.namespace(there), theirs, 80):
        assert connects(harness.namespace(here), theirs, 80)
        assert connects(harness.namespace(there), ours, 80)
        bridges.leave(there.interface_id)
        assert drops(harness.namespace(here), theirs, 80)


def test_security_groups_judge_pods_by_the_tunnels_port_and_by_no_other(
    bridges: PodBridges, harness: NetworkHarness
) -> None:
    here = harness.attached(harness.group(TUNNEL))
    there = harness.attached(harness.group(WEB))
    with_pod(bridges, harness, here)
    theirs = with_pod(bridges, harness, there)
    with namespaces.listen(harness.namespace(there), theirs, 80):
        assert drops(harness.namespace(here), theirs, 80)


def test_who_is_no_pod_sees_the_node(bridges: PodBridges, harness: NetworkHarness) -> None:
    here, there = harness.attached(harness.group()), harness.attached(harness.group(WEB))
    pod = with_pod(bridges, harness, here)
    with (
        harness.listen(there, 80) as listener,
        namespaces.inside(harness.namespace(here)),
        socket.create_connection((there.address, 80), timeout=10, source_address=(pod, 0)),
    ):
        accepted, peer = listener.accept()
        accepted.close()
    assert peer[0] == here.address


def test_a_range_is_kept_until_its_node_is_forgotten_and_nobody_shares_it(
    bridges: PodBridges, harness: NetworkHarness
) -> None:
    one, two, three = (harness.interface(harness.group()) for _ in range(3))
    first, second = (configured(bridges, node)["pods"] for node in (one, two))
    assert {first, second} == {IPv4Network("100.64.0.0/24"), IPv4Network("100.64.1.0/24")}
    assert configured(bridges, one)["pods"] == first
    with pytest.raises(namespaces.Failed, match="2 nodes have all of the pods' range"):
        bridges.files(three)
    bridges.forget(one.interface_id)
    assert configured(bridges, three)["pods"] == first


def test_a_node_is_given_one_file_of_plugins_that_every_image_has(bridges: PodBridges, harness: NetworkHarness) -> None:
    found = configured(bridges, harness.interface(harness.group()))
    assert str(found["path"]).startswith(f"{places.NETWORK_FOLDER}/")
    assert found["plugins"] == {*places.PLUGINS} - {"loopback"}
