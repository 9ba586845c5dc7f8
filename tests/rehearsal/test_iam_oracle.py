"""The evaluation compared with an independent one, the npm package iam-simulate, on random cases.

The oracle is a program of its own in tests/oracle; `npm ci --prefix tests/oracle` installs it.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from rehearsal.aws.iam import policy
from rehearsal.aws.iam.context import Context
from rehearsal.aws.iam.evaluation import Access, Policies, Principal, RolePrincipal, UserPrincipal, decide
from tests.rehearsal import iam_cases
from tests.rehearsal.iam_cases import ACCOUNT, ROLE, SESSION, USER, Case

ORACLE = Path(__file__).parents[1] / "oracle"
CASES = 2000


@pytest.fixture(scope="module")
def oracle() -> Path:
    """The folder of the oracle's program."""
    if shutil.which("node") is None:
        pytest.skip("there is no node: the evaluation is not compared with the oracle")
    if not (ORACLE / "node_modules").is_dir():
        pytest.skip("the oracle is not installed: npm ci --prefix tests/oracle")
    return ORACLE


def asked_of_the_oracle(case: Case) -> dict[str, Any]:
    return {"account": ACCOUNT, **asdict(case)}


def allowed(case: Case) -> bool:
    """Our own answer."""
    values = {key: tuple(each) if isinstance(each, list) else each for key, each in case.context.items()}
    policies = Policies(
        identity=tuple(policy.parse(each) for each in case.identity),
        boundary=policy.parse(case.boundary) if case.boundary else None,
        session=(policy.parse(case.session),) if case.session else None,
        resource=policy.parse(case.on_resource) if case.on_resource else None,
        endpoint=policy.parse(case.endpoint) if case.endpoint else None,
        resource_decides=case.action.startswith("kms:"),
    )
    principal: Principal = RolePrincipal(ACCOUNT, ROLE, SESSION)
    if case.principal == USER:
        principal = UserPrincipal(ACCOUNT, USER)
    return decide(Access(principal, case.action, case.resource, Context(values)), policies).allowed


def test_an_independent_evaluator_gives_the_same_answers(oracle: Path) -> None:
    chance = random.Random(20260101)
    cases = [iam_cases.make(chance) for _ in range(CASES)]
    lines = "".join(json.dumps(asked_of_the_oracle(case)) + "\n" for case in cases)
    run = subprocess.run(
        ["node", "simulate.mjs"], cwd=oracle, input=lines, capture_output=True, text=True, check=True, timeout=120
    )
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(answers) == CASES
    expected = [answer == "Allowed" for answer in answers]
    different = [
        (case, answer)
        for case, answer, agreed in zip(cases, answers, expected, strict=True)
        if allowed(case) is not agreed
    ]
    assert not different, f"{len(different)} of {CASES} differ, the first: {different[0]}"
    assert CASES / 10 < sum(expected) < CASES * 9 / 10, "the cases are one-sided and compare little"
