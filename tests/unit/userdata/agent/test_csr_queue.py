"""Nobody holds up others by asking often: the order in which requests are looked at."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from userdata.agent.csr_policy import Asked, RequestKind
from userdata.agent.csr_queue import TURNS, WaitingRequest, in_order
from userdata.pki.requests import CertificateRequest

OURS = ("i-0000000000000000a", "i-0000000000000000b", "i-0000000000000000c")
STRANGERS = ("i-0000000000000000d", "i-0000000000000000e")


def waiting(number: int, name: str, age: float = 1.0, kind: RequestKind = RequestKind.FIRST) -> WaitingRequest:
    request = CertificateRequest(f"system:node:{name}", "system:nodes")
    return WaitingRequest(str(number), kind, Asked("anybody", frozenset(), frozenset(), request, age), {})


def uids(found: object) -> list[str]:
    return [each.uid for each in found]  # type: ignore[attr-defined]


PILES = st.lists(
    st.tuples(st.sampled_from([*OURS, *STRANGERS]), st.floats(0, 1000), st.sampled_from(RequestKind)), max_size=60
).map(lambda asked: [waiting(number + 1, *each) for number, each in enumerate(asked)])


@given(PILES, st.dictionaries(st.integers(1, 60).map(str), st.integers(1, 3)))
def test_each_name_has_its_turns_and_ours_come_first(pile: list[WaitingRequest], looked_at: dict[str, int]) -> None:
    found = in_order(pile, OURS.__contains__, looked_at)
    counts = Counter(each.name for each in found)
    asked = Counter(each.name for each in pile)
    assert counts == {name: min(count, TURNS) for name, count in asked.items()}
    ours = [each.name in OURS for each in found]
    assert ours == sorted(ours, reverse=True)
    assert len(set(uids(found))) == len(found)


@given(PILES, st.integers(1, 10))
def test_whoever_waits_is_looked_at_in_one_of_the_next_passes(pile: list[WaitingRequest], in_a_pass: int) -> None:
    looked_at: dict[str, int] = {}
    passes = -(-len(pile) // min(in_a_pass, TURNS))
    for number in range(1, passes + 1):
        mine = [each for each in pile if each.name in OURS]
        for each in in_order(mine, OURS.__contains__, looked_at)[:in_a_pass]:
            looked_at[each.uid] = number
    assert looked_at.keys() >= {each.uid for each in pile if each.name in OURS}


def test_one_who_asks_a_thousand_times_takes_no_turn_of_another() -> None:
    greedy = [waiting(number, OURS[0], age=100.0) for number in range(1, 1001)]
    modest = waiting(5000, OURS[1], age=0.0)
    found = in_order([*greedy, modest], OURS.__contains__, {})
    assert uids(found).index("5000") == 1
    assert len(found) == TURNS + 1
