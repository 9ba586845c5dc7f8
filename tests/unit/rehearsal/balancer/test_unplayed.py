"""What a balancer's log says of settings without effect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rehearsal.machines.balancer.unplayed import unplayed
from rehearsal.machines.balancer.view import Nlb, View
from tests.unit.rehearsal.balancer.balancing import BALANCER, group, view

WITHOUT_GROUPS = replace(BALANCER, security_groups=())
UDP = replace(BALANCER, ports=(replace(BALANCER.ports[0], protocol="UDP"),))


def played(balancer: Nlb = BALANCER, **others: str) -> View:
    """The balancer with a group that keeps no client's address."""
    return view(balancer=balancer, preserve_client_ip__enabled="false", **others)


def test_nothing_is_said_of_what_is_played() -> None:
    assert list(unplayed(BALANCER, played())) == []


@pytest.mark.parametrize(
    ("seen", "named"),
    [
        (view(preserve_client_ip__enabled="true"), "preserve_client_ip.enabled"),
        # On by default for instances.
        (view(), "preserve_client_ip.enabled"),
        (played(proxy_protocol_v2__enabled="true"), "proxy_protocol_v2.enabled"),
        (played(stickiness__enabled="true"), "stickiness.enabled"),
        (played(WITHOUT_GROUPS), "no security groups"),
        (played(UDP), "is UDP"),
    ],
)
def test_a_setting_that_is_not_played_is_named(seen: View, named: str) -> None:
    (line,) = unplayed(seen.balancers[0], seen)
    assert named in line


def test_addresses_keep_no_clients_address_by_default() -> None:
    addresses = View((BALANCER,), (replace(group(), target_type="ip"),))
    assert list(unplayed(BALANCER, addresses)) == []
