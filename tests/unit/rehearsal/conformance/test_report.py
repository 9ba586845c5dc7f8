"""Ginkgo's report, as the tests of Kubernetes 1.37 wrote it; all of it but a few specs is taken out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rehearsal.conformance import report
from rehearsal.conformance.model import Case, Ended, Group, Outcome

VERSION = "[sig-api-machinery] server version should find the server version [Conformance]"
TAINT = (
    "[sig-node] NoExecuteTaintManager Single Pod removing taint cancels eviction [Conformance] [Disruptive] [Serial]"
)


@pytest.fixture
def suites() -> Any:
    return json.loads((Path(__file__).parent / "report.json").read_text(encoding="utf-8"))


def spec(suites: Any, name: str) -> Any:
    (found,) = (
        each
        for each in suites[0]["SpecReports"]
        if " ".join([*(each["ContainerHierarchyTexts"] or ()), each["LeafNodeText"]]) == name
    )
    return found


def test_cases_are_those_that_have_the_label_and_are_of_a_group_that_is_run(suites: Any) -> None:
    # The others are a case of the scheduler's group, and one that is not conformance's.
    assert len([each for each in suites[0]["SpecReports"] if each["LeafNodeType"] == "It"]) == 4
    assert report.cases(json.dumps(suites)) == [
        Case(VERSION, Group.API_MACHINERY, serial=False),
        Case(TAINT, Group.NODE, serial=True),
    ]


def test_what_ran_has_an_end_and_what_no_focus_was_on_has_none(suites: Any) -> None:
    found = report.ended(json.dumps(suites))
    assert [*found] == [VERSION]
    assert found[VERSION].outcome is Outcome.PASSED
    assert 0 < found[VERSION].seconds < 60


def test_a_failure_is_told_by_its_first_line_without_colours(suites: Any) -> None:
    message = "\n\x1b[1mwaiting for the pod:\x1b[0m it is not there\nand more"
    spec(suites, VERSION).update(State="failed", Failure={"Message": message}, RunTime=1_500_000_000)
    assert report.ended(json.dumps(suites)) == {
        VERSION: Ended(Outcome.FAILED, 1.5, "waiting for the pod: it is not there")
    }


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("panicked", Outcome.FAILED),
        ("skipped", Outcome.SKIPPED),
        ("timedout", Outcome.FAILED),
        ("interrupted", None),
        ("aborted", None),
    ],
)
def test_what_was_interrupted_has_not_ended(suites: Any, state: str, outcome: Outcome | None) -> None:
    spec(suites, VERSION)["State"] = state
    found = report.ended(json.dumps(suites)).get(VERSION)
    assert (found and found.outcome) == outcome


def test_a_case_that_timed_out_with_its_suite_has_not_had_its_time(suites: Any) -> None:
    spec(suites, VERSION)["State"] = "timedout"
    suites[0]["SpecialSuiteFailureReasons"] = ["Suite Timeout Elapsed"]
    assert report.ended(json.dumps(suites)) == {}


def test_a_suite_that_did_not_begin_is_told_by_why(suites: Any) -> None:
    (before,) = (each for each in suites[0]["SpecReports"] if each["LeafNodeType"] == "SynchronizedBeforeSuite")
    before.update(State="failed", Failure={"Message": "there are no nodes"})
    with pytest.raises(report.NotBegun, match=r"^the tests did not begin: failed: there are no nodes$"):
        report.ended(json.dumps(suites))


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"SpecReports": [{"LeafNodeType": "It"}]}]'])
def test_a_text_that_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(report.NoReport, match=r"^no report of Ginkgo's: "):
        report.ended(text)
