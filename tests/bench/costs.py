"""What function, table and agents cost a month while nothing happens: counted requests times prices, for docs/costs.md.

`python -m tests.bench.costs` writes the generated parts of that page, also those of tests/bench/bills.py;
tests/unit/bench/test_costs.py counts the requests of a pass anew and compares.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from coordination.timings import Timings
from functions.reconcile import measures as of_function
from tests.bench import bills
from tests.bench.passes import items
from userdata.agent import access_requests, certificate_renewal, draining, fence
from userdata.agent.observe import measures as of_agent
from userdata.agent.observe import task as observe
from userdata.agent.removal import task as removal

PAGE = Path(__file__).parents[2] / "docs" / "costs.md"
REGION = "us-east-1"
PRICES_OF = "2026-11"
"""The month in which the sources below were read; they are stored copies of the pages, and may be older."""
HOURS = 730
"""Of a month, as AWS's price pages count."""


@dataclass(frozen=True)
class Price:
    """US dollars for so many units. Free tiers and discounts are left out."""

    name: str
    dollars: float
    units: float
    unit: str
    source: str

    def of(self, units: float) -> float:
        """The price of so many units, in dollars."""
        return self.dollars * units / self.units


_LAMBDA = "https://aws.amazon.com/lambda/pricing/"
_DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"

LAMBDA_REQUEST = Price("calls of the function", 0.20, 1e6, "calls", _LAMBDA)
LAMBDA_SECOND = Price("time of the function", 0.0000166667, 1, "GB-seconds (x86)", _LAMBDA)
READ = Price("reads of the table", 0.125, 1e6, "read request units", _DYNAMODB)
WRITE = Price("writes of the table", 0.625, 1e6, "write request units", _DYNAMODB)
INGESTED = Price("log lines", 0.50, 1, "GB ingested", _CLOUDWATCH)
METRIC = Price("metrics", 0.30, 1, "metrics a month", _CLOUDWATCH)
PRICES = (LAMBDA_REQUEST, LAMBDA_SECOND, READ, WRITE, INGESTED, METRIC)

# What the templates say (generator/layers/lifecycle.py).
PASSES_AN_HOUR = 60
MEMORY_GB = 256 / 1024
PASS_SECONDS = 1.0
"""Assumed, and more than seven answers of AWS take; the local AWS's time says nothing about it."""
LOOKS_AN_HOUR = 3600 / 30

PASS_REQUESTS: Mapping[str, int] = {
    "DescribeAutoScalingGroups": 1,
    "DescribeStacks": 1,
    "DescribeTable": 1,
    "GetItem": 1,
    "PutItem": 1,
    "Scan": 1,
    "UpdateItem": 1,
}
"""Of a pass over a cluster at rest, with 5 slots and 10 pools; counted by tests/unit/bench/test_costs.py."""

CONTROL_PLANES, WORKERS = 3, 2
"""Of the cluster whose agents and table are counted."""
_RENEWAL = Timings().renew
_EACH, _OTHERS, _LEADER = CONTROL_PLANES, CONTROL_PLANES - 1, 1


@dataclass(frozen=True)
class Runs:
    """A task of the agents that asks the table while nothing happens, and what one run of it asks."""

    task: str
    nodes: int
    period_seconds: float
    requests: Mapping[str, int]


AGENT_TASKS = (
    Runs("fence", _EACH, fence.PERIOD_SECONDS, {"GetItem": 1}),
    Runs("lead, by those that do not", _OTHERS, _RENEWAL, {"GetItem": 1}),
    Runs("renewal of the leader's lease", _LEADER, _RENEWAL, {"UpdateItem": 1}),
    Runs("observe", _LEADER, observe.PERIOD_SECONDS, {"Scan": 1, "PutItem": 1}),
    Runs("expiry", _EACH, 10 * observe.PERIOD_SECONDS, {"GetItem": 1}),
    Runs("removal", _LEADER, removal.PERIOD_SECONDS, {"GetItem": 1}),
    Runs("drains", _LEADER, draining.PERIOD_SECONDS, {"Scan": 1}),
    Runs("certificates", _EACH, certificate_renewal.PERIOD_SECONDS, {"GetItem": 1}),
    Runs("still-restart", _LEADER, _RENEWAL, {"GetItem": 1}),
    Runs("join-token", _LEADER, 300, {"GetItem": 1}),
    Runs("access", _LEADER, access_requests.PERIOD_SECONDS, {"Scan": 1}),
)
"""Periods are the code's own, requests are read from it; tests/unit/bench/test_costs.py counts those of a look. Other
tasks ask etcd and the API server, and Auto Scaling, EC2 and SSM, whose requests are not billed."""


def agents_an_hour() -> dict[str, float]:
    """Requests to the table of all agents of the cluster."""
    found: Counter[str] = Counter()
    for each in AGENT_TASKS:
        for name, count in each.requests.items():
            found[name] += round(each.nodes * count * 3600 / each.period_seconds)
    return dict(found)


