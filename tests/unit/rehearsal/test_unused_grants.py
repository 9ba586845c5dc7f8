"""Which unused grants a rehearsal accepts."""

from __future__ import annotations

import json
from pathlib import Path

from generator.permissions import GRANTS
from rehearsal.cloud.unused import REASONS, explained, without_reason
from rehearsal.local.surroundings import OPERATOR

ROOT = Path(__file__).parents[3]


def grant(role: str, sid: str, action: str) -> dict[str, str]:
    return {"identity": f"arn:aws:iam::1:role/x-Iam-1-{role}-2", "policy": "Services", "sid": sid, "action": action}


def test_a_grant_that_nobody_explains_is_named() -> None:
    assert without_reason([grant("WorkerRole", "ReadSettings", "ssm:GetParameters")]) == [
        "WorkerRole, ReadSettings: ssm:GetParameters"
    ]


def test_what_is_explained_for_one_role_is_not_for_another() -> None:
    seen = [grant("AutoscalerRole", "ScaleWorkers", "a:B"), grant("WorkerRole", "ScaleWorkers", "a:B")]
    assert without_reason(seen) == ["WorkerRole, ScaleWorkers: a:B"]
    assert [line.partition(":")[0] for line in explained(seen)] == ["AutoscalerRole, ScaleWorkers"]


def test_the_actions_of_one_statement_are_one_line() -> None:
    seen = [grant("WorkerRole", "PullImages", "a:C"), grant("WorkerRole", "PullImages", "a:B")]
    (line,) = explained(seen)
    assert line.endswith("(a:B, a:C)")


def test_reasons_are_about_grants_that_exist() -> None:
    granted = {(f"{each.role.value}Role", each.sid) for each in GRANTS}
    template = json.loads((ROOT / "templates" / "database.json").read_text(encoding="utf-8"))
    statements = template["Resources"]["AdminOperatorPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    granted |= {(OPERATOR, each["Sid"]) for each in statements}
    assert {(role, sid) for role, sids in REASONS.items() for sid in sids} <= granted
    assert REASONS.keys() == {*(f"{each.role.value}Role" for each in GRANTS), OPERATOR}
