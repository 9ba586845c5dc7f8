"""The evaluation of permissions asks services through what they registered, and never reads moto's tables itself.

That it imports no service is a contract of setup.cfg; import rules cannot tell moto's core from its backends.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.aws.resource_facts import GROUPS, STACKS, ResourceFacts

IAM = Path(__file__).parents[4] / "rehearsal" / "aws" / "iam"
ALLOWED = ("moto.core.model", "moto.core.parse", "moto.core.request", "moto.core.utils")
"""What reads service models and requests; it holds no resources."""


class NoStacks:
    """A CloudFormation without stacks."""

    def stack_id(self, region: str, name: str) -> str | None:
        return None


def imported(path: Path) -> Iterator[str]:
    """The modules that a module imports anywhere, also for types alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


def test_no_backend_of_moto_is_imported() -> None:
    modules = {name for path in IAM.rglob("*.py") for name in imported(path) if name.partition(".")[0] == "moto"}
    assert modules == set(ALLOWED)


def test_a_kind_that_nobody_registered_is_named() -> None:
    with pytest.raises(LookupError, match="no service tells IAM of Auto Scaling groups"):
        ResourceFacts().of(GROUPS)


def test_a_kind_has_one_source() -> None:
    facts, stacks = ResourceFacts(), NoStacks()
    facts.register(STACKS, stacks)
    assert facts.of(STACKS) is stacks
    with pytest.raises(ValueError, match="two services tell IAM of CloudFormation stacks"):
        facts.register(STACKS, NoStacks())
