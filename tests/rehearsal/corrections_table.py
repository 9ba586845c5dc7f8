"""The table of corrections in docs/rehearsal.md; `python -m tests.rehearsal.corrections_table` writes it anew."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from rehearsal.aws import services
from rehearsal.aws.corrections import corrections

DOCUMENT = Path(__file__).parents[2] / "docs" / "rehearsal.md"
_OPENING, _CLOSING = "<!-- generated:corrections -->\n", "<!-- /generated:corrections -->"


def current() -> str:
    """The document with the table of today's corrections."""
    for module in pkgutil.walk_packages(services.__path__, f"{services.__name__}."):
        importlib.import_module(module.name)
    before, _, rest = DOCUMENT.read_text().partition(_OPENING)
    _, closing, after = rest.partition(_CLOSING)
    if not closing:
        raise ValueError(f"{DOCUMENT.name}: given no markers; allowed: one pair of generated:corrections")
    rows = sorted((each.service, each.fault) for each in corrections())
    table = ["| service | what plain moto gets wrong |", "| --- | --- |", *(f"| {s} | {fault} |" for s, fault in rows)]
    return "".join([before, _OPENING, "\n".join(table), "\n", _CLOSING, after])


if __name__ == "__main__":
    DOCUMENT.write_text(current())
