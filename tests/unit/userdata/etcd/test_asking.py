"""Asking several at the same time: nobody waits for the silent where others have said enough."""

from __future__ import annotations

import threading

import pytest

from tests.waiting import BUSY_SECONDS
from userdata.etcd.asking import side_by_side, until


def test_what_each_says_comes_in_the_order_given() -> None:
    together = threading.Barrier(3, timeout=BUSY_SECONDS)

    def ask(number: int) -> int:
        together.wait()
        return 10 * number

    assert side_by_side(ask, [3, 1, 2]) == [30, 10, 20]
    assert side_by_side(ask, []) == []


def test_nobody_waits_for_the_silent_once_one_has_said_enough() -> None:
    ended = threading.Event()

    def ask(name: str) -> str:
        if name == "silent":
            assert ended.wait(BUSY_SECONDS)
        return name

    try:
        assert until(ask, ["silent", "answers"], lambda said: said == "answers") == ["answers"]
    finally:
        ended.set()


def test_where_nobody_says_enough_all_are_waited_for() -> None:
    assert until(str, [1, 2], lambda _: False) == ["1", "2"]


def test_what_goes_wrong_is_told() -> None:
    with pytest.raises(ZeroDivisionError):
        until(lambda number: 1 // number, [0], lambda _: False)
