"""What may be lost: never etcd's quorum."""

from __future__ import annotations

from tests.storm.full.samples import voters
from tests.storm.guard import may_be_lost
from tests.storm.trace import Life


def may(target: str, names: str, silent: str = "", leaves: str = "") -> bool:
    return may_be_lost(target, voters(names), lambda name: Life.SILENT if name in silent else Life.UNSURE, leaves)


def test_one_of_three_may_be_lost_and_not_beside_a_silent_one() -> None:
    assert may("a", "abc")
    assert may("a", "abc", silent="a")
    assert not may("a", "abc", silent="b")


def test_one_may_not_be_lost_where_the_removal_of_another_leaves_no_quorum_without_it() -> None:
    assert not may("a", "abc", leaves="b")
    assert may("a", "abcd", leaves="b")
    assert may("a", "abc", leaves="a")


def test_nothing_may_be_lost_while_nobody_knows_the_members() -> None:
    assert not may_be_lost("a", None, lambda name: Life.ANSWERS, "")
