"""How findings are told, and which exit code they make."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence

from deployment.preflight.aim import Aim
from deployment.preflight.finding import Finding, State, Topic

EXIT_CODES = """exit codes:
  0  nothing is wrong; there may be warnings and notes
  1  something is wrong
  2  bad input
  3  something could not be asked, and nothing of the rest is wrong"""
"""For people; `exit_code` decides it."""

_STATES = list(State)
_TOPICS = list(Topic)
_WIDTH = max(len(state.value) for state in State)


def exit_code(found: Sequence[Finding]) -> int:
    """What could not be asked is not ok."""
    states = {finding.state for finding in found}
    if State.FAILED in states:
        return 1
    return 3 if State.NOT_ASKED in states else 0


def tell(aim: Aim, found: Sequence[Finding], *, as_json: bool, say: Callable[[str], None] = print) -> None:
    """What the check is for; the findings by topic, in each the worst first; then how many there are of each state."""
    ordered = sorted(found, key=lambda each: (_TOPICS.index(each.topic), _STATES.index(each.state)))
    counts = Counter(finding.state for finding in found)
    if as_json:
        document = {
            "stack": aim.stack,
            "operation": aim.operation.value,
            "status": aim.status,
            "exit_code": exit_code(found),
            "counts": {state.value: counts[state] for state in State},
            "findings": [_fields(finding) for finding in ordered],
        }
        say(json.dumps(document, indent=2, ensure_ascii=False))
        return
    say(aim.line)
    # What somebody has to look at stands before everything else, whatever it is about.
    problems = [finding for finding in ordered if finding.state in (State.FAILED, State.NOT_ASKED, State.WARNING)]
    problems.sort(key=lambda each: _STATES.index(each.state))
    for finding in problems:
        _say_one(finding, say)
    for topic in Topic:
        rest = [each for each in ordered if each.topic is topic and each not in problems]
        if rest:
            say(f"{topic.value}:")
        for finding in rest:
            _say_one(finding, say)
    say(", ".join(f"{counts[state]} {state.value}" for state in State))


def _say_one(finding: Finding, say: Callable[[str], None]) -> None:
    remedy = f"; next: {finding.remedy}" if finding.remedy else ""
    say(f"{finding.state.value:<{_WIDTH}} {finding.subject}: {finding.detail}{remedy}")


def _fields(finding: Finding) -> dict[str, str]:
    return {
        "topic": finding.topic.value,
        "state": finding.state.value,
        "subject": finding.subject,
        "detail": finding.detail,
        "next": finding.remedy,
    }
