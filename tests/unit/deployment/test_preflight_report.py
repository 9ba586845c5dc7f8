"""How findings are told, and the exit code that they make."""

from __future__ import annotations

import itertools
import json

import pytest

from deployment import preflight
from deployment.preflight import permissions
from deployment.preflight.aim import Aim, Operation
from deployment.preflight.finding import About, Finding, State, Topic
from tests.unit.project.rooms import ROOT

FAILED, NOT_ASKED, WARNING, NOTE, OK = State


def found(*states: State) -> list[Finding]:
    return [Finding(state, Topic.ACCOUNT, f"subject {number}", "detail") for number, state in enumerate(states)]


@pytest.mark.parametrize(
    "states", [states for size in (0, 1, 2, 3) for states in itertools.product(State, repeat=size)]
)
def test_the_exit_code_is_of_the_worst_state(states: tuple[State, ...]) -> None:
    expected = 1 if FAILED in states else 3 if NOT_ASKED in states else 0
    assert preflight.exit_code(found(*states)) == expected


def test_problems_come_first_then_the_rest_by_topic_and_at_last_the_counts() -> None:
    machines, account = About(Topic.MACHINES, "image"), About(Topic.ACCOUNT, "role")
    said: list[str] = []
    findings = [
        machines.ok("there"),
        account.note("made later", "make it"),
        machines.failed("gone", "take another"),
        account.warning("odd"),
        account.ok("there"),
    ]
    preflight.tell(Aim("my-cluster", Operation.CREATE), findings, as_json=False, say=said.append)
    assert [" ".join(line.split()) for line in said] == [
        "for a new stack my-cluster",
        "failed image: gone; next: take another",
        "warning role: odd",
        "account:",
        "note role: made later; next: make it",
        "ok role: there",
        "machines:",
        "ok image: there",
        "1 failed, 0 could-not-ask, 1 warning, 1 note, 2 ok",
    ]


def test_json_has_the_same_fields_for_every_finding() -> None:
    said: list[str] = []
    preflight.tell(
        Aim("my-cluster", Operation.UPDATE, "UPDATE_COMPLETE"), found(OK, NOT_ASKED), as_json=True, say=said.append
    )
    document = json.loads(said[0])
    assert document == {
        "stack": "my-cluster",
        "operation": "update",
        "status": "UPDATE_COMPLETE",
        "exit_code": 3,
        "counts": {"failed": 0, "could-not-ask": 1, "warning": 0, "note": 0, "ok": 1},
        "findings": [
            {"topic": "account", "state": state, "subject": subject, "detail": "detail", "next": ""}
            for state, subject in (("could-not-ask", "subject 1"), ("ok", "subject 0"))
        ],
    }


HOW_TO = (ROOT / "docs/how-to/check-an-account.md").read_text(encoding="utf-8")


def test_the_how_to_lists_every_permission_with_what_it_is_for() -> None:
    rows = {
        tuple(cell.strip(" `") for cell in line.strip("|").split("|"))
        for line in HOW_TO.splitlines()
        if line.startswith("| `") and ":" in line
    }
    assert rows == {*permissions.ALWAYS.items(), *permissions.SOMETIMES.items()}


def test_the_policy_of_the_how_to_is_the_one_that_is_tested() -> None:
    (text,) = [block.partition("```")[0] for block in HOW_TO.split("```json\n")[1:]]
    assert json.loads(text) == permissions.policy()


def test_the_exit_codes_of_the_how_to_are_those_of_the_help() -> None:
    for code in (0, 1, 2, 3):
        assert f"| {code} |" in HOW_TO
        assert f"{code} " in preflight.EXIT_CODES
