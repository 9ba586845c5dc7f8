"""Ginkgo's report in JSON: which cases there are, and how they ended."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rehearsal.conformance.model import Case, Ended, Group, Outcome

CONFORMANCE, SERIAL = "Conformance", "Serial"
"""Labels of cases that every conformant cluster passes, and of those that run alone."""
_GROUP = re.compile(r"\[sig-([a-z-]+)\] ")
_OUTCOMES = {
    "passed": Outcome.PASSED,
    "skipped": Outcome.SKIPPED,
    **dict.fromkeys(("failed", "panicked", "timedout"), Outcome.FAILED),
}
"""By the states of a spec's report (ginkgo/v2/types, SpecState). One that was interrupted has not ended."""
_READ = frozenset({"ContainerHierarchyTexts", "LeafNodeType", "LeafNodeText", "State", "RunTime", "NumAttempts"})
_TIME_OVER = "Suite Timeout Elapsed"
"""One of the reasons why a suite failed (ginkgo/v2/internal/suite.go): what then timed out has not had its time."""
_BEFORE = ("BeforeSuite", "SynchronizedBeforeSuite")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST = 300


class NoReport(ValueError):
    """A text is no report of Ginkgo's. The message is one line."""


class NotBegun(Exception):
    """No case began, for the suite's own beginning failed. The message is one line."""


def cases(text: str) -> list[Case]:
    """The conformance cases of the groups that are run, of a report of all specs. NoReport."""
    known = {each.value for each in Group}
    found = []
    for spec in _specs(text):
        name, labels = _name(spec), _labels(spec)
        group = _GROUP.match(name)
        if group is not None and group[1] in known and CONFORMANCE in labels:
            found.append(Case(name, Group(group[1]), SERIAL in labels))
    return found


def ended(text: str) -> dict[str, Ended]:
    """How cases ended in a run, by name; nothing of those that did not begin, or did not get to an end.

    NoReport, NotBegun.
    """
    found = {}
    for suite in _suites(text):
        over = _TIME_OVER in (suite.get("SpecialSuiteFailureReasons") or ())
        for node in suite["SpecReports"]:
            if node["LeafNodeType"] in _BEFORE and node["State"] != "passed":
                raise NotBegun(f"the tests did not begin: {node['State']}: {_message(node)}")
        for spec in _its(suite):
            outcome = None if over and spec["State"] == "timedout" else _OUTCOMES.get(spec["State"])
            # What no focus was on is skipped, too, and took no attempt.
            if outcome is not None and spec["NumAttempts"]:
                found[_name(spec)] = Ended(outcome, round(spec["RunTime"] / 1e9, 1), _message(spec))
    return found


def _specs(text: str) -> Iterator[Mapping[str, Any]]:
    for suite in _suites(text):
        yield from _its(suite)


def _its(suite: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (each for each in suite["SpecReports"] if each["LeafNodeType"] == "It")


def _suites(text: str) -> list[Mapping[str, Any]]:
    """The suites of a report, each with all of what is read of it."""
    try:
        suites: list[Mapping[str, Any]] = json.loads(text)
        if not isinstance(suites, list):
            raise TypeError("it is no list")
        for each in (node for suite in suites for node in suite["SpecReports"]):
            if missing := _READ - each.keys():
                raise KeyError(*missing)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoReport(f"no report of Ginkgo's: {error!r}") from error
    return suites


def _name(spec: Mapping[str, Any]) -> str:
    return " ".join([*(spec["ContainerHierarchyTexts"] or ()), spec["LeafNodeText"]])


def _labels(spec: Mapping[str, Any]) -> set[str]:
    around: list[list[str]] = spec.get("ContainerHierarchyLabels") or []
    return {label for labels in [*around, spec.get("LeafNodeLabels") or []] for label in labels}


def _message(spec: Mapping[str, Any]) -> str:
    text = _COLOUR.sub("", spec.get("Failure", {}).get("Message", ""))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:_LONGEST] if lines else ""
