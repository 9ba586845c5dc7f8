"""What nodes may send each other of their pods' packets: encrypted or not, and never both."""

from __future__ import annotations

from typing import get_args

import pytest

from coordination.names import Encryption
from generator.config.model import ClusterConfig, Network, NetworkEncryption
from generator.layers.network.security_groups import CONTROL_PLANE, WORKER, matrix

PORTS = {"wireguard": 51871, "none": 8472}
"""What Cilium listens at: https://docs.cilium.io/en/v1.20/operations/system_requirements/#firewall-rules"""


@pytest.mark.parametrize("encryption", get_args(NetworkEncryption))
def test_nodes_reach_each_other_at_the_port_of_what_is_chosen_alone(encryption: NetworkEncryption) -> None:
    flows = [
        each for each in matrix(ClusterConfig(network=Network(encryption=encryption))) if each.protocol in {"udp", "-1"}
    ]
    nodes = (CONTROL_PLANE, WORKER)
    assert {(each.source, each.target) for each in flows} == {(source, target) for source in nodes for target in nodes}
    assert {(each.protocol, each.from_port, each.to_port) for each in flows} == {
        ("udp", PORTS[encryption], PORTS[encryption])
    }


def test_nodes_know_every_choice_and_no_other() -> None:
    assert set(get_args(NetworkEncryption)) == set(Encryption)


def test_it_is_encrypted_unless_somebody_says_otherwise() -> None:
    assert ClusterConfig().network.encryption == Encryption.WIREGUARD.value
