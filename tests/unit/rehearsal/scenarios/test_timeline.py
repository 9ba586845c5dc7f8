"""Looks become bars and spans, and tell whether a cluster is whole."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given

from rehearsal.scenarios.looks import etcd_told
from rehearsal.scenarios.timeline import Look, Phase, Span, Timeline, changes, lacking
from tests.unit.rehearsal.scenarios.lives import look, sight, timelines

WHOLE = look(0.0, sight("a", 0), sight("b", 1), sight("c", 2), leader="b")


def test_the_life_of_an_instance_that_boots_joins_leads_leaves_and_is_gone() -> None:
    looks = (
        look(0.0, sight("a", 0, "Pending:Wait", stage="gate"), members={}),
        look(5.0, sight("a", 0, "Pending:Wait"), members={"a": "learner"}),
        look(6.0, sight("a", 0, "Pending:Wait")),
        look(7.0, sight("a", 0), leader="a"),
        look(9.0, sight("a", 0, "Terminating:Wait"), leader="a"),
        look(11.0, sight("a", 0, "Terminating:Wait"), members={}, operation="remove a"),
        look(12.0, sight("a", 0, "Terminating:Proceed", "shutting-down"), members={}),
        look(14.0),
    )
    timeline = Timeline("", 3, looks, 20.0)
    (bar,) = timeline.bars()
    assert bar.phases == (
        Span(Phase.BOOTING, 0.0, 6.0),
        Span(Phase.MEMBER, 6.0, 9.0),
        Span(Phase.LEAVING, 9.0, 11.0),
        Span(Phase.REMOVED, 11.0, 14.0),
    )
    assert bar.hooks == (Span("Pending:Wait", 0.0, 7.0), Span("Terminating:Wait", 9.0, 12.0))
    assert bar.leads == (Span("leader", 7.0, 11.0),)
    assert timeline.operations() == [Span("remove a", 11.0, 12.0)]


def test_what_has_not_ended_lasts_to_the_end_of_the_time_line_and_a_run_without_a_look_has_nothing() -> None:
    (bar,) = Timeline("", 3, (look(2.0, sight("a", 0, "Terminating:Wait"), leader="a"),), 9.0).bars()
    assert (bar.phases, bar.leads) == ((Span(Phase.LEAVING, 2.0, 9.0),), (Span("leader", 2.0, 9.0),))
    nothing = Timeline("", 3, (), 9.0)
    assert (nothing.bars(), nothing.operations()) == ([], [])


@given(timelines())
def test_every_instance_has_one_bar_whose_phases_follow_each_other(timeline: Timeline) -> None:
    bars = timeline.bars()
    assert [bar.instance_id for bar in bars] == sorted(
        {sight.instance_id for each in timeline.looks for sight in each.sights},
        key=[bar.instance_id for bar in bars].index,
    )
    for bar in bars:
        assert all(one.end == other.start and one.what != other.what for one, other in pairwise(bar.phases))
        assert all(span.start < span.end for span in (*bar.phases, *bar.hooks, *bar.leads))
        assert all(bar.start <= span.start and span.end <= bar.end for span in (*bar.hooks, *bar.leads))


@given(timelines())
def test_at_no_moment_two_instances_lead(timeline: Timeline) -> None:
    leads = sorted((span.start, span.end) for bar in timeline.bars() for span in bar.leads)
    assert all(one[1] <= other[0] for one, other in pairwise(leads))


def test_looks_that_show_nothing_new_are_dropped() -> None:
    later = look(1.0, *WHOLE.sights, leader="b")
    other = look(2.0, *WHOLE.sights, leader="c")
    assert changes([WHOLE, later, other, look(3.0, *WHOLE.sights, leader="c")]) == (WHOLE, other)


def test_a_whole_cluster_lacks_nothing() -> None:
    assert lacking(WHOLE, 3, []) == []


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (look(0.0, sight("a", 0), sight("b", 1), leader="b"), "slot 2 has 0 control planes"),
        (look(0.0, *WHOLE.sights, sight("d", 2), leader="b"), "slot 2 has 2 control planes"),
        (look(0.0, *WHOLE.sights[:2], sight("c", 2, "Pending:Wait"), leader="b"), "c (slot 2): Pending:Wait, healthy"),
        (
            look(0.0, *WHOLE.sights[:2], sight("c", 2, stage="serve"), leader="b"),
            "c (slot 2): InService, healthy, serve",
        ),
        (look(0.0, *WHOLE.sights, members={"a": "voter", "b": "voter", "c": "learner"}, leader="b"), "c is no voter"),
        (look(0.0, *WHOLE.sights, members={**WHOLE.members, "gone": "voter"}, leader="b"), "etcd lists gone"),
        (look(0.0, *WHOLE.sights), "etcd has no leader that is known"),
        (look(0.0, *WHOLE.sights, leader="b", operation="remove gone"), "in flight: remove gone"),
    ],
)
def test_what_a_cluster_lacks_is_one_line(seen: Look, line: str) -> None:
    (said,) = lacking(seen, 3, [])
    assert said.startswith(line)


def test_an_instance_that_was_broken_and_is_still_there_is_lacking_even_where_all_looks_well() -> None:
    assert lacking(WHOLE, 3, ["b"]) == ["b is still there"]
    assert lacking(WHOLE, 3, ["gone"]) == []


def test_etcds_members_and_leader_are_named_and_one_that_never_started_by_its_id() -> None:
    listed = '{"members":[{"ID":1,"name":"i-1"},{"ID":2,"name":"i-2"},{"ID":255,"isLearner":true}]}'
    status = '[{"Endpoint":"https://127.0.0.1:2379","Status":{"leader":2}}]'
    members = {"i-1": "voter", "i-2": "voter", "?ff": "learner"}
    assert etcd_told(f"{listed}\n\n{status}\n") == (members, "i-2")
    assert etcd_told(f"{listed}\n{status.replace('2}', '0}')}\n") == (members, "")
