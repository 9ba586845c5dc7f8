"""Conformance cases, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Group(StrEnum):
    """A group of Kubernetes' developers whose cases are run; a case's name begins with it, as `[sig-auth]`."""

    API_MACHINERY = "api-machinery"
    AUTH = "auth"
    APPS = "apps"
    NODE = "node"
    NETWORK = "network"


class Outcome(StrEnum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """The case itself said that this cluster is nothing for it."""


class Reason(StrEnum):
    """Why a rehearsed cluster cannot have a case."""

    FOREIGN_IMAGE = "foreign image"
    """It pulls a published image, also where that is on the node, and nothing is pulled from the internet here."""
    KERNEL = "kernel"
    """It needs what this computer's kernel, which all machines share, does not let them have."""
    CLOCK = "clock"
    """It needs two clocks, and all machines have this computer's."""


@dataclass(frozen=True)
class Case:
    """One case, as a release's tests list it."""

    name: str
    """With everything that it stands in, as `[sig-auth] ServiceAccounts should mount an API token [Conformance]`."""
    group: Group
    serial: bool
    """Nothing else may run beside it."""


@dataclass(frozen=True)
class LeftOut:
    """A case that is not run, and why."""

    name: str
    reason: Reason
    why: str
    """One sentence."""


@dataclass(frozen=True)
class Ended:
    """One end of one case, in one run."""

    outcome: Outcome
    seconds: float
    message: str = ""
    """What it failed of, or why it was skipped: the first line."""


@dataclass(frozen=True)
class Result:
    """What is known of a case: its last end, where, and how often it failed before at the same commit."""

    ended: Ended
    commit: str
    failed_before: int = 0


@dataclass(frozen=True)
class Run:
    """One run of cases on one cluster."""

    commit: str
    date: str
    """As 2026-11-30."""
    minutes: float
    """From the first case's begin to the last one's end."""
    cases: int
    """How many ended."""


@dataclass(frozen=True)
class GroupResults:
    """What is known of a group's cases."""

    listed: tuple[str, ...]
    """The names of all of them, also of those that are left out."""
    results: Mapping[str, Result] = field(default_factory=dict)


@dataclass(frozen=True)
class Results:
    """What is known of one release with one network of pods."""

    kubernetes: str
    """The version, as v1.37.2."""
    network: str
    groups: Mapping[Group, GroupResults] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    """All of which a result is left, the first one first."""
