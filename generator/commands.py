"""What the Makefile says of its commands and of the variables that they take: docs/commands.md tells them."""

from __future__ import annotations

import difflib
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

MAKEFILE = Path(__file__).parents[1] / "Makefile"

FOR_USERS = ("Help", "Generate", "Machine image", "Deploy")
"""How the groups begin that stand first: what it takes to have a cluster. `make help` has the same."""

_GROUP = re.compile(r"##@ (.+)")
_VARIABLE = re.compile(r"##= (([A-Z_]+)=.*) ## (.+)")
_TARGET = re.compile(r"([a-z0-9-]+):(?!=)\s*(.*?)\s*## (.+)")
_DEFINITION = re.compile(r"(\w+)\s*[:?]?=\s*(.*)")
_REFERENCE = re.compile(r"\$\((?:origin )?(\w+)[):]")


@dataclass(frozen=True)
class Command:
    """A target of make: what it does, the targets that it needs, and the text of its recipe."""

    name: str
    meaning: str
    needs: tuple[str, ...]
    recipe: str


@dataclass(frozen=True)
class Variable:
    """A variable that may be given to commands, with an example of it: `STACK`, `STACK=NAME`."""

    name: str
    example: str
    meaning: str


@dataclass
class Group:
    """Commands that belong together, and variables that are described with them."""

    title: str
    commands: list[Command] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)


@dataclass(frozen=True)
class Commands:
    """What stands in a Makefile: groups, those for users first, and the definitions of its own variables by name."""

    groups: tuple[Group, ...]
    definitions: dict[str, str]

    @property
    def by_name(self) -> dict[str, Command]:
        """Every command."""
        return {command.name: command for group in self.groups for command in group.commands}

    def taken(self, command: Command) -> set[str]:
        """Names of all variables that the recipes of a command and of what it needs refer to, directly or not."""
        known = self.by_name
        return self._referred(command.recipe).union(
            *(self.taken(known[each]) for each in command.needs if each in known)
        )

    def _referred(self, text: str) -> set[str]:
        names = set(_REFERENCE.findall(text))
        # Those of the Makefile's own that the caller cannot know are written small.
        inner = (self._referred(self.definitions[name]) for name in names if name in self.definitions)
        return names.union(*inner)


def read(text: str) -> Commands:
    """What a Makefile says in the lines that `make help` shows."""
    groups: list[Group] = []
    definitions: dict[str, str] = {}
    recipes: dict[str, list[str]] = {}
    current = ""
    found: list[tuple[Group, re.Match[str]]] = []
    for line in text.replace("\\\n", " ").splitlines():
        if match := _GROUP.fullmatch(line):
            groups.append(Group(match[1]))
        elif match := _VARIABLE.fullmatch(line):
            groups[-1].variables.append(Variable(match[2], match[1], match[3]))
        elif match := _TARGET.fullmatch(line):
            current = match[1]
            found.append((groups[-1], match))
        elif line.startswith("\t"):
            recipes.setdefault(current, []).append(line)
        elif match := _DEFINITION.fullmatch(line):
            definitions[match[1]] = match[2]
    for group, match in found:
        recipe = "\n".join(recipes.get(match[1], ()))
        group.commands.append(Command(match[1], match[3], tuple(match[2].split()), recipe))
    groups.sort(key=lambda group: not group.title.startswith(FOR_USERS))
    return Commands(tuple(groups), definitions)


def unknown(name: str, text: str) -> str:
    """What make says of a variable that its Makefile does not describe: one line, with one that is meant perhaps."""
    known = [variable.name for group in read(text).groups for variable in group.variables]
    near = difflib.get_close_matches(name.upper(), known, 1)
    return f"{name}: no such variable{f' (perhaps {near[0]})' if near else ''}; make help lists them"


def commands_tables() -> str:
    """Markdown: for each group of commands a table with the variables that they take, and one of all variables."""
    made = read(MAKEFILE.read_text(encoding="utf-8"))
    return "\n\n".join([*(_commands(made, group) for group in made.groups), _variables(made)])


def _commands(made: Commands, group: Group) -> str:
    described = [variable.name for each in made.groups for variable in each.variables]
    rows = []
    for command in group.commands:
        taken = made.taken(command)
        names = ", ".join(f"`{name}`" for name in described if name in taken)
        rows.append(f"| `make {command.name}` | {_cell(command.meaning)} | {names} |")
    header = ["| command | what it does | variables |", "| --- | --- | --- |"]
    return "\n".join([f"## {group.title}", "", *header, *rows])


def _variables(made: Commands) -> str:
    rows = []
    for variable in (variable for group in made.groups for variable in group.variables):
        takers = ", ".join(f"`{name}`" for name, each in made.by_name.items() if variable.name in made.taken(each))
        example = variable.example.replace("|", r"\|")
        rows.append(f"| `{example}` | {_cell(variable.meaning)} | {takers} |")
    header = ["| variable | meaning | commands |", "| --- | --- | --- |"]
    return "\n".join(["## Variables", "", *header, *sorted(rows)])


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("<", r"\<")


if __name__ == "__main__":
    print(unknown(sys.argv[1], MAKEFILE.read_text(encoding="utf-8")))