def table_bytes() -> int:
    """About what a scan reads: names and values of every item, of its leases beside."""
    names = {f"i-{number:017x}": str(number) for number in range(CONTROL_PLANES)}
    names |= {f"i-{CONTROL_PLANES + number:017x}": "" for number in range(WORKERS)}
    rows = items("arn:aws:cloudformation:us-east-1:123456789012:stack/holdfast/" + "0" * 36, names)
    return _LEASE_BYTES + sum(len(field) + len(str(value)) for row in rows for field, value in row.items())


_LEASE_BYTES = 4 * 120
"""The function's, and those that agents and joiners take."""

PASS_LOG_BYTES = 1450
"""What a pass at rest leaves in the function's log: its line, its metrics, and Lambda's own START, END and REPORT."""
LAMBDA_LOG_BYTES = 300
"""Of START, END and REPORT: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"""
LOOK_LOG_BYTES = 580
"""What a look's metrics are; nothing else is written while nothing happens."""
EVENT_BYTES = 26
"""CloudWatch Logs counts so much more for each line (API reference, PutLogEvents)."""

_READS = {"GetItem", "Scan", "ConditionCheckItem"}
_WRITES = {"PutItem", "UpdateItem", "DeleteItem"}
_READ_BYTES = 4096
"""Of a read request unit that is consistent."""


def read_units(requests: Mapping[str, float], table_bytes: int) -> float:
    """Of consistent reads; every item is far below 4 kB, and a scan reads the whole table, what it filters out, too."""
    scans = requests.get("Scan", 0)
    others = sum(count for name, count in requests.items() if name in _READS and name != "Scan")
    return others + scans * math.ceil(table_bytes / _READ_BYTES)


def write_units(requests: Mapping[str, float]) -> float:
    """Every item that is written while nothing happens is below 1 kB: leases, and the observation of five members."""
    return sum(count for name, count in requests.items() if name in _WRITES)


@dataclass(frozen=True)
class Cost:
    """One line of the bill: so many units a month."""

    price: Price
    of: str
    units: float

    @property
    def dollars(self) -> float:
        """A month."""
        return self.price.of(self.units)


def costs() -> list[Cost]:
    """The bill of a month in which nothing happens."""
    passes = PASSES_AN_HOUR * HOURS
    looks = LOOKS_AN_HOUR * HOURS
    agents = {name: count * HOURS for name, count in agents_an_hour().items()}
    whole_pass = {name: float(count) * passes for name, count in PASS_REQUESTS.items()}
    return [
        Cost(LAMBDA_REQUEST, "function", passes),
        Cost(LAMBDA_SECOND, "function", passes * PASS_SECONDS * MEMORY_GB),
        Cost(READ, "function", read_units(whole_pass, table_bytes())),
        Cost(WRITE, "function", write_units(whole_pass)),
        Cost(READ, "agents", read_units(agents, table_bytes())),
        Cost(WRITE, "agents", write_units(agents)),
        Cost(INGESTED, "function", passes * PASS_LOG_BYTES / 1e9),
        Cost(INGESTED, "agents", looks * LOOK_LOG_BYTES / 1e9),
        Cost(METRIC, "function", len(of_function.ALL)),
        Cost(METRIC, "agents", len(of_agent.ALL)),
    ]


def tables() -> str:
    """The generated part of the page."""
    return "\n".join([*_requests(), "", *_bill(), "", *_prices()])


def page(text: str) -> str:
    """The page `text` with its generated parts as they should be."""
    for name, made in (("bills", bills.tables()), ("costs", tables())):
        begin, end = f"<!-- generated:{name} -->", f"<!-- /generated:{name} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{made}\n{end}{rest.partition(end)[2]}"
    return text


def _requests() -> Iterator[str]:
    yield "| request | of a pass of the function | of the agents, an hour |"
    yield "| --- | --- | --- |"
    agents = agents_an_hour()
    for name in sorted(PASS_REQUESTS.keys() | agents.keys()):
        yield f"| {name} | {PASS_REQUESTS.get(name, '-')} | {_number(agents.get(name))} |"
    yield f"| **all** | {sum(PASS_REQUESTS.values())} | {_number(sum(agents.values()))} |"


def _bill() -> Iterator[str]:
    found = costs()
    yield "| what | whose | units a month | dollars a month |"
    yield "| --- | --- | --- | --- |"
    for each in found:
        yield f"| {each.price.name} | {each.of} | {each.units:,.1f} {each.price.unit} | {each.dollars:.2f} |"
    yield f"| **all** | | | **{sum(each.dollars for each in found):.2f}** |"


def _prices() -> Iterator[str]:
    yield f"| price, {REGION}, {PRICES_OF} | dollars | for | source |"
    yield "| --- | --- | --- | --- |"
    for each in PRICES:
        source = each.source.removeprefix("https://aws.amazon.com/").rstrip("/")
        yield f"| {each.name} | {each.dollars:g} | {each.units:,.0f} {each.unit} | [{source}]({each.source}) |"


def _number(count: float | None) -> str:
    return "-" if not count else f"{count:,.0f}"


def main() -> None:
    """Write the page's generated parts anew."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
