"""A failed update is taken back, followed to its end, and what is no failed update is refused in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from deployment import events, rollback
from deployment.refusal import Refusal, StoppedFollowing
from tests.unit.deployment.fakes import ROOT, CloudFormation, Event, Paginator, event


class Account:
    """CloudFormation as a script that rolls back; nobody launches anything."""

    def __init__(self, statuses: Sequence[str], happens: Sequence[Sequence[Event]] = (), *, interrupts: bool = False):
        self.asked: list[str] = []
        self.looks = 0
        outer = self

        class Script(CloudFormation):
            def describe_stacks(self, StackName: str) -> dict[str, Any]:
                outer.looks += 1
                assert outer.looks < 20, "what never began is followed for ever"
                return super().describe_stacks(StackName)

            def rollback_stack(self, StackName: str) -> None:
                outer.asked.append(StackName)
                if interrupts:
                    raise KeyboardInterrupt

        class Nobody:
            def get_paginator(self, _: str) -> Paginator:
                return Paginator([])

        self._clients = {"cloudformation": Script(statuses, happens), "autoscaling": Nobody()}

    def client(self, service: str) -> Any:
        return self._clients[service]


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_FIRST_PAUSE_SECONDS", 0.0)


GOES, BACK, STUCK = "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"


def ending(status: str) -> list[list[Event]]:
    return [[], [event(1, GOES)], [event(2, status)]]


def test_a_failed_update_is_rolled_back_and_followed_to_its_end() -> None:
    said: list[str] = []
    account = Account(["UPDATE_FAILED", GOES, BACK], ending(BACK))
    assert rollback.run(account, "holdfast", said.append)
    assert account.asked == [ROOT]
    assert said[-1] == "holdfast is UPDATE_ROLLBACK_COMPLETE: as it was before the update"


def test_a_rollback_that_goes_on_is_followed_and_not_asked_for_again() -> None:
    account = Account([GOES, GOES, BACK], [[event(1, GOES, reason="User Initiated")], [], [event(2, BACK)]])
    assert rollback.run(account, "holdfast", lambda _: None)
    assert account.asked == []


def test_a_rollback_that_fails_ends_with_what_goes_on_with_it() -> None:
    said: list[str] = []
    assert not rollback.run(Account(["UPDATE_FAILED", GOES, STUCK], ending(STUCK)), "holdfast", said.append)
    step = "aws cloudformation continue-update-rollback --region eu-central-1 --stack-name holdfast"
    assert said[-1] == f"remove what is in its way, then: {step}"


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", BACK, STUCK])
def test_what_is_no_failed_update_is_refused(status: str) -> None:
    account = Account([status])
    with pytest.raises(Refusal) as caught:
        rollback.run(account, "holdfast")
    assert ("\n" in str(caught.value), account.asked) == (False, [])


def test_ctrl_c_says_that_the_rollback_goes_on_and_how_to_follow_it() -> None:
    account = Account(["UPDATE_FAILED"], interrupts=True)
    with pytest.raises(StoppedFollowing, match=r"make follow STACK=holdfast REGION=eu-central-1$"):
        rollback.run(account, "holdfast", lambda _: None)
