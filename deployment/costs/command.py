"""`make costs`: the bill of a configuration's templates, for a person or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deployment import parameters, templates
from deployment.costs.bill import Bill, Line, Part, bill
from deployment.costs.counted import Tree
from deployment.costs.prices import HOURS, PriceTable, read
from deployment.next_steps import Typed
from deployment.refusal import Refusal

EXIT_CODES = """exit codes:
  0  done
  2  bad input: templates, parameters, or the table of prices"""


def run(
    template: Path,
    given: Mapping[str, str],
    table: Path | None,
    typed: Typed,
    *,
    as_json: bool,
    say: Callable[[str], None] = print,
) -> None:
    """Prints the bill. `table` takes the place of the project's own prices. Raises Refusal."""
    bodies = templates.tree(template, typed.make("templates"))
    parameters.refuse_unknown(bodies[""], given)
    # Nobody has to say yet which images and zones: what is given is judged, and what is not may stay away.
    wrong = parameters.wrong_values(bodies, given)
    if wrong:
        raise Refusal("\n".join(wrong))
    prices = read(table)
    found = bill(Tree(bodies, given), prices)
    if as_json:
        say(json.dumps(document(found, prices), indent=2, ensure_ascii=False))
        return
    for line in text(found, prices):
        say(line)


def text(found: Bill, prices: PriceTable) -> list[str]:
    """The bill for a person, part by part."""
    dates = sorted({line.price.date for line in found.lines})
    told = [
        f"US dollars a month of {HOURS} hours, at prices of {prices.region} of {', '.join(dates)} ({prices.place})",
        f"{'MinSize':>12}{'MaxSize':>12}",
    ]
    for part in Part:
        lines = [line for line in found.lines if line.part is part]
        if lines:
            told += [
                _row(found.dollars(part), part.value),
                *(_row(line.dollars, f"  {_counted(line)}") for line in lines),
            ]
    told.append(_row(found.dollars(), "all"))
    told += [f"assumed: {each.value:g} {each.means}" for each in prices.assumptions.values()]
    told += [f"not in it: {note}" for note in found.notes]
    told.append(
        "not in it: data between zones and through endpoints, requests to the key, backups, images, discounts, taxes; "
        "an update's extra instances"
    )
    return told


def _row(dollars: tuple[float, float], what: str) -> str:
    least, most = dollars
    return f"{least:>12,.2f}{most:>12,.2f}  {what}"


def _counted(line: Line) -> str:
    return f"{line.what}: {line.count} x {line.price.dollars:g} each {line.price.per}"


def document(found: Bill, prices: PriceTable) -> dict[str, Any]:
    """The bill for programs."""
    return {
        "region": prices.region,
        "prices": prices.place,
        "currency": "USD",
        "hours": HOURS,
        "lines": [
            {
                "part": line.part.name.lower().replace("_", "-"),
                "what": line.what,
                "price": vars(line.price),
                "units": {"least": line.least, "most": line.most},
                "dollars": _span(line.dollars),
            }
            for line in found.lines
        ],
        "parts": {part.name.lower().replace("_", "-"): _span(found.dollars(part)) for part in Part},
        "total": _span(found.dollars()),
        "assumed": [vars(each) for each in prices.assumptions.values()],
        "notes": list(found.notes),
    }


def _span(dollars: tuple[float, float]) -> dict[str, float]:
    least, most = dollars
    return {"least": round(least, 2), "most": round(most, 2)}
