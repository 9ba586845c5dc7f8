"""How a scenario went: a table for people, and the same for machines. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from rehearsal.scenarios.timeline import Episode, Timeline

_HEADINGS = ("step", "seconds until whole", "largest write gap, s", "gone", "came")


def lines(timeline: Timeline) -> list[str]:
    """The table, and a line for all replacements together."""
    cells = [_HEADINGS, *(_cells(each) for each in timeline.episodes)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    table = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    replaced = replacements(timeline)
    if replaced:
        seconds = [each.seconds for each in replaced]
        table.append(f"{len(replaced)} replacements: median {median(seconds):.1f} s, longest {max(seconds):.1f} s")
    if timeline.writing is not None:
        table.append(f"{timeline.writing.what}; largest gap {max(gap.seconds for gap in timeline.gaps):.2f} s")
    return [*table, *(f"{name}: {value}" for name, value in timeline.notes.items())]


def as_json(timeline: Timeline) -> dict[str, Any]:
    """What the table says: seconds as numbers, moments in seconds since the deploy began."""
    return {
        "about": timeline.about,
        "notes": dict(timeline.notes),
        "steps": [
            {
                "step": each.what,
                "at": round(each.start, 3),
                "seconds": round(each.seconds, 3),
                "gap_seconds": None if each.gap is None else round(each.gap.seconds, 3),
                "gap_at": None if each.gap is None else round(each.gap.start, 3),
                "gone": list(each.gone),
                "came": list(each.came),
            }
            for each in timeline.episodes
        ],
    }


def replacements(timeline: Timeline) -> Sequence[Episode]:
    """The steps after which another instance stood in the place of one."""
    return [each for each in timeline.episodes if each.gone and each.came]


def _cells(episode: Episode) -> tuple[str, ...]:
    gap = "-" if episode.gap is None else f"{episode.gap.seconds:.2f}"
    return episode.what, f"{episode.seconds:.1f}", gap, " ".join(episode.gone) or "-", " ".join(episode.came) or "-"
