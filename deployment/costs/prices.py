"""The table of prices, and the use that is assumed: `prices.json` beside this module, or a file in its place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from deployment.refusal import Refusal

FILE = Path("deployment") / "costs" / "prices.json"
"""From the project's folder, where commands are typed."""
HOURS = 730
"""Of a month, as AWS's price pages count."""

_UNITS = {"hour": HOURS, "month": 1}
_ROW = TypeVar("_ROW")


@dataclass(frozen=True)
class Price:
    """A list price in US dollars: of one of something for an hour or a month. `date` is the month it was read in."""

    name: str
    dollars: float
    per: str
    source: str
    date: str

    @property
    def month(self) -> float:
        """Of one of it for a whole month."""
        return self.dollars * _UNITS[self.per]


@dataclass(frozen=True)
class Assumed:
    """How much is used of what is billed by use; nobody has measured it."""

    name: str
    value: float
    means: str


@dataclass(frozen=True)
class PriceTable:
    """Prices of one region. `place` is the file, for messages."""

    place: str
    region: str
    prices: Mapping[str, Price]
    assumptions: Mapping[str, Assumed]

    def price(self, name: str) -> Price:
        """Raises Refusal where the file has none."""
        found = self.prices.get(name)
        if found is None:
            raise Refusal(
                f'{self.place}: no price of "{name}"; allowed: a row of this name, in a copy of {FILE} (PRICES=)'
            )
        return found

    def assumed(self, name: str) -> float:
        """Raises Refusal where the file says nothing of it."""
        found = self.assumptions.get(name)
        if found is None:
            raise Refusal(f'{self.place}: nothing is assumed of "{name}"; allowed: a number, as {FILE} has one')
        return found.value


def read(path: Path | None) -> PriceTable:
    """The table in the file, as a whole: no row of our own stands in for one that it lacks. Raises Refusal."""
    place = path or Path(__file__).with_name("prices.json")
    told = str(path or FILE)
    try:
        content = json.loads(place.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise Refusal(f"{told}:{error.lineno}: this is no JSON: {error.msg}, at column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{told}: this is no text in UTF-8") from error
    except OSError as error:
        raise Refusal(f"{told}: {(error.strerror or str(error)).lower()}") from error
    if not isinstance(content, dict) or not isinstance(content.get("region"), str):
        raise Refusal(f"{told}: given no region; allowed: an object with region, prices and assumed, as in {FILE}")
    return PriceTable(
        told,
        content["region"],
        _rows(told, content, "prices", _price),
        _rows(told, content, "assumed", _assumed),
    )


def _rows(place: str, content: Mapping[str, Any], key: str, row: Callable[[str, Any], _ROW]) -> dict[str, _ROW]:
    found = content.get(key)
    if not isinstance(found, dict):
        raise Refusal(f"{place}: {key}: given no rows; allowed: an object, as in {FILE}")
    made: dict[str, _ROW] = {}
    for name, said in found.items():
        try:
            made[name] = row(name, said)
        except (KeyError, TypeError, ValueError) as error:
            raise Refusal(
                f"{place}: {key}: {name}: given {json.dumps(said)}; allowed: a row with the fields that {FILE} has"
            ) from error
    return made


def _price(name: str, said: Any) -> Price:
    if said["per"] not in _UNITS:
        raise ValueError(said["per"])
    return Price(name, _number(said["dollars"]), said["per"], str(said["source"]), str(said["date"]))


def _assumed(name: str, said: Any) -> Assumed:
    return Assumed(name, _number(said["value"]), str(said["means"]))


def _number(said: Any) -> float:
    """No NaN, which JSON in Python may hold, and no infinity."""
    if isinstance(said, bool) or not isinstance(said, (int, float)) or not 0 <= said < float("inf"):
        raise ValueError(said)
    return float(said)
