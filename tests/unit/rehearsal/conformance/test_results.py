"""Results of conformance tests: merged, kept in files, and shown on the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.conformance import page, results
from rehearsal.conformance.left_out import LEFT_OUT
from rehearsal.conformance.model import Case, Ended, Group, LeftOut, Outcome, Reason, Result, Results, Run
from rehearsal.conformance.selection import too_many

CASES = [Case(f"[sig-auth] A {n} [Conformance]", Group.AUTH, serial=False) for n in range(4)]
OTHER = Case("[sig-node] A 1 [Conformance]", Group.NODE, serial=False)
PASSED, FAILED = Ended(Outcome.PASSED, 2.5), Ended(Outcome.FAILED, 90.0, "it | is not")
NOTHING = Results("v1.37.2", "bridge")


def merged(known: Results, ends: dict[int, Ended], commit: str, cases: list[Case] = CASES) -> Results:
    return results.merged(known, [*cases, OTHER], {CASES[n].name: end for n, end in ends.items()}, commit)


def test_parts_add_up_and_the_last_end_of_a_case_counts() -> None:
    found = merged(merged(NOTHING, {0: PASSED, 1: FAILED}, "a"), {1: PASSED, 2: PASSED}, "a")
    # Of the other group nothing has run.
    assert [*found.groups] == [Group.AUTH]
    assert found.groups[Group.AUTH].listed == tuple(each.name for each in CASES)
    assert found.groups[Group.AUTH].results == {
        CASES[0].name: Result(PASSED, "a"),
        CASES[1].name: Result(PASSED, "a", failed_before=1),
        CASES[2].name: Result(PASSED, "a"),
    }


def test_failures_of_another_commit_do_not_count_against_this_one() -> None:
    found = merged(merged(NOTHING, {1: FAILED}, "a"), {1: PASSED}, "b").groups[Group.AUTH]
    assert found.results[CASES[1].name] == Result(PASSED, "b")


def test_a_case_that_is_no_longer_one_is_forgotten() -> None:
    known = merged(NOTHING, {0: PASSED, 1: FAILED}, "a")
    found = merged(known, {}, "a", CASES[:1]).groups[Group.AUTH]
    assert (found.listed, [*found.results]) == ((CASES[0].name,), [CASES[0].name])


def test_a_run_is_told_while_a_result_of_its_commit_is_left() -> None:
    first, second = Run("a", "2026-11-30", 1.5, 2), Run("b", "2026-12-01", 3.0, 1)
    known = results.with_run(merged(NOTHING, {0: PASSED, 1: FAILED}, "a"), first)
    found = results.with_run(merged(known, {1: PASSED}, "b"), second)
    assert found.runs == (first, second)
    assert results.with_run(merged(known, {0: PASSED, 1: PASSED}, "b"), second).runs == (second,)


def test_a_file_gives_the_results_back(tmp_path: Path) -> None:
    known = merged(merged(NOTHING, {1: FAILED}, "a"), {0: PASSED, 1: FAILED}, "a")
    known = results.with_run(known, Run("a", "2026-11-30", 1.5, 2))
    file = results.file_of("1.37", "bridge", tmp_path)
    results.write(file, known)
    assert results.read(file, "v1.37.2", "bridge") == known
    assert results.kept(tmp_path) == [known]
    assert results.read(file, "v1.37.3", "bridge") == Results("v1.37.3", "bridge")
    assert results.read(tmp_path / "none.json", "v1.37.2", "bridge") == NOTHING


@pytest.mark.parametrize("text", ["", "[]", '{"kubernetes": "v1", "network": "bridge", "groups": {"storage": {}}}'])
def test_a_file_that_holds_no_results_is_named(text: str) -> None:
    with pytest.raises(results.NoResults, match=r"^a\.json: no results of conformance tests: "):
        results.parse(text, "a.json")


def test_the_page_counts_each_case_once_and_names_those_that_did_not_pass() -> None:
    # The last one is left out since.
    known = merged(merged(NOTHING, {0: FAILED, 1: FAILED, 3: FAILED}, "abcdef123+"), {0: PASSED}, "abcdef123+")
    known = results.with_run(known, Run("abcdef123+", "2026-11-30", 2.6, 4))
    left = LeftOut(CASES[3].name, Reason.CLOCK, "There is one clock.")
    lines = page.page([known], [left]).splitlines()
    # cases, passed, failed, skipped, left out, not run, minutes
    assert "| auth | 4 | 1 | 1 | 0 | 1 | 1 | 2 | abcdef12+ |" in lines
    assert "- 2026-11-30, abcdef12+: 4 cases in 3 minutes." in lines
    assert [line for line in lines if ": failed. " in line] == [
        r"- \[sig-auth] A 1 \[Conformance]: failed. it \| is not"
    ]
    assert r"- \[sig-auth] A 0 \[Conformance]: failed once before." in lines
    assert r"| \[sig-auth] A 3 \[Conformance] | clock | There is one clock. |" in lines


def test_the_page_in_the_documents_is_that_of_the_results_that_are_kept() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.page(results.kept()), "make golden"


def test_what_is_left_out_is_a_case_of_a_release_and_at_most_a_tenth_of_each_group() -> None:
    kept = results.kept()
    assert len({each.name for each in LEFT_OUT}) == len(LEFT_OUT)
    for each in kept:
        listed = [Case(name, group, serial=False) for group, found in each.groups.items() for name in found.listed]
        assert too_many(listed, LEFT_OUT) == []
    names = {name for each in kept for found in each.groups.values() for name in found.listed}
    complete = {group for each in kept for group in each.groups} == {*Group}
    assert not complete or {each.name for each in LEFT_OUT} <= names
