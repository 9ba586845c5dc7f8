"""The policies of whoever deploys allow what the templates' resource types and the commands need, and nothing else."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from deployment.preflight import permissions
from generator import deployer
from rehearsal.aws.iam import catalog
from tests.templates import deployer_handlers as handlers

POLICIES: dict[str, dict[str, Any]] = {name: json.loads(text) for name, text in deployer.files().items()}
STATEMENTS = [statement for policy in POLICIES.values() for statement in policy["Statement"]]
GRANTED = {action for statement in STATEMENTS for action in statement["Action"]}
MOST_POLICIES = 10
"""That a user or a role may have without a raised quota (IAM guide, "IAM and AWS STS quotas")."""


def covered(action: str) -> bool:
    return any(fnmatchcase(action, granted) for granted in GRANTED)


def test_what_the_handlers_need_is_what_the_schemas_say() -> None:
    """`python -m tests.templates.deployer_handlers` writes it anew."""
    assert handlers.FILE.read_text(encoding="utf-8") == handlers.text(handlers.types())


@pytest.mark.parametrize("pattern", handlers.LEFT_OUT)
def test_what_is_left_out_is_in_a_schema(pattern: str) -> None:
    named = [f"{kind} {action}" for kind in handlers.types() for action in handlers.declared(kind)]
    assert [each for each in named if re.fullmatch(pattern, each)]


@pytest.mark.parametrize("kind", handlers.BESIDE)
def test_what_is_given_beside_a_schema_is_not_in_it_and_its_type_is_created(kind: str) -> None:
    assert kind in handlers.types()
    wanted = set(handlers.BESIDE[kind])
    assert not wanted & set(handlers.declared(kind))


def test_every_need_is_granted_and_every_grant_is_a_need() -> None:
    needs = {action for text in deployer.COMMANDS.values() for action in text.split()}
    needs |= {action for kind in handlers.types() for action in handlers.actions(kind)}
    assert [action for action in sorted(needs) if not covered(action)] == []
    assert needs >= GRANTED


def test_what_preflight_asks_is_granted() -> None:
    asked = {**permissions.ALWAYS, **permissions.SOMETIMES}
    assert [action for action in asked if not covered(action)] == []
    own = deployer.COMMANDS["preflight"].split()
    assert [action for action in own if not any(fnmatchcase(each, action) for each in asked)] == []


@pytest.mark.parametrize("action", sorted(GRANTED))
def test_an_action_is_one_that_iam_knows(action: str) -> None:
    prefix, _, name = action.partition(":")
    known = catalog.service(prefix)
    assert known is not None
    assert [each for each in known.actions if fnmatchcase(each, name.lower())]


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_fits_into_a_managed_one(name: str) -> None:
    # White space does not count there.
    assert len(re.sub(r"\s", "", json.dumps(POLICIES[name]))) <= 6144
    assert len(POLICIES) <= MOST_POLICIES


def test_nothing_is_changed_without_a_name_a_tag_or_a_service_in_between() -> None:
    reading = re.compile(r"[\w-]+:(Describe|Get|List)\w*\*?")
    wide = [
        action
        for statement in STATEMENTS
        if statement["Resource"] == "*" and "Condition" not in statement
        for action in statement["Action"]
        if not reading.fullmatch(action)
    ]
    assert wide == []
    assert len({statement["Sid"] for statement in STATEMENTS}) == len(STATEMENTS)


def test_an_action_stands_in_the_narrowest_scope_and_one_without_a_scope_is_named() -> None:
    assert [each["Sid"] for each in STATEMENTS if "ssm:GetParameters" in each["Action"]] == ["SeeParameters"]
    assert [each["Sid"] for each in STATEMENTS if "dynamodb:DeleteTable" in each["Action"]] == ["PurgeTable", "Tables"]
    with pytest.raises(ValueError, match="no scope for x:Make"):
        list(deployer.scoped({"x:Make"}, deployer.BY_CALLER))
