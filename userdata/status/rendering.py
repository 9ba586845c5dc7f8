"""A report as a screen for people, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from userdata.status.decide import Part, Report, Verdict

_WORDS = {
    Verdict.HEALTHY: "healthy",
    Verdict.ATTENTION: "needs attention",
    Verdict.UNKNOWN: "not everything could be found out",
}
_INDENT = "  "


def screen(report: Report) -> str:
    """The report as text: what needs attention comes first."""
    lines = [f"{report.title}: {_WORDS[report.verdict]}"]
    lines += [f"{_INDENT}! {each}" for part in report.parts for each in part.attention]
    lines += [f"{_INDENT}? {part.name}: {each}" for part in report.parts for each in part.unknown]
    for part in report.parts:
        if part.rows:
            lines += ["", part.name, *_columns(part.rows)]
    return "\n".join(lines) + "\n"


def document(report: Report) -> str:
    """The report as one JSON object."""
    found = {
        "at": int(report.now),
        "verdict": report.verdict.name.lower(),
        "parts": {part.name: _part(part) for part in report.parts},
    }
    return json.dumps(found, indent=2) + "\n"


def _part(part: Part) -> dict[str, object]:
    return {"found": part.data, "attention": list(part.attention), "unknown": list(part.unknown)}


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells below each other; the last one of a row may be as long as it is."""
    widths: dict[int, int] = {}
    for row in rows:
        for at, cell in enumerate(row[:-1]):
            widths[at] = max(widths.get(at, 0), len(cell))
    return [
        (_INDENT + "  ".join([*(cell.ljust(widths[at]) for at, cell in enumerate(row[:-1])), *row[-1:]])).rstrip()
        for row in rows
    ]
