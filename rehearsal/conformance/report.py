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
_LONGEST = 300


class NoReport(ValueError):
    """A text is no report of Ginkgo's. The message is one line."""


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
    """How cases ended in a run, by name; nothing of those that did not begin, or did not get to an end. NoReport."""
    found = {}
    for spec in _specs(text):
        outcome = _OUTCOMES.get(spec["State"])
        # What no focus was on is skipped, too, and took no attempt.
        if outcome is not None and spec.get("NumAttempts", 0):
            seconds = round(spec.get("RunTime", 0) / 1e9, 1)
            found[_name(spec)] = Ended(outcome, seconds, _message(spec))
    return found


def _specs(text: str) -> Iterator[Mapping[str, Any]]:
    try:
        suites = json.loads(text)
        specs = [spec for suite in suites for spec in suite["SpecReports"] or ()]
        yield from (spec for spec in specs if spec["LeafNodeType"] == "It")
    except (ValueError, KeyError, TypeError) as error:
        raise NoReport(f"no report of Ginkgo's: {error!r}") from error


def _name(spec: Mapping[str, Any]) -> str:
    return " ".join([*(spec["ContainerHierarchyTexts"] or ()), spec["LeafNodeText"]])


def _labels(spec: Mapping[str, Any]) -> set[str]:
    around: list[list[str]] = spec.get("ContainerHierarchyLabels") or []
    return {label for labels in [*around, spec.get("LeafNodeLabels") or []] for label in labels}


def _message(spec: Mapping[str, Any]) -> str:
    lines = [line.strip() for line in spec.get("Failure", {}).get("Message", "").splitlines() if line.strip()]
    return lines[0][:_LONGEST] if lines else ""
