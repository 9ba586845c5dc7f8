"""A call's line: what is written is read, and what is no call is refused with the field."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from tests.storm import history
from tests.storm.bad_lines import BAD, GOOD
from tests.storm.history import Call, HistoryError, Operation, Outcome
from tests.storm.strategies import any_call


@given(any_call())
def test_what_is_written_is_read(call: Call) -> None:
    assert history.parse(call.line()) == call


@pytest.mark.parametrize("line", GOOD)
def test_a_call_is_read(line: str) -> None:
    assert json.loads(history.parse(line).line()) == json.loads(line)


@pytest.mark.parametrize(("line", "said"), BAD)
def test_what_is_no_call_is_refused_with_its_line_and_field(line: str, said: str) -> None:
    with pytest.raises(HistoryError) as refused:
        history.parse_all([GOOD[0], line])
    assert str(refused.value) == f"line 2: {said}"


def test_an_empty_history_is_refused() -> None:
    with pytest.raises(HistoryError, match="line 1: given nothing; allowed: one call or more"):
        history.parse_all([])


def test_no_call_can_be_made_that_no_line_could_say() -> None:
    with pytest.raises(HistoryError, match=r"found: given .*; allowed: nothing, where a write is ok"):
        Call(0, Operation.WRITE, "k", 1, 2, Outcome.OK, "a", found="b")
