"""The help of every command line: each option says what holds without it, each command its exit codes."""

from __future__ import annotations

import argparse
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import pytest

from coordination.release import line
from tests.unit.project.rooms import ROOMS, ROOT

_FLAGS = (argparse._StoreConstAction, argparse._HelpAction)


class Parsing(Exception):
    """A program has come to read its arguments."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def modules() -> list[str]:
    """Every module that makes a parser of a command line."""
    found = (
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for room in (*ROOMS, "tests")
        for path in (ROOT / room).rglob("*.py")
        if not path.name.startswith("test_")
        if re.search(
            r"argparse\.ArgumentParser\($|argparse\.ArgumentParser\(prog", path.read_text("utf-8"), re.MULTILINE
        )
    )
    return sorted(set(found))


@cache
def parser_of(module: str) -> argparse.ArgumentParser:
    """What the module's program reads its arguments with."""

    def caught(parser: argparse.ArgumentParser, *_: object) -> None:
        raise Parsing(parser)

    program = importlib.import_module(module)
    if hasattr(program, "parser"):
        made: argparse.ArgumentParser = program.parser()
        return made
    arguments: list[list[str]] = [[]] if program.main.__code__.co_argcount else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", caught)
        with pytest.raises(Parsing) as parsing:
            program.main(*arguments)
    return parsing.value.parser


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """It, and those of its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers(each)


def complaints(parser: argparse.ArgumentParser) -> list[str]:
    """What the help of a command leaves out."""
    found = []
    for action in parser._actions:
        name = action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest)
        said = parser._get_formatter()._expand_help(action) if action.help else ""
        if isinstance(action, argparse._SubParsersAction):
            found += [f"{parser.prog} {each.dest}: no help" for each in action._choices_actions if not each.help]
        elif not said:
            found.append(f"{parser.prog} {name}: no help")
        elif action.nargs != 0 and not action.required and not isinstance(action, _FLAGS):
            default = re.search(r"\(default: (.+)\)", said)
            if default is None:
                found.append(f"{parser.prog} {name}: does not say what holds without it")
            elif action.default not in (None, "", []) and not default[1].startswith(str(action.default)):
                found.append(f"{parser.prog} {name}: says {default[1]}, and it is {action.default}")
    return found


@pytest.mark.parametrize("module", modules())
def test_every_option_has_help_that_says_what_holds_without_it(module: str) -> None:
    assert [each for parser in parsers(parser_of(module)) for each in complaints(parser)] == []


@pytest.mark.parametrize("module", modules())
def test_a_command_says_its_exit_codes(module: str) -> None:
    top = parser_of(module)
    assert re.search(r"exit codes:", top.epilog or "")
    assert re.search(r"\b2\b", top.epilog or ""), "argparse itself ends with 2"


@pytest.mark.parametrize("module", ["deployment.arguments"])
def test_each_command_for_an_account_says_its_own_exit_codes(module: str) -> None:
    silent = [each.prog for each in parsers(parser_of(module)) if "exit codes:" not in (each.epilog or "")]
    assert silent == []


def test_what_an_option_leaves_out_is_found() -> None:
    parser = argparse.ArgumentParser(prog="x")
    parser.add_argument("--a", default="1")
    parser.add_argument("--b", default="1", help="b")
    parser.add_argument("--c", default="1", help="c (default: 2)")
    parser.add_argument("--d", default="1", help="d (default: %(default)s)")
    parser.add_argument("--e", action="store_true", help="e")
    assert complaints(parser) == [
        "x --a: no help",
        "x --b: does not say what holds without it",
        "x --c: says 2, and it is 1",
    ]


@pytest.mark.parametrize("package", ["generator", "deployment"])
def test_a_command_prints_the_one_version_and_the_commit(package: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", package, "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{line()}\n"
    assert re.fullmatch(r"holdfast \d+\.\d+\.\d+( \([0-9a-f]{40}(-dirty)?\))?\n", done.stdout)
