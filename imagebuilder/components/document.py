"""A component and its document: phases of steps, each a script of scripts/ with the values that it starts with.

https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-use-documents.html ("Document schema and definitions").
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

SCHEMA_VERSION = "1.0"
DATA_CHARACTERS = 16_000
"""What CreateComponent takes of a document as `data` (API reference); a longer one would have to be in S3."""

Phase = Literal["build", "validate", "test"]
"""build and validate run on the build instance, test on an instance of the finished image."""
PHASES: tuple[Phase, ...] = ("build", "validate", "test")

_SCRIPTS = Path(__file__).with_name("scripts")
_COMMON = "common"


@dataclass(frozen=True)
class Parameter:
    """What a recipe gives a component; a script has it as a variable. Of type string: there is no other."""

    name: str
    """CamelCase, 3 to 128 characters."""
    description: str
    default: str | None = None
    """None: the recipe has to give a value."""


@dataclass(frozen=True)
class Step:
    """One script of a phase."""

    name: str
    """Unique in its phase."""
    script: str
    """The name of a file in scripts/, without `.sh`."""
    values: Mapping[str, str] = field(default_factory=dict)
    """The variables that the script starts with, by name."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    """Variables whose values the recipe gives, by name."""
    libraries: tuple[str, ...] = ()
    """Files in scripts/ whose functions it calls."""
    timeout_seconds: int = 300


@dataclass(frozen=True)
class Component:
    """One component of an image: what CreateComponent is given."""

    name: str
    """Short, of lower-case letters and hyphens."""
    description: str
    document: dict[str, object]
    """AWSTOE's document; JSON is YAML."""


Steps: TypeAlias = Mapping[Phase, Sequence[Step]]


def component(name: str, description: str, steps: Steps) -> Component:
    """A component of steps by phase; it declares the parameters that its steps have."""
    found = {each.name: each for phase in steps.values() for step in phase for each in step.parameters.values()}
    document: dict[str, object] = {
        "name": f"holdfast-{name}",
        "description": description,
        "schemaVersion": SCHEMA_VERSION,
    }
    if found:
        document["parameters"] = [{each.name: _parameter(each)} for each in found.values()]
    document["phases"] = [
        {"name": phase, "steps": [_step(each) for each in steps[phase]]} for phase in PHASES if steps.get(phase)
    ]
    return Component(name, description, document)


def _parameter(parameter: Parameter) -> dict[str, str]:
    default = {} if parameter.default is None else {"default": parameter.default}
    return {"type": "string", **default, "description": parameter.description}


def _step(step: Step) -> dict[str, object]:
    return {
        "name": step.name,
        "action": "ExecuteBash",
        "timeoutSeconds": step.timeout_seconds,
        "onFailure": "Abort",
        "inputs": {"commands": [_program(step)]},
    }


def _program(step: Step) -> str:
    """The script with its values before it, as one command: AWSTOE runs the commands of a step as one file."""
    values = [f"{name}={shlex.quote(value)}" for name, value in step.values.items()]
    given = [f"{name}='{{{{ {each.name} }}}}'" for name, each in step.parameters.items()]
    return "\n".join([*values, *given, *map(_text, (_COMMON, *step.libraries, step.script))])


@cache
def _text(script: str) -> str:
    """A script without its first line, which names the shell, and without comments: a document has no room for them."""
    lines = (_SCRIPTS / f"{script}.sh").read_text(encoding="utf-8").splitlines()[1:]
    return "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))
