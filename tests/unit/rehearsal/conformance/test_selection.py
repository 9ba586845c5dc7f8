"""Which conformance cases a run takes."""

from __future__ import annotations

import re

import pytest

from rehearsal.conformance.model import Case, Ended, Group, GroupResults, LeftOut, Outcome, Reason, Result
from rehearsal.conformance.selection import (
    WrongSelection,
    focus,
    groups,
    part,
    selected,
    to_do,
    too_many,
)

CASES = [Case(f"[sig-auth] A {n} [Conformance]", Group.AUTH, n % 3 == 0) for n in range(10)]
OTHER = Case("[sig-node] A 1 [Conformance]", Group.NODE, serial=False)


def left_out(*cases: Case) -> list[LeftOut]:
    return [LeftOut(each.name, Reason.KERNEL, "It cannot be.") for each in cases]


def test_groups_are_named_as_people_type_them_and_are_all_without_a_name() -> None:
    assert groups("apps, auth") == [Group.AUTH, Group.APPS]
    assert groups("") == [*Group]
    with pytest.raises(WrongSelection, match=r"^SIG: storage; allowed: api-machinery, auth, apps, node, network$"):
        groups("auth,storage")


@pytest.mark.parametrize("wrong", ["", "0/3", "4/3", "1", "a/b", "1/3/5"])
def test_a_part_that_there_is_not_is_refused(wrong: str) -> None:
    assert part("3/3") == (3, 3)
    with pytest.raises(WrongSelection, match=f"^PART: {wrong}; allowed: one of several, as 1/3$"):
        part(wrong)


def test_the_parts_together_are_all_cases_each_once() -> None:
    parts = [selected([*CASES, OTHER], Group.AUTH, [], taken=(number, 3)) for number in (1, 2, 3)]
    assert sorted(each.name for cases in parts for each in cases) == [each.name for each in CASES]
    assert {len(cases) for cases in parts} == {3, 4}


def test_cases_that_run_alone_come_last_and_those_left_out_not_at_all() -> None:
    found = selected([*CASES, OTHER], Group.AUTH, left_out(CASES[1]))
    assert [each.serial for each in found] == [False] * 5 + [True] * 4
    assert CASES[1] not in found


def test_cases_are_chosen_by_an_expression() -> None:
    assert selected([*CASES, OTHER], Group.AUTH, [], pattern="A [12] ") == [CASES[1], CASES[2]]
    with pytest.raises(WrongSelection, match=r"^CASES: \[: .*; allowed: a regular expression$"):
        selected(CASES, Group.AUTH, [], pattern="[")


def test_what_has_passed_at_this_commit_is_not_run_again_and_what_never_ran_comes_first() -> None:
    ends = {
        CASES[1].name: Result(Ended(Outcome.FAILED, 1), "new"),
        CASES[2].name: Result(Ended(Outcome.PASSED, 1), "new"),
        CASES[4].name: Result(Ended(Outcome.PASSED, 1), "old"),
    }
    known = GroupResults(tuple(each.name for each in CASES), ends)
    assert to_do(CASES[1:6], known, "new") == [CASES[4], CASES[5], CASES[1], CASES[3]]
    assert to_do(CASES, None, "new") == sorted(CASES, key=lambda each: each.serial)


def test_a_focus_is_on_one_case_alone() -> None:
    case = Case("[sig-auth] A (b) should c.d [Conformance]", Group.AUTH, serial=False)
    suite = "Kubernetes e2e suite"
    assert re.search(focus(case), f"{suite} {case.name}")
    assert not re.search(focus(case), f"{suite} {case.name} more")
    assert not re.search(focus(case), f"{suite} {case.name.replace('c.d', 'cxd')}")


def test_at_most_a_tenth_of_each_group_is_left_out() -> None:
    assert too_many([*CASES, OTHER], left_out(CASES[0])) == []
    assert too_many([*CASES, OTHER], left_out(CASES[0], CASES[1], OTHER)) == [
        "auth: 2 of 10 cases are left out; allowed: a tenth",
        "node: 1 of 1 cases are left out; allowed: a tenth",
    ]
