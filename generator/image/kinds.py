"""The kinds of parameters that the image stack has beside those of clusters, and how each is declared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from generator.parameters import Parameters
from generator.values import Value


class SubnetId(Value):
    parameter_type = "AWS::EC2::Subnet::Id"


class Choice(Value):
    """One of a few words."""


class Given(Value):
    """A text that may be empty where nothing is given."""


class ComponentParameter(NamedTuple):
    """What a recipe gives a component. Without a default it is required."""

    name: str
    description: str
    default: str | None


def given(
    parameters: Parameters, group: str, name: str, label: str, description: str, pattern: str, allowed: str
) -> Given:
    """A parameter that may be empty; `allowed` says in words what the pattern allows."""
    return parameters.add(
        group,
        name,
        Given,
        label,
        description,
        Default="",
        AllowedPattern=f"^({pattern})?$",
        ConstraintDescription=f"must be empty or {allowed}",
    )


def choice(
    parameters: Parameters, group: str, name: str, label: str, description: str, allowed: Iterable[str]
) -> Choice:
    """A parameter that is one of a few words, by default the first."""
    words = list(allowed)
    return parameters.add(group, name, Choice, label, description, Default=words[0], AllowedValues=words)


def flag(parameters: Parameters, group: str, name: str, label: str, description: str, *, default: str) -> Choice:
    """A parameter that is true or false, as text."""
    return parameters.add(group, name, Choice, label, description, Default=default, AllowedValues=["true", "false"])
