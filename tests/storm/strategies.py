"""Hypothesis's histories of one key: of a register that works, and of anything at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.storm.history import Call, Operation, Outcome

KEY = "k"


@dataclass(frozen=True)
class Step:
    """One call of a simulated client, and when it takes effect."""

    client: int
    operation: Operation
    value: str
    gap_ns: int
    """After the client's last call."""
    until_effect_ns: int
    after_effect_ns: int
    outcome: Outcome
    comes: bool
    """Whether a call whose reply is lost takes effect at all."""
    late_ns: int
    """How long after its client has ceased to wait."""
    back: int
    """How many values ago a compare-and-swap's expected one was written."""


@dataclass(frozen=True)
class Effect:
    """A call before it is answered, and the moment at which it takes effect; None for never."""

    at_ns: int | None
    call: Call
    back: int


def steps(clients: int, repeated: bool = False) -> st.SearchStrategy[Step]:
    """Calls of so many clients; values may be repeated, or are told apart later."""
    short = st.integers(0, 4)
    return st.builds(
        Step,
        client=st.integers(0, clients - 1),
        operation=st.sampled_from(Operation),
        value=st.sampled_from(["a", "b"]) if repeated else st.just(""),
        gap_ns=short,
        until_effect_ns=short,
        after_effect_ns=short,
        outcome=st.sampled_from([*[Outcome.OK] * 5, Outcome.MAYBE, Outcome.MAYBE, Outcome.FAILED]),
        comes=st.booleans(),
        late_ns=st.sampled_from([0, 0, 3, 20]),
        back=st.integers(0, 2),
    )


def effects(made: Sequence[Step]) -> list[Effect]:
    """When each call is sent, takes effect and returns. A step without a value writes one that no other does."""
    now: dict[int, int] = {}
    found = []
    for number, step in enumerate(made):
        called = now.get(step.client, 0) + step.gap_ns
        at = called + step.until_effect_ns
        returned = at + step.after_effect_ns
        now[step.client] = returned
        lost = step.outcome is Outcome.MAYBE
        happens = step.outcome is Outcome.OK or (lost and step.comes)
        call = Call(
            step.client,
            Operation.WRITE,
            KEY,
            called,
            returned,
            Outcome.FAILED,
            step.value or f"v{number}",
        )
        if step.operation is Operation.READ:
            call = replace(call, operation=Operation.READ, value=None)
        if step.operation is Operation.COMPARE_AND_SWAP:
            call = replace(call, operation=Operation.COMPARE_AND_SWAP)
        if lost:
            call = replace(call, outcome=Outcome.MAYBE)
        found.append(Effect((at + step.late_ns if lost else at) if happens else None, call, step.back))
    return found


def played(made: Sequence[Effect], dropped: int | None = None) -> list[Call]:
    """The history of a register to which these come in the order of their moments.

    The effect of number `dropped` is lost, though its client is told that it happened.
    """
    holds: str | None = None
    written: list[str | None] = [None]
    calls = [each.call for each in made]
    in_order = sorted((each.at_ns, number) for number, each in enumerate(made) if each.at_ns is not None)
    for _, number in in_order:
        call = calls[number]
        swaps = call.operation is Operation.COMPARE_AND_SWAP
        if swaps:
            call = replace(call, expected=written[max(len(written) - 1 - made[number].back, 0)])
        swapped = swaps and call.expected == holds
        if call.outcome is not Outcome.MAYBE:
            read = None if call.operation is Operation.WRITE else holds
            call = replace(call, outcome=Outcome.OK, found=read, swapped=swapped if swaps else None)
        if (swapped or call.operation is Operation.WRITE) and number != dropped:
            holds = call.value
            written.append(holds)
        calls[number] = call
    return calls


def good_histories(longest: int) -> st.SearchStrategy[list[Call]]:
    """Histories of a register that works, with replies that are lost, late effects, and calls that fail."""
    return st.lists(steps(3) | steps(3, repeated=True), min_size=1, max_size=longest).map(effects).map(played)


@st.composite
def dropping_histories(draw: st.DrawFn, longest: int) -> list[Call]:
    """Histories of a register that has lost the effect of one call, acknowledged or not, seen or not."""
    made = effects(draw(st.lists(steps(3), min_size=2, max_size=longest)))
    return played(made, draw(st.integers(0, len(made) - 1)))


@st.composite
def swapping_histories(draw: st.DrawFn, longest: int) -> list[Call]:
    """Histories in which two calls took effect in each other's place, whenever they were made."""
    made = effects(draw(st.lists(steps(3), min_size=2, max_size=longest)))
    one, other = draw(st.integers(0, len(made) - 1)), draw(st.integers(0, len(made) - 1))
    first, second = made[one], made[other]
    if first.at_ns is not None and second.at_ns is not None:
        made[one], made[other] = replace(first, at_ns=second.at_ns), replace(second, at_ns=first.at_ns)
    return played(made)


@st.composite
def any_call(draw: st.DrawFn) -> Call:
    """A call with anything in it, of few values and moments, so that calls meet."""
    operation = draw(st.sampled_from(Operation))
    outcome = draw(st.sampled_from([*[Outcome.OK] * 4, Outcome.MAYBE, Outcome.FAILED]))
    called = draw(st.integers(0, 12))
    texts = st.sampled_from(["a", "b", "c"])
    some = st.none() | texts
    swaps, answered = operation is Operation.COMPARE_AND_SWAP, outcome is Outcome.OK
    return Call(
        client=draw(st.integers(0, 3)),
        operation=operation,
        key=KEY,
        called_ns=called,
        returned_ns=called + draw(st.integers(0, 6)),
        outcome=outcome,
        value=None if operation is Operation.READ else draw(texts),
        expected=draw(some) if swaps else None,
        found=draw(some) if answered and operation is not Operation.WRITE else None,
        swapped=draw(st.booleans()) if answered and swaps else None,
    )
