"""The checker: what it accepts and refuses, held against every order tried one by one, and how it fails."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storm import history, linearizable
from tests.storm.bad_lines import BAD, GOOD
from tests.storm.history import Call, HistoryError, Operation, Outcome
from tests.storm.linearizable import Linearizable, NotLinearizable, Undecided, check
from tests.storm.orders import has_order
from tests.storm.strategies import (
    KEY,
    Step,
    any_call,
    dropping_histories,
    effects,
    good_histories,
    played,
    swapping_histories,
)

pytestmark = pytest.mark.usefixtures("porcupine")
MAYBE = Outcome.MAYBE


def write(client: int, value: str, called: int, returned: int | None, outcome: Outcome = Outcome.OK) -> Call:
    return Call(client, Operation.WRITE, KEY, called, returned, outcome, value)


def read(client: int, found: str | None, called: int, returned: int) -> Call:
    return Call(client, Operation.READ, KEY, called, returned, Outcome.OK, found=found)


def swap(client: int, expected: str | None, value: str, called: int, returned: int, found: str | None) -> Call:
    """A compare-and-swap that is ok, and wrote if it found what it expected."""
    swaps, done = Operation.COMPARE_AND_SWAP, Outcome.OK
    return Call(client, swaps, KEY, called, returned, done, value, expected, found, found == expected)


def lost_swap(client: int, expected: str | None, value: str, called: int) -> Call:
    return Call(client, Operation.COMPARE_AND_SWAP, KEY, called, None, MAYBE, value, expected)


GOOD_HISTORIES = {
    "one after the other": [write(0, "a", 0, 1), read(1, "a", 2, 3), swap(0, "a", "b", 4, 5, "a"), read(1, "b", 6, 7)],
    "absent at first": [read(0, None, 0, 1), swap(0, None, "a", 2, 3, None), read(0, "a", 4, 5)],
    "writes side by side, in either order": [write(0, "a", 0, 9), write(1, "b", 0, 9), read(2, "a", 10, 11)],
    "a read beside a write, new then old of another": [write(0, "a", 0, 9), read(1, "a", 1, 2), read(2, "a", 3, 4)],
    "a call and a return at the same moment": [write(0, "a", 0, 5), read(1, None, 5, 6)],
    "a swap that finds another value": [write(0, "a", 0, 1), swap(1, "x", "b", 2, 3, "a"), read(0, "a", 4, 5)],
    "a lost reply that shows up late": [
        write(0, "a", 0, 5, MAYBE),
        write(1, "b", 10, 11),
        read(1, "b", 12, 13),
        read(1, "a", 90, 91),
    ],
    "a lost reply that shows up late, of a value that was written before": [
        write(0, "a", 0, 5, MAYBE),
        write(1, "a", 10, 11),
        *(read(2, "a", 12, 13), write(1, "b", 14, 15), read(2, "b", 16, 17), read(2, "a", 90, 91)),
    ],
    "a lost reply that never shows": [write(0, "a", 0, 5, MAYBE), write(1, "b", 10, 11), read(1, "b", 12, 13)],
    "a process that was killed": [write(0, "a", 0, None, MAYBE), read(1, None, 5, 6), read(1, "a", 7, 8)],
    "a lost swap on a lost write, both late": [
        write(0, "a", 0, 5, MAYBE),
        lost_swap(1, "a", "b", 6),
        read(2, None, 20, 21),
        read(2, "b", 22, 23),
    ],
    "a lost swap whose write never came": [
        write(0, "a", 0, 5, MAYBE),
        lost_swap(1, "a", "b", 6),
        read(2, None, 20, 21),
    ],
    "a failed write": [write(0, "a", 0, 1, Outcome.FAILED), read(1, None, 2, 3)],
    "a lost read": [Call(0, Operation.READ, KEY, 0, 5, MAYBE), read(1, None, 2, 3)],
}
BAD_HISTORIES = {
    "an acknowledged write is lost": [write(0, "a", 0, 1), read(1, None, 2, 3)],
    "a stale read": [write(0, "a", 0, 1), write(0, "b", 2, 3), read(1, "a", 4, 5)],
    "a read goes back": [write(0, "a", 0, 9), read(1, "a", 1, 2), read(2, None, 3, 4)],
    "writes are reordered": [write(0, "a", 0, 1), write(0, "b", 2, 3), read(1, "b", 4, 5), read(1, "a", 6, 7)],
    "two readers see two writes in two orders": [
        write(0, "a", 0, 9),
        write(1, "b", 0, 9),
        *(read(2, "a", 10, 11), read(2, "b", 12, 13), read(3, "a", 14, 15)),
    ],
    "one value is swapped twice": [
        write(0, "a", 0, 1),
        swap(1, "a", "b", 2, 9, "a"),
        swap(2, "a", "c", 2, 9, "a"),
    ],
    "a swap that says it wrote and did not": [
        swap(1, None, "b", 2, 3, None),
        read(0, None, 4, 5),
    ],
    "a swap that found what it expected and did not write": [
        replace(swap(1, None, "b", 2, 3, None), swapped=False),
    ],
    "a swap that wrote over what it did not expect": [
        replace(swap(1, None, "b", 2, 3, None), found="x", swapped=True),
    ],
    "a value that nobody wrote": [read(0, "x", 0, 1)],
    "a lost reply is seen before its call": [read(1, "a", 0, 1), write(0, "a", 2, 5, MAYBE)],
    "a lost reply comes, is gone and comes again": [
        write(0, "a", 0, 5, MAYBE),
        write(1, "b", 0, 9),
        *(read(2, "a", 10, 11), read(2, "b", 12, 13), read(2, "a", 14, 15)),
    ],
    "a lost swap whose expected value was never there": [lost_swap(0, "x", "b", 0), read(1, "b", 5, 6)],
    "a failed write is seen": [write(0, "a", 0, 1, Outcome.FAILED), read(1, "a", 2, 3)],
}


def refused(histories: Sequence[Sequence[Call]]) -> list[bool]:
    """Whether each of these is refused: all are judged at once, each under a key of its own."""
    verdict = check([replace(call, key=str(number)) for number, calls in enumerate(histories) for call in calls])
    assert not isinstance(verdict, Undecided)
    keys = verdict.keys if isinstance(verdict, NotLinearizable) else ()
    return [str(number) in keys for number in range(len(histories))]


def without_order(histories: Sequence[Sequence[Call]]) -> list[bool]:
    return [not has_order(calls) for calls in histories]


@pytest.mark.parametrize("name", GOOD_HISTORIES)
def test_a_history_with_an_order_is_accepted(name: str) -> None:
    assert check(GOOD_HISTORIES[name]) == Linearizable((KEY,), len(GOOD_HISTORIES[name]))


@pytest.mark.parametrize("name", BAD_HISTORIES)
def test_a_history_without_an_order_is_refused(name: str) -> None:
    verdict = check(BAD_HISTORIES[name])
    assert isinstance(verdict, NotLinearizable)
    assert verdict.keys == (KEY,)


def test_the_brute_force_agrees_with_what_is_known() -> None:
    assert not any(without_order(list(GOOD_HISTORIES.values())))
    assert all(without_order(list(BAD_HISTORIES.values())))


@settings(max_examples=25)
@given(st.lists(good_histories(30), min_size=1, max_size=10))
def test_whatever_a_register_that_works_does_is_accepted(histories: list[list[Call]]) -> None:
    assert not any(refused(histories))


@settings(max_examples=40)
@given(st.lists(dropping_histories(7) | swapping_histories(7), min_size=1, max_size=10))
def test_a_lost_or_reordered_effect_is_refused_wherever_no_order_has_it(histories: list[list[Call]]) -> None:
    assert refused(histories) == without_order(histories)


@settings(max_examples=40)
@given(st.lists(st.lists(any_call(), min_size=1, max_size=6), min_size=1, max_size=20))
def test_any_history_is_refused_if_and_only_if_it_has_no_order(histories: list[list[Call]]) -> None:
    assert refused(histories) == without_order(histories)


def excerpt(verdict: object) -> list[Call]:
    assert isinstance(verdict, NotLinearizable)
    (only,) = json.loads(verdict.text)["keys"]
    assert only["not_shown"] == 0
    return [history.parse(json.dumps(each["call"])) for each in only["excerpt"]]


def test_of_a_long_history_a_few_calls_are_shown_that_contradict_each_other() -> None:
    pairs = ((write(0, f"v{at}", 9 * at, 9 * at + 3), read(1, f"v{at}", 9 * at + 4, 9 * at + 5)) for at in range(200))
    around = [call for pair in pairs for call in pair]
    calls = [*around, read(2, "v20", 9 * 150, 9 * 150 + 1)]
    shown = excerpt(check(calls))
    assert len(shown) == 3
    assert calls[-1] in shown
    assert not has_order(shown)
    assert all(has_order([each for each in shown if each is not left_out]) for left_out in shown if left_out.found)


@settings(max_examples=30)
@given(st.lists(any_call(), min_size=1, max_size=8).filter(lambda calls: not has_order(calls)))
def test_an_excerpt_has_no_order_either(calls: list[Call]) -> None:
    assert not has_order(excerpt(check(calls)))


def test_the_excerpt_names_the_lines() -> None:
    verdict = check([write(0, "a", 0, 1), read(1, "a", 2, 3), read(1, None, 4, 5)])
    assert isinstance(verdict, NotLinearizable)
    assert [each["line"] for each in json.loads(verdict.text)["keys"][0]["excerpt"]] == [1, 3]


def test_keys_are_judged_each_by_itself() -> None:
    other = [replace(call, key="other") for call in GOOD_HISTORIES["one after the other"]]
    verdict = check([*other, *BAD_HISTORIES["a stale read"]])
    assert isinstance(verdict, NotLinearizable)
    assert verdict.keys == (KEY,)


def test_a_time_that_is_too_short_decides_nothing() -> None:
    assert check(BAD_HISTORIES["a stale read"], seconds=1e-9) == Undecided((KEY,))


def test_a_hundred_lost_replies_that_show_up_late_are_decided() -> None:
    # A search that has to try each of them everywhere takes minutes.
    chance = random.Random(1)
    outcomes = [*[Outcome.OK] * 9, MAYBE]
    made = [
        Step(
            client=chance.randrange(6),
            operation=chance.choice(tuple(Operation)),
            value="",
            gap_ns=chance.randrange(40),
            until_effect_ns=chance.randrange(100),
            after_effect_ns=chance.randrange(100),
            outcome=chance.choice(outcomes),
            comes=True,
            late_ns=chance.randrange(20_000),
            back=chance.randrange(3),
        )
        for _ in range(1000)
    ]
    calls = played(effects(made))
    assert check(calls) == Linearizable((KEY,), 1000)
    assert sum(call.outcome is MAYBE for call in calls) > 90


@pytest.mark.parametrize(("line", "said"), BAD)
def test_the_program_refuses_a_line_in_the_same_words(line: str, said: str) -> None:
    done = linearizable.run(f"{GOOD[0]}\n{line}\n")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"line 2: {said}\n")


def test_an_empty_history_is_refused() -> None:
    with pytest.raises(HistoryError, match="line 1: given nothing; allowed: one call or more"):
        check([])


@pytest.mark.parametrize(
    ("calls", "seconds", "code"),
    [
        (GOOD_HISTORIES["absent at first"], "9", 0),
        (BAD_HISTORIES["a stale read"], "9", 1),
        (GOOD_HISTORIES["absent at first"], "0", 2),
        (GOOD_HISTORIES["absent at first"], "1e-9", 3),
    ],
)
def test_the_command_ends_with_the_programs_code(tmp_path: Path, calls: list[Call], seconds: str, code: int) -> None:
    (tmp_path / "history").write_text(history.text(calls))
    assert linearizable.main([str(tmp_path / "history"), "--seconds", seconds]) == code


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert linearizable.main([str(tmp_path / "history")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_without_go_the_command_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Not what an earlier test has found.
    monkeypatch.setattr(linearizable, "program", linearizable.program.__wrapped__)
    monkeypatch.setenv("PATH", "")
    (tmp_path / "history").write_text(GOOD[0])
    assert linearizable.main([str(tmp_path / "history")]) == 4
    assert capsys.readouterr().err == "there is no go: install Go 1.26.0 or newer (https://go.dev/dl)\n"
