"""What people read speaks the words of Kubernetes, etcd and AWS; docs/glossary.md maps the terms that are ours."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.unit.project.rooms import ROOMS, ROOT

# Each says a thing for which the field has a word, or says it in a way that needs a second reading.
KEPT_OUT = {
    "let go": r"\b(?:let|lets|letting) (?:[\w#<>-]+ ){0,4}go\b",
    "give up its place": r"\b(?:give|gives|gave|giving|given) (?:up )?(?:its|the|their) place\b",
    "given up": r"\bgiven[ -]up\b",
    "half made": r"\bhalf[ -]made\b",
    "seen to stand still": r"\bseen to stand still\b",
    "neighbours": r"\bneighbou?rs\b",
    "newcomer": r"\bnewcomers?\b",
    "dismissal": r"\bdismiss(?:al|als|ed|es|ing)?\b",
    "fates": r"\bfates?\b",
    "insist": r"\binsist(?:s|ed|ing)?\b",
    "in vain": r"\bin vain\b",
    "unheard": r"\bunheard\b",
    "second belt": r"\bsecond belt\b",
    "the bed": r"\bthe bed\b",
}
# Decisions are dated, and say what was; the glossary maps the words of then.
FREE = ("docs/decisions/", "docs/glossary.md")


def tracked(*patterns: str) -> list[str]:
    """The project's files that match one of these, without those that may use any word."""
    done = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name and not name.startswith(FREE)]


def literals(path: Path) -> Iterator[str]:
    """The texts of a module that may reach a person: every literal but docstrings and other bare strings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    filled = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in filled for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare | parts:
            yield node.value
    for node in filled:
        # With a word in place of what is filled in, so that a phrase is found around it.
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "it" for part in node.values)


@cache
def texts(name: str) -> tuple[str, ...]:
    path = ROOT / name
    return tuple(literals(path)) if path.suffix == ".py" else (path.read_text(encoding="utf-8"),)


def found(*said: str) -> list[str]:
    """Every place in these texts that says one of the phrases, as it stands there."""
    plain = [" ".join(text.split()) for text in said]
    return [
        match[0]
        for text in plain
        for pattern in KEPT_OUT.values()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


READ_BY_PEOPLE = tracked(
    "*.md", "Makefile", ".ci/run", "examples/*", "templates/*.json", "generator/config/schema.json", "setup.cfg"
) + tracked(*(f"{room}/*.py" for room in ROOMS))


@pytest.mark.parametrize("name", READ_BY_PEOPLE)
def test_a_text_that_people_read_speaks_the_words_of_the_field(name: str) -> None:
    assert found(*texts(name)) == []


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("let go", "the function lets the instance go"),
        ("let go", "what a hook holds is let go"),
        ("give up its place", "the node gives up its place"),
        ("given up", "stage given-up"),
        ("half made", "a half-made member"),
        ("seen to stand still", "a lease that was\nseen to stand still"),
        ("neighbours", "asks its neighbours"),
        ("newcomer", "Newcomers wait"),
        ("dismissal", "stores dismissal#i-1"),
        ("fates", "its fate is unknown"),
        ("insist", "insists on an answer"),
        ("in vain", "asked in vain"),
        ("unheard", "members that are unheard"),
        ("second belt", "the second belt"),
        ("the bed", "deploys the bed"),
    ],
)
def test_each_phrase_is_found_where_it_is_said(phrase: str, said: str) -> None:
    assert re.search(KEPT_OUT[phrase], " ".join(said.split()), re.IGNORECASE)
    assert found(said)


def test_a_literal_is_read_and_a_docstring_is_not(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('"""Lets it go."""\nwho = "i-1"\nsaid = f"lets {who} go"\n', encoding="utf-8")
    assert found(*literals(module)) == ["lets it go"]
