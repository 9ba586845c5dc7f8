"""What a storm says: a line for each round, a summary, and for what was found the command that plays it again."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from tests.storm.rounds import Round
from tests.storm.shrinking import NotRepeated, Shrunk
from tests.storm.storm import Found, Storm
from tests.storm.trace import Event, Listed

NOTHING_FOUND, FOUND, BAD_INPUT, UNDECIDED, BROKE = 0, 1, 2, 3, 4
"""Exit codes; docs/storm.md has them."""
_EVENTS_AROUND = 40
_LONGEST_EVENT = 300


def code(storm: Storm) -> int:
    """How the command ends."""
    if storm.found:
        return FOUND
    if storm.broke:
        return BROKE
    return UNDECIDED if any(each.undecided for _, each in storm.rounds) else NOTHING_FOUND


def line(number: int, played: Round) -> str:
    """A round's schedule and what became of it, in one line."""
    missed = [fault for fault, hit in played.hits.items() if not hit]
    parts = [f"round {number}: {played.schedule}"]
    parts += [f"hit nobody: {', '.join(missed)}"] if missed else []
    parts += [f"{played.calls} calls, {played.seconds:.1f} s"]
    if played.settled_after is not None:
        parts += [f"settled after {played.settled_after:.1f} s"]
    parts += [f"a person: {each.condition}" for each in played.helped]
    parts += [f"excused: {case}" for case in dict.fromkeys(case for case, _ in played.verdict.excused)]
    parts += [f"undecided: {', '.join(played.undecided)}"] if played.undecided else []
    parts += [f"FOUND: {each.invariant}: {each.text}" for each in played.verdict.found]
    return " | ".join(parts)


def command(found: Found, seed: int, more: str = "") -> str:
    """What to paste to play it again; `more` are settings of the world."""
    return " ".join(["make storm", *([more] if more else []), f"SEED={seed} FAULTS={shlex.quote(str(found.schedule))}"])


def text(storm: Storm, seed: int, more: str = "") -> str:
    """The summary."""
    rounds = [each for _, each in storm.rounds]
    excused = Counter(case for each in rounds for case in {case for case, _ in each.verdict.excused})
    helped = Counter(each.condition for played in rounds for each in played.helped)
    hits = Counter(fault.split()[0] for each in rounds for fault, hit in each.hits.items() if hit)
    calls = sum(each.calls for each in rounds)
    settled = sorted(each.settled_after for each in rounds if each.settled_after is not None)
    lines = [
        f"seed {seed}: {len(rounds)} rounds, {sum(hits.values())} faults hit, {calls} calls",
        f"faults: {', '.join(f'{kind} {times}' for kind, times in sorted(hits.items())) or 'none'}",
    ]
    if settled:
        lines.append(f"settled after {settled[len(settled) // 2]:.1f} s in the middle, {settled[-1]:.1f} s at most")
    lines += [f"excused in {times} rounds: {case}" for case, times in sorted(excused.items())]
    lines += [f"a person did what {condition} says, {times} times" for condition, times in sorted(helped.items())]
    for found in storm.found:
        lines += ["", *_about(found, seed, more)]
    end = f"found in {len(storm.found)} rounds" if storm.found else "nothing was found"
    return "\n".join([*lines, "", end, *([f"the world could not go on in {storm.broke}"] if storm.broke else [])])


def trace(played: Round) -> str:
    """Every event of a round, a line each."""
    start = played.trace.events[0].at if played.trace.events else 0.0
    return "\n".join(f"{each.at - start:8.3f} {_told(each)}" for each in _changes(played.trace.events))


def _about(found: Found, seed: int, more: str) -> list[str]:
    lines = [f"round {found.number} found:"]
    lines += [f"  {each.invariant}: {each.text}" for each in found.round.verdict.found]
    match found.shrunk:
        case NotRepeated(runs=runs):
            lines.append(f"  it does not repeat: {runs} runs of the same schedule in new clusters did not show it")
        case Shrunk(runs=runs, complete=complete):
            whole = "no fault can be left out" if complete else "the runs were used up before all parts were tried"
            lines.append(f"  shrunk in {runs} runs: {whole}")
    return [*lines, f"  schedule: {found.schedule}", f"  again: {command(found, seed, more)}", *_trace(found.round)]


def _trace(played: Round) -> list[str]:
    """The last events before the first thing that was found; of looks that find the same, the first."""
    first = played.verdict.found[0].at
    start = played.trace.events[0].at
    before = [each for each in _changes(played.trace.events) if each.at <= first][-_EVENTS_AROUND:]
    return ["  trace:", *(f"    {each.at - start:7.2f} {_told(each)}" for each in before)]


def _changes(events: Sequence[Event]) -> Iterator[Event]:
    """Without looks at etcd's list that find what the one before has found."""
    before: object = None
    for each in events:
        if isinstance(each, Listed):
            found = (each.etcd_cluster_id, each.members)
            if found == before:
                continue
            before = found
        yield each


def _told(event: object) -> str:
    if isinstance(event, Listed):
        named = [
            (each.instance or each.member_id) + (" (learner)" if each.is_learner else "") for each in event.members
        ]
        return f"Listed {', '.join(named)} of {event.etcd_cluster_id}"
    fields: dict[str, Any] = {name: value for name, value in vars(event).items() if name != "at"}
    return f"{type(event).__name__} {json.dumps(fields, default=_plain)[:_LONGEST_EVENT]}"


def as_json(storm: Storm, seed: int, more: str = "") -> str:
    """Everything for machines."""
    rounds = [
        {
            "round": number,
            "schedule": str(played.schedule),
            "seconds": round(played.seconds, 2),
            "settled_after": played.settled_after,
            "calls": played.calls,
            "hits": played.hits,
            "undecided": list(played.undecided),
            "excused": [case for case, _ in played.verdict.excused],
            "helped": [asdict(each) for each in played.helped],
            "found": [{"invariant": each.invariant, "text": each.text} for each in played.verdict.found],
        }
        for number, played in storm.rounds
    ]
    found = [
        {
            "round": each.number,
            "schedule": str(each.schedule),
            "command": command(each, seed, more),
            "repeats": not isinstance(each.shrunk, NotRepeated) if each.shrunk is not None else None,
            "trace": [_told(event) for event in each.round.trace.events],
        }
        for each in storm.found
    ]
    return json.dumps(
        {"seed": seed, "rounds": rounds, "found": found, "broke": storm.broke, "code": code(storm)}, indent=1
    )


def _plain(value: object) -> object:
    return vars(value) if hasattr(value, "__dict__") else str(value)
