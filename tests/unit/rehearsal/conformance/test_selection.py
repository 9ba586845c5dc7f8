"""Which conformance cases a run takes."""

from __future__ import annotations

import re

import pytest

from rehearsal.conformance.model import Case, Ended, Group, GroupResults, LeftOut, Outcome, Reason, Result, Results
from rehearsal.conformance.selection import (
    WrongSelection,
    focus,
    groups,
    in_order,
    part,
    selected,
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
    parts = [selected([*CASES, OTHER], [Group.AUTH], [], taken=(number, 3)) for number in (1, 2, 3)]
    assert sorted(each.name for cases in parts for each in cases) == [each.name for each in CASES]
    assert {len(cases) for cases in parts} == {3, 4}


def test_cases_of_the_groups_are_taken_but_for_those_left_out() -> None:
    assert selected([*CASES, OTHER], [Group.AUTH], left_out(CASES[1])) == [CASES[0], *CASES[2:]]
    assert selected([*CASES, OTHER], [*Group], left_out(*CASES)) == [OTHER]


def test_cases_are_chosen_by_an_expression() -> None:
    assert selected([*CASES, OTHER], [Group.AUTH], [], pattern="A [12] ") == [CASES[1], CASES[2]]
    with pytest.raises(WrongSelection, match=r"^CASES: \[: .*; allowed: a regular expression$"):
        selected(CASES, [Group.AUTH], [], pattern="[")


def known(**results: Result) -> Results:
    """What is known of cases, by the number in their name."""
    found = {CASES[int(number.strip("_"))].name: each for number, each in results.items()}
    return Results("v1", "bridge", {Group.AUTH: GroupResults(tuple(each.name for each in CASES), found)})


def test_what_has_passed_at_this_commit_is_not_run_again_and_what_never_ran_comes_first() -> None:
    ends = known(
        _1=Result(Ended(Outcome.FAILED, 1), "new"),
        _2=Result(Ended(Outcome.PASSED, 1), "new"),
        _4=Result(Ended(Outcome.PASSED, 0), "old"),
    )
    assert in_order(CASES[1:6], ends, "new") == [CASES[4], CASES[5], CASES[1], CASES[3]]
    assert CASES[2] in in_order(CASES, ends, "new", again=True)


def test_what_takes_longest_is_begun_first_and_what_runs_alone_last() -> None:
    ends = known(_2=Result(Ended(Outcome.PASSED, 5), "old"), _3=Result(Ended(Outcome.PASSED, 9), "old"))
    assert in_order(CASES[:4], ends, "new") == [CASES[2], CASES[1], CASES[3], CASES[0]]


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
