"""From registration to the end of the deregistration delay."""

from __future__ import annotations

from dataclasses import replace

from rehearsal.machines.balancer.registrations import Registration, after
from rehearsal.machines.balancer.view import View
from tests.unit.rehearsal.balancer.balancing import ONE, TWO, group, view

DELAY = "60"


def test_who_is_registered_is_a_target() -> None:
    assert after((), view(ONE, TWO), 0.0) == (Registration("group", ONE), Registration("group", TWO))


def test_a_target_drains_from_its_deregistration_until_the_delay_is_over() -> None:
    known = after((), view(ONE, TWO), 0.0)
    known = after(known, view(TWO, deregistration_delay__timeout_seconds=DELAY), 100.0)
    assert known == (Registration("group", TWO), Registration("group", ONE, drains_until=160.0))
    assert after(known, view(TWO, deregistration_delay__timeout_seconds=DELAY), 159.0) == known
    assert after(known, view(TWO, deregistration_delay__timeout_seconds=DELAY), 160.0) == (Registration("group", TWO),)


def test_a_target_that_is_registered_again_drains_no_longer() -> None:
    known = after(after((), view(ONE), 0.0), view(deregistration_delay__timeout_seconds=DELAY), 10.0)
    assert after(known, view(ONE, deregistration_delay__timeout_seconds=DELAY), 20.0) == (Registration("group", ONE),)


def test_the_old_port_drains_when_a_target_changes_its_port() -> None:
    other = replace(ONE, port=8443)
    known = after(after((), view(ONE), 0.0), view(other, deregistration_delay__timeout_seconds=DELAY), 10.0)
    assert known == (Registration("group", other), Registration("group", ONE, drains_until=70.0))


def test_what_is_known_of_a_target_is_what_it_is_now() -> None:
    stopped = replace(ONE, running=False)
    assert after(after((), view(ONE), 0.0), view(stopped), 1.0) == (Registration("group", stopped),)


def test_nothing_drains_in_a_group_that_no_balancer_uses_or_that_is_gone() -> None:
    known = after((), view(ONE), 0.0)
    assert after(known, View((), (group(),)), 1.0) == ()
    assert after(known, View(), 1.0) == ()
