"""The page of conditions names every condition of the code, and no other, each with the program that stores it."""

from __future__ import annotations

import ast
import re

from coordination.conditions import QUORUM_LOST, is_of_boots
from functions.reconcile.hold_condition import is_hold
from tests.unit.project.rooms import ROOT
from userdata.agent.observe.conditions import Kind

PAGE = (ROOT / "docs/how-to/conditions.md").read_text(encoding="utf-8")
KINDS = frozenset(str(each) for each in Kind)


def literals() -> set[str]:
    """What could be the name of a condition, or its part before the slash: every such text of what runs."""
    modules = [path for room in ("coordination", "functions", "userdata") for path in (ROOT / room).rglob("*.py")]
    nodes = [node for path in modules for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {text for text in texts if re.fullmatch(r"[A-Z][A-Za-z]+/?", text)}


def by_owner() -> dict[str, set[str]]:
    """The conditions of the code, by who clears them: each says of a name whether it is its own."""
    owners = {"booting nodes": is_of_boots, "the leading agent": KINDS.__contains__, "the reconcile function": is_hold}
    found = literals()
    return {owner: {text.rstrip("/") for text in found if owns(text)} for owner, owns in owners.items()}


def test_the_page_has_every_condition_of_the_code_and_no_other() -> None:
    described = set(re.findall(r"^\| `([A-Z]\w+)[/`]", PAGE, re.MULTILINE))
    assert described == set().union(*by_owner().values())


def test_the_page_says_who_stores_each() -> None:
    table = PAGE.partition("## Who stores which")[2]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if "|" in line][2:]
    told = {who.partition(";")[0].partition(",")[0]: set(names.split(", ")) for who, names in lines}
    assert told == by_owner()


def test_each_program_has_conditions_and_two_share_the_one_for_which_they_see_the_same_reason() -> None:
    found = by_owner()
    assert all(found.values())
    names = [name for each in found.values() for name in each]
    assert {name for name in names if names.count(name) > 1} == {QUORUM_LOST}
