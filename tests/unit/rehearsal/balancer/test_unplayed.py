"""What a balancer's log says of settings without effect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rehearsal.machines.balancer.unplayed import unplayed
from rehearsal.machines.balancer.view import View
from tests.unit.rehearsal.balancer.balancing import BALANCER, group, view

PLAYED = {"preserve_client_ip__enabled": "false"}


def test_nothing_is_said_of_what_is_played() -> None:
    assert list(unplayed(BALANCER, view(**PLAYED))) == []


@pytest.mark.parametrize(
    ("seen", "named"),
    [
        (view(preserve_client_ip__enabled="true"), "preserve_client_ip.enabled"),
        # On by default for instances.
        (view(), "preserve_client_ip.enabled"),
        (view(**PLAYED, proxy_protocol_v2__enabled="true"), "proxy_protocol_v2.enabled"),
        (view(**PLAYED, stickiness__enabled="true"), "stickiness.enabled"),
        (view(balancer=replace(BALANCER, security_groups=()), **PLAYED), "no security groups"),
        (view(balancer=replace(BALANCER, ports=(replace(BALANCER.ports[0], protocol="UDP"),)), **PLAYED), "is UDP"),
    ],
)
def test_a_setting_that_is_not_played_is_named(seen: View, named: str) -> None:
    (line,) = unplayed(seen.balancers[0], seen)
    assert named in line


def test_addresses_keep_no_clients_address_by_default() -> None:
    addresses = View((BALANCER,), (replace(group(), target_type="ip"),))
    assert list(unplayed(BALANCER, addresses)) == []
