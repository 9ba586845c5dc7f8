"""Nobody holds up others by asking often: the order in which requests are looked at."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from userdata.agent.csr_policy import Asked, RequestKind
from userdata.agent.csr_queue import KEPT, TURNS, Pile, WaitingRequest, in_order
from userdata.pki.requests import CertificateRequest

OURS = ("i-0000000000000000a", "i-0000000000000000b", "i-0000000000000000c")
STRANGERS = ("i-0000000000000000d", "i-0000000000000000e")


def waiting(number: int, name: str, age: float = 1.0, kind: RequestKind = RequestKind.FIRST) -> WaitingRequest:
    request = CertificateRequest(f"system:node:{name}", "system:nodes")
    asked = Asked("anybody", frozenset(), frozenset(), request, age)
    return WaitingRequest(str(number), kind, asked, {}, is_own=kind is not RequestKind.FIRST)


def uids(found: object) -> list[str]:
    return [each.uid for each in found]  # type: ignore[attr-defined]


PILES = st.lists(
    st.tuples(st.sampled_from([*OURS, *STRANGERS]), st.floats(0, 1000), st.sampled_from(RequestKind)), max_size=60
).map(lambda asked: [waiting(number + 1, *each) for number, each in enumerate(asked)])


@given(PILES, st.dictionaries(st.integers(1, 60).map(str), st.integers(1, 3)))
def test_each_name_has_its_turns_and_ours_come_first(pile: list[WaitingRequest], looked_at: dict[str, int]) -> None:
    found = in_order(pile, OURS.__contains__, looked_at)
    counts = Counter((each.name, each.kind) for each in found)
    asked = Counter((each.name, each.kind) for each in pile)
    assert counts == {which: min(count, TURNS) for which, count in asked.items()}
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


def test_what_anybody_with_the_token_stores_in_a_nodes_name_delays_nothing_that_the_node_asks_for() -> None:
    flood = [waiting(number, OURS[0], age=100.0) for number in range(1, 5001)]
    own = [waiting(6000, OURS[0], 0.0, RequestKind.RENEWAL), waiting(6001, OURS[0], 0.0, RequestKind.SERVING)]
    found = in_order([*flood, *own], OURS.__contains__, {})
    assert {*uids(found[:2])} == {"6000", "6001"}
    # However fast it grows: what was not looked at yet does not come before what a node asks for.
    looked_at = {each.uid: 1 for each in [*flood[:TURNS], *own]}
    grown = [*flood, *[waiting(number, OURS[0], age=50.0) for number in range(7000, 7100)]]
    newest = waiting(8000, OURS[0], 0.0, RequestKind.RENEWAL)
    assert uids(in_order([*grown, *own, newest], OURS.__contains__, looked_at))[0] == "8000"


def test_there_is_room_for_some_of_each_and_for_some_strangers() -> None:
    pile = Pile(OURS.__contains__)
    for number in range(3 * KEPT):
        pile.put(waiting(number, OURS[0]))
    pile.put(waiting(9999, OURS[0], kind=RequestKind.RENEWAL))
    assert len(pile.waiting) == KEPT + 1
    for number in range(101 * KEPT):
        pile.put(waiting(number, f"i-{number + 1000:017x}"))
    assert len(pile.waiting) == KEPT + 1 + 100 * KEPT
    pile.put(waiting(1, OURS[1]))
    assert pile.waiting[-1].name == OURS[1]
