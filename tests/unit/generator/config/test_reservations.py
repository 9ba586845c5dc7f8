"""Which Capacity Reservations are refused, and the lines that say so."""

from __future__ import annotations

import pytest

from generator.config import ConfigError, parse

HOSTS = "{hostResourceGroups: [hh], capacityReservations: [cc], "
REFUSALS = [
    (
        "pools: [{name: aa, capacityReservation: cc}]",
        'pools[0].capacityReservation: given "cc"; allowed: a name that is declared in capacityReservations',
    ),
    (
        "{capacityReservations: [cc], controlPlane: {capacityReservation: cc}, "
        "pools: [{name: aa, capacityReservation: dd}]}",
        'pools[0].capacityReservation: given "dd"; allowed: cc',
    ),
    (
        "capacityReservations: [cc]",
        'capacityReservations[0]: given "cc"; allowed: the names that controlPlane and pools use',
    ),
    (
        f"{HOSTS}pools: [{{name: aa, tenancy: host, hostResourceGroup: hh, capacityReservation: cc}}]}}",
        'pools[0].capacityReservation: given "cc"; allowed: nothing (tenancy is host, and no Capacity Reservation is '
        "for Dedicated Hosts)",
    ),
    (
        "{capacityReservations: [cc, c-c], controlPlane: {capacityReservation: cc}, "
        "pools: [{name: aa, capacityReservation: c-c}]}",
        'capacityReservations[1]: given "c-c", which becomes the same logical ids as "cc" of '
        "capacityReservations[0]; allowed: names that differ in more than hyphens",
    ),
]


@pytest.mark.parametrize(("text", "line"), REFUSALS, ids=[text for text, _ in REFUSALS])
def test_a_reservation_that_cannot_be_used_is_refused(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse(text)
    assert str(refusal.value).split("\n") == [line]


def test_control_plane_and_pools_may_share_one() -> None:
    nodes = "controlPlane: {capacityReservation: cc}, pools: [{name: aa, capacityReservation: cc}]"
    config = parse(f"{{capacityReservations: [cc], {nodes}}}")
    assert [config.control_plane.capacity_reservation, config.pools[0].capacity_reservation] == ["cc", "cc"]
