"""The tables of docs/costs.md about whole clusters: each example's templates times deployment/costs/prices.json."""

from __future__ import annotations

from collections.abc import Iterator

from deployment import templates
from deployment.costs.bill import Bill, Part, bill
from deployment.costs.counted import Tree
from deployment.costs.prices import PriceTable, read
from tests.templates.cluster import DEFAULT_EXAMPLE, EXAMPLES
from tests.templates.golden import golden_folder


def of_example(name: str, prices: PriceTable) -> Bill:
    """What an example costs with the values that its configuration gives."""
    return bill(Tree(templates.tree(golden_folder(name) / "root.json"), {}), prices)


def tables() -> str:
    """The generated part of the page."""
    prices = read(None)
    bills = {name: of_example(name, prices) for name in sorted(EXAMPLES, key=_default_first)}
    return "\n".join([*_by_example(bills), "", *_lines(bills[DEFAULT_EXAMPLE]), "", *_prices(prices)])


def _default_first(name: str) -> tuple[bool, str]:
    return name != DEFAULT_EXAMPLE, name


def _by_example(bills: dict[str, Bill]) -> Iterator[str]:
    yield f"| dollars a month | {' | '.join(part.value for part in Part)} | **all** |"
    yield f"| --- |{' --- |' * (len(Part) + 1)}"
    for name, found in bills.items():
        cells = " | ".join(_span(found.dollars(part)) for part in Part)
        yield f"| [{name}](../examples/{name}.yaml) | {cells} | **{_span(found.dollars())}** |"


def _lines(found: Bill) -> Iterator[str]:
    yield "| of the default example | how many | dollars for one | dollars a month |"
    yield "| --- | --- | --- | --- |"
    for line in found.lines:
        price = f"{line.price.dollars:g} each {line.price.per}"
        yield f"| {line.what} | {line.count} | [{price}]({_link(line.price.source)}) | {_span(line.dollars, 2)} |"


def _prices(prices: PriceTable) -> Iterator[str]:
    yield "| assumed | a month |"
    yield "| --- | --- |"
    for each in prices.assumptions.values():
        yield f"| {each.name} | {each.value:g} {each.means} |"


def _link(source: str) -> str:
    return source.removeprefix("docs/costs.md")


def _span(dollars: tuple[float, float], digits: int = 0) -> str:
    least, most = (f"{each:,.{digits}f}" for each in dollars)
    return least if least == most else f"{least} to {most}"
