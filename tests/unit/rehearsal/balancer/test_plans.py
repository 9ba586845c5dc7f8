"""The plan of a balancer's process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rehearsal.machines.balancer.plans import plan
from rehearsal.machines.balancer.registrations import Registration
from rehearsal.machines.balancer.view import Port, View, codes
from rehearsal.machines.proxy.plan import Group, Listener, Target, Zone
from tests.unit.rehearsal.balancer.balancing import BALANCER, ONE, TWO, view

NODES = (Zone("a", "10.0.0.5", "hf-abcdef-1"), Zone("b", "10.0.1.5", "hf-abcdef-2"))


def group_of(seen: View, *registrations: Registration) -> Group:
    (found,) = plan(seen.balancers[0], seen, registrations, NODES, lambda seconds: seconds / 10).groups
    return found


def test_a_listener_and_its_targets_are_planned() -> None:
    seen = view(ONE, TWO)
    made = plan(BALANCER, seen, [Registration("group", ONE), Registration("group", TWO, 60.0, 7.0)], NODES, float)
    assert made.zones == NODES
    assert made.listeners == (Listener(6443, 3600.0, "group"),)
    assert made.groups[0].targets == (
        Target("i-1", 6443, "10.0.0.7", "a"),
        Target("i-2", 6443, "10.0.1.7", "b", draining=True, since=7.0),
    )


def test_intervals_follow_the_clock_and_time_outs_do_not() -> None:
    check = group_of(view(ONE)).check
    assert (check.interval_seconds, check.timeout_seconds) == (1.0, 6.0)


def test_a_check_knows_the_port_that_its_host_is_named_with() -> None:
    elsewhere = replace(BALANCER, ports=(Port(443, "TCP", "group", 350.0),))
    assert group_of(view(ONE, balancer=elsewhere)).check.listener_port == 443


def test_instances_that_do_not_run_and_those_that_are_gone_get_no_connection() -> None:
    stopped, gone = replace(ONE, running=False), replace(TWO, address=None, running=False)
    registrations = (Registration("group", stopped), Registration("group", gone))
    assert group_of(view(stopped, gone), *registrations).targets == ()


def test_a_target_that_is_being_registered_gets_neither_checks_nor_connections() -> None:
    seen = view(ONE, TWO)
    planned = group_of(seen, Registration("group", ONE, registering=True), Registration("group", TWO))
    assert [target.target_id for target in planned.targets] == ["i-2"]


@pytest.mark.parametrize(
    ("of_balancer", "of_group", "expected"),
    [
        (True, "use_load_balancer_configuration", True),
        (False, "use_load_balancer_configuration", False),
        (False, "true", True),
        (True, "false", False),
    ],
)
def test_a_target_group_may_override_the_balancers_zones(of_balancer: bool, of_group: str, expected: bool) -> None:
    seen = view(balancer=replace(BALANCER, cross_zone=of_balancer), load_balancing__cross_zone__enabled=of_group)
    assert group_of(seen).cross_zone is expected


def test_connections_to_unhealthy_targets_are_cut_by_default_and_those_to_drained_ones_are_not() -> None:
    plain = group_of(view())
    assert (plain.cut_unhealthy, plain.cut_drained) == (True, False)
    changed = group_of(
        view(
            target_health_state__unhealthy__connection_termination__enabled="false",
            deregistration_delay__connection_termination__enabled="true",
        )
    )
    assert (changed.cut_unhealthy, changed.cut_drained) == (False, True)


def test_what_is_not_tcp_is_not_planned() -> None:
    udp = replace(BALANCER, ports=(replace(BALANCER.ports[0], protocol="UDP"),))
    made = plan(udp, view(ONE, balancer=udp), (), NODES, float)
    assert (made.listeners, made.groups) == ((), ())


def test_a_matcher_is_codes_and_ranges() -> None:
    assert codes("200-399") == ((200, 399),)
    assert codes("200,202-204") == ((200, 200), (202, 204))
