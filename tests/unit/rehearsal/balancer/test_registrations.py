"""From registration to the end of the deregistration delay."""

from __future__ import annotations

from dataclasses import replace

from rehearsal.machines.balancer.registrations import Registration, after
from rehearsal.machines.balancer.view import View
from tests.unit.rehearsal.balancer.balancing import ONE, TWO, group, view

DELAY = "60"


def test_who_is_registered_is_a_target() -> None:
    assert after((), view(ONE, TWO), 0.0) == (Registration("group", ONE), Registration("group", TWO))


def test_a_target_is_known_since_its_registration_or_since_its_instance_runs_again() -> None:
    def since(known: tuple[Registration, ...], seen: View, now_seconds: float) -> tuple[Registration, ...]:
        found = after(known, seen, now_seconds)
        times.append(found[0].since_seconds)
        return found

    times: list[float] = []
    known = since((), view(ONE), 10.0)
    known = since(known, view(ONE), 20.0)
    known = since(known, view(replace(ONE, running=False)), 30.0)
    since(known, view(ONE), 40.0)
    assert times == [10.0, 10.0, 30.0, 40.0]


def test_a_slow_target_is_being_registered_for_as_long_as_the_site_says_and_again_when_it_starts_anew() -> None:
    def registering(known: tuple[Registration, ...], seen: View, now_seconds: float) -> tuple[Registration, ...]:
        found = after(known, seen, now_seconds, registering_seconds=180.0)
        seen_so.append(found[0].registering)
        return found

    seen_so: list[bool] = []
    known = registering((), view(ONE), 10.0)
    known = registering(known, view(ONE), 189.0)
    known = registering(known, view(ONE), 190.0)
    known = registering(known, view(deregistration_delay__timeout_seconds=DELAY), 200.0)
    registering(known, view(ONE), 210.0)
    assert seen_so == [True, True, False, False, True]


def test_a_target_drains_from_its_deregistration_until_the_delay_is_over() -> None:
    known = after((), view(ONE, TWO), 0.0)
    known = after(known, view(TWO, deregistration_delay__timeout_seconds=DELAY), 100.0)
    assert known == (Registration("group", TWO), Registration("group", ONE, drains_until=160.0))
    assert after(known, view(TWO, deregistration_delay__timeout_seconds=DELAY), 159.0) == known
    assert after(known, view(TWO, deregistration_delay__timeout_seconds=DELAY), 160.0) == (Registration("group", TWO),)


def test_a_target_that_is_registered_again_drains_no_longer_and_is_checked_anew() -> None:
    known = after(after((), view(ONE), 0.0), view(deregistration_delay__timeout_seconds=DELAY), 10.0)
    (again,) = after(known, view(ONE, deregistration_delay__timeout_seconds=DELAY), 20.0)
    assert again == Registration("group", ONE, since_seconds=20.0)


def test_the_old_port_drains_when_a_target_changes_its_port() -> None:
    other = replace(ONE, port=8443)
    known = after(after((), view(ONE), 0.0), view(other, deregistration_delay__timeout_seconds=DELAY), 10.0)
    new = Registration("group", other, since_seconds=10.0)
    assert known == (new, Registration("group", ONE, drains_until=70.0))


def test_what_is_known_of_a_target_is_what_it_is_now() -> None:
    stopped = replace(ONE, running=False)
    (now,) = after(after((), view(ONE), 0.0), view(stopped), 1.0)
    assert now.target == stopped


def test_nothing_drains_in_a_group_that_no_balancer_uses_or_that_is_gone() -> None:
    known = after((), view(ONE), 0.0)
    assert after(known, View((), (group(),)), 1.0) == ()
    assert after(known, View(), 1.0) == ()
