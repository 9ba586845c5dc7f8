"""No decision reads prose: what failed is told by types and codes, and reasons are only shown."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROOMS = ("coordination", "functions", "userdata")

PATTERNS = {
    "coordination/adapters/activities.py": "Auto Scaling has no code for a launch that found no room",
    "coordination/versions.py": "the form of a version",
    "functions/libraries.py": "the names of files of packages, and pins",
    "userdata/addons/content.py": "the form of a version",
    "userdata/agent/csr_policy.py": "the form of an instance's id",
    "userdata/faults/fault.py": "tokens, which are taken out of what is shown",
    "userdata/faults/output.py": "what kubeadm and other commands print: their output has no codes",
    "userdata/join/data.py": "the forms of join data",
    "userdata/kube/kubectl.py": "where kubectl's object begins among its warnings",
    "userdata/kubeadm/tokens.py": "the form of a token",
    "userdata/pki/inventory.py": "certificates in kubeadm's files",
    "userdata/pki/issuing.py": "the forms of names",
    "userdata/pki/material.py": "the forms of keys and certificates",
    "userdata/pki/requests.py": "the form of PEM",
    "coordination/access.py": "the forms of ARNs",
}
"""Where regular expressions are right, and for what."""

PROSE = {
    "coordination/adapters/instances.py _answer_hook": "Auto Scaling has no code for a hook that was completed before",
    "coordination/adapters/instances.py _terminate": "nor for an instance that is in no group any more",
    "userdata/cloud/lifecycle.py _answer": "the same",
    # What is shown, and not what is done.
    "coordination/adapters/errors.py unknown": "a message that is empty is not shown",
    "coordination/operations.py __str__": "a reason that is empty is not shown",
    "coordination/report/rendering.py _told": "nor is a next step",
    "userdata/shipping/wiring.py _store": "the same",
    "functions/reconcile/decide.py _name": "a condition whose words have changed is stored anew",
    "userdata/boot/control_plane.py _store_condition": "the same",
    "userdata/boot/launch_hook.py _beat": "the same words are said once",
    "userdata/logs/lines.py wait": "the same",
}
"""Which functions look into a text for people, and why."""

_TEXTS = frozenset({"reason", "reasons", "next_step", "message", "detail"})
_SEARCHES = frozenset(
    {
        "startswith",
        "endswith",
        "find",
        "rfind",
        "index",
        "rindex",
        "count",
        "partition",
        "rpartition",
        "split",
        "removeprefix",
    }
)


def modules() -> list[str]:
    """The modules of what runs in Lambda and on nodes, by their paths."""
    return sorted(str(path.relative_to(ROOT)) for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


def imported(module: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def reads_prose(module: ast.Module) -> set[str]:
    """The functions in which a text for people is compared, searched, or asked whether it is empty."""
    return {
        function.name
        for function in ast.walk(module)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in _own(function)
        if _decides(node)
    }


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """What stands in a function, but not in functions within it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _own(child)


def _decides(node: ast.AST) -> bool:
    match node:
        case ast.Compare():
            # Whether there is a text at all is a type's question.
            identity = all(isinstance(each, ast.Is | ast.IsNot) for each in node.ops)
            return not identity and any(_is_text(each) for each in (node.left, *node.comparators))
        case ast.Call(func=ast.Attribute(attr=attr, value=value)):
            return attr in _SEARCHES and _is_text(value)
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            return _is_empty_asked(test)
        case ast.comprehension(ifs=ifs):
            return any(_is_empty_asked(each) for each in ifs)
        case ast.Match(subject=subject):
            return _is_text(subject)
        case _:
            return False


def _is_empty_asked(test: ast.expr) -> bool:
    match test:
        case ast.BoolOp(values=values):
            return any(_is_empty_asked(each) for each in values)
        case ast.UnaryOp(operand=operand):
            return _is_empty_asked(operand)
        case ast.NamedExpr(value=value):
            return _is_empty_asked(value)
        case ast.Call(func=ast.Name(id="bool"), args=[argument]):
            return _is_empty_asked(argument)
        case _:
            return _is_text(test)


def _is_text(value: ast.expr) -> bool:
    """Whether an expression is a text for people, or made of one."""
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _TEXTS
        case ast.Tuple(elts=elements):
            return any(_is_text(each) for each in elements)
        case ast.Subscript(value=of):
            return _is_text(of)
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=key), *_]):
            return key in ("Reason", "NextStep", "reason", "message")
        case ast.Call(func=ast.Attribute(value=of)):
            return _is_text(of)
        case ast.Call(func=function):
            return _is_text(function)
        case _:
            return False


@pytest.mark.parametrize("module", modules())
def test_regular_expressions_stand_where_forms_are_checked_and_in_what_sorts_output(module: str) -> None:
    assert ("re" in imported(tree(module))) == (module in PATTERNS)


def test_no_decision_reads_a_text_for_people() -> None:
    found = {f"{module} {name}" for module in modules() for name in reads_prose(tree(module))}
    assert found == set(PROSE)
