"""What a router noted, in words. The listing is what nft 1.0.6 wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from rehearsal.machines.network.refusals import Refusal, read
from rehearsal.machines.network.router import NO_SERVICE
from rehearsal.machines.network.ruleset import NO_EGRESS, NO_INGRESS, SPOOFED
from tests.unit.rehearsal.network.vpc import DATABASE, NODE, topology

UNKNOWN = "10.0.0.99"


def listing(*keys: list[Any]) -> str:
    """What nftables lists of notes."""
    held = [{"elem": {"val": {"concat": key}, "expires": 598, "counter": {"packets": 3, "bytes": 180}}} for key in keys]
    return json.dumps(
        {
            "nftables": [
                {"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
                {"table": {"family": "ip", "name": "notes", "handle": 1}},
                {"set": {"name": "ports", "table": "notes", "elem": [each for each in held if len(keys[0]) == 5]}},
                {"set": {"name": "others", "table": "notes", "elem": [each for each in held if len(keys[0]) == 4]}},
                {"set": {"name": "services", "elem": [{"concat": ["169.254.169.254", "tcp", 80]}]}},
                {"chain": {"family": "ip", "table": "notes", "name": "refuse", "handle": 5}},
            ]
        }
    )


def test_a_refusal_is_one_line_with_both_ends_and_the_reason() -> None:
    (found,) = read(listing([NODE, DATABASE, "tcp", 6443, NO_INGRESS]), topology())
    assert found == Refusal(
        NODE,
        DATABASE,
        "tcp",
        6443,
        3,
        "no ingress rule of sg-database (Database) allows it",
        f"i-{NODE}",
        f"i-{DATABASE}",
    )
    assert str(found) == (
        "10.0.0.10 (i-10.0.0.10) -> 10.0.0.20:6443/tcp (i-10.0.0.20) refused: "
        "no ingress rule of sg-database (Database) allows it"
    )


def test_a_protocol_without_ports_has_none() -> None:
    (found,) = read(listing([NODE, DATABASE, "icmp", NO_EGRESS]), topology())
    assert str(found).startswith("10.0.0.10 (i-10.0.0.10) -> 10.0.0.20/icmp (i-10.0.0.20) refused: no egress rule of")


@pytest.mark.parametrize(
    ("source", "target", "mark", "reason"),
    [
        (NODE, UNKNOWN, NO_EGRESS, "no egress rule of sg-node (Node) allows it"),
        (NODE, UNKNOWN, NO_INGRESS, f"no network interface has the address {UNKNOWN}"),
        (UNKNOWN, NODE, NO_EGRESS, f"no network interface has the address {UNKNOWN}"),
        (NODE, DATABASE, SPOOFED, "its source is not the address of the interface that sent it"),
        (NODE, "169.254.169.254", NO_SERVICE, "nothing answers there"),
    ],
)
def test_the_reason_follows_from_how_far_the_packet_came(source: str, target: str, mark: int, reason: str) -> None:
    (found,) = read(listing([source, target, "tcp", 80, mark]), topology())
    assert found.reason == reason


def test_an_end_that_is_gone_by_now_has_no_owner() -> None:
    (found,) = read(listing([NODE, DATABASE, "tcp", 80, NO_INGRESS]), replace(topology(), nics=()))
    assert (found.source_owner, found.target_owner) == ("", "")


def test_refusals_come_in_the_order_of_addresses_and_ports() -> None:
    keys = ([NODE, DATABASE, "tcp", port, NO_INGRESS] for port in (443, 80))
    assert [each.port for each in read(listing(*keys), topology())] == [80, 443]


def test_no_notes_are_no_refusals() -> None:
    empty = {"nftables": [{"set": {"name": "ports"}}, {"set": {"name": "services", "elem": [{"concat": []}]}}]}
    assert read(json.dumps(empty), topology()) == []
