"""Who loses rights where a list of people is given: told by diff and deploy, and asked about for administrators."""

from __future__ import annotations

import json

import pytest

from deployment import people, plans
from deployment.changes import Change
from deployment.effects import Effect, Kind
from deployment.next_steps import Typed
from deployment.people import Loss
from deployment.plans import Plan
from deployment.refusal import Refusal
from deployment.widening import Widening

ALICE, BOB, CAROL = (f"arn:aws:iam::123456789012:user/{name}" for name in ("alice", "bob", "carol"))


@pytest.mark.parametrize(
    ("parameter", "word"),
    [
        ("AdministratorArns", "administrators"),
        ("EditorArns", "editors"),
        ("ViewerArns", "viewers"),
        ("KeyOperatorArns", "key operators"),
    ],
)
def test_whoever_is_left_out_of_a_given_list_loses_and_is_named(parameter: str, word: str) -> None:
    existing = {parameter: f"{ALICE}, {BOB}"}
    (loss,) = people.losses(existing, {parameter: f"{CAROL},{BOB}"})
    assert (loss.arns, loss.line) == ((ALICE,), f"{word} lose {ALICE}")
    assert loss.asks == (parameter == "AdministratorArns")
    (everybody,) = people.losses(existing, {parameter: ""})
    assert everybody.arns == (ALICE, BOB)


def test_a_list_that_is_not_given_or_grows_loses_nobody() -> None:
    existing = {"AdministratorArns": ALICE, "ViewerArns": ""}
    assert people.losses(existing, {"ViewerArns": BOB}) == []
    assert people.losses(existing, {"AdministratorArns": people.with_one_more([ALICE], BOB)}) == []


def test_a_plan_tells_losses_and_asks_for_nodes_and_administrators_alone() -> None:
    lost = [Loss("AdministratorArns", (ALICE,)), Loss("ViewerArns", (BOB,))]
    gone = Effect(Kind.REMOVES, "memory", 0, "removes pool memory: 0 nodes, drained")
    plan = Plan([Change("A", "AWS::SSM::Parameter", "Modify")], effects=[gone], lost=lost)
    assert plan.lines()[-2:] == [f"  administrators lose {ALICE}", f"  viewers lose {BOB}"]
    assert json.loads(plan.json())["losses"] == [
        {"parameter": "AdministratorArns", "arns": [ALICE]},
        {"parameter": "ViewerArns", "arns": [BOB]},
    ]
    assert plan.questions == [f"nodes would go for good: {gone.line}", f"administrators lose {ALICE}"]
    assert Plan(plan.changes, lost=lost[1:]).questions == []


def test_the_refusal_of_whom_a_list_gives_more_says_who_loses() -> None:
    opened = [Widening("Services/Administrators", "AWS::SSM::Parameter", f"administrators gain {BOB}")]
    with pytest.raises(Refusal, match=f"administrators gain {BOB}; administrators lose {ALICE}: to allow it: make"):
        plans.refuse_widenings(opened, [Loss("AdministratorArns", (ALICE,))], Typed())
