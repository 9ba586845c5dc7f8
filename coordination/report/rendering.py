"""A report as a screen for people, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from coordination.report.parts import Attention, Part, Report, Verdict

_WORDS = {
    Verdict.HEALTHY: "healthy",
    Verdict.ATTENTION: "needs attention",
    Verdict.UNKNOWN: "not everything could be found out",
}
_INDENT = "  "
_CUT = "…"


@dataclass(frozen=True)
class Size:
    """What a screen may take; None stands for no bound.

    Only what stands in columns is cut: what needs attention may hold a command, and is told in one line however long.
    """

    columns: int | None = None
    rows: int | None = None
    """Of each part."""


UNBOUNDED = Size()


def screen(report: Report, size: Size = UNBOUNDED) -> str:
    """The report as text: what needs attention comes first."""
    lines = [f"{plain(report.title)}: {_WORDS[report.verdict]}"]
    lines += _few((_told(each) for part in report.parts for each in part.attention), size.rows)
    lines += [f"{_INDENT}? {line}" for line in _unknown(report.parts)]
    for part in report.parts:
        if part.rows:
            lines += ["", part.name, *_few((_cut(line, size.columns) for line in _columns(part.rows)), size.rows)]
    return "\n".join(lines) + "\n"


def document(report: Report) -> str:
    """The report as one JSON object."""
    found = {
        "at": int(report.now),
        "verdict": report.verdict.name.lower(),
        "parts": {part.name: _part(part) for part in report.parts},
    }
    return json.dumps(found, indent=2) + "\n"


def plain(text: str) -> str:
    """The text without what a terminal would obey: instances write reasons, and a worker writes anything."""
    return "".join(each if each.isprintable() else " " for each in text)


def _part(part: Part) -> dict[str, object]:
    return {
        "found": part.data,
        "attention": [vars(each) for each in part.attention],
        "unknown": list(part.unknown),
    }


def _told(each: Attention) -> str:
    told = f"{_INDENT}! {plain(each.what)}"
    return f"{told}\n{_INDENT}    next: {plain(each.next_step)}" if each.next_step else told


def _unknown(parts: Iterable[Part]) -> Iterator[str]:
    """What could not be found out; parts that one failure has hidden share a line."""
    names: dict[str, list[str]] = {}
    for part in parts:
        for each in part.unknown:
            names.setdefault(each, []).append(part.name)
    for reason, hidden in names.items():
        yield f"{', '.join(hidden)}: {plain(reason)}"


def _few(lines: Iterable[str], most: int | None) -> list[str]:
    known = list(lines)
    if most is None or len(known) <= most:
        return known
    return [*known[: most - 1], f"{_INDENT}and {len(known) - most + 1} more"]


def _cut(line: str, columns: int | None) -> str:
    return line if columns is None or len(line) <= columns else line[: columns - 1] + _CUT


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells below each other; the last one of a row may be as long as it is."""
    widths: dict[int, int] = {}
    for row in rows:
        for at, cell in enumerate(row[:-1]):
            widths[at] = max(widths.get(at, 0), len(cell))
    return [
        plain(_INDENT + "  ".join([*(cell.ljust(widths[at]) for at, cell in enumerate(row[:-1])), *row[-1:]])).rstrip()
        for row in rows
    ]
