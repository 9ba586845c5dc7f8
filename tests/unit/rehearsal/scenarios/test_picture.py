"""The picture shows every instance once, in its slot, from left to right as time passes."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from hypothesis import given

from rehearsal.scenarios.gaps import Gap
from rehearsal.scenarios.picture import picture
from rehearsal.scenarios.timeline import Episode, Span, Timeline
from tests.unit.rehearsal.scenarios.lives import look, sight, timelines

SVG = "{http://www.w3.org/2000/svg}"
Drawn = tuple[str, float, float, float]
"""Class, left edge, right edge, top edge."""


def root(timeline: Timeline) -> ElementTree.Element:
    return ElementTree.fromstring(picture(timeline))


def rectangles(element: ElementTree.Element, *kinds: str) -> list[Drawn]:
    found = []
    for each in element.iter(f"{SVG}rect"):
        kind = each.get("class", "")
        if (not kinds or kind in kinds) and each.get("x") is not None:
            left = float(each.attrib["x"])
            found.append((kind, left, left + float(each.attrib["width"]), float(each.attrib["y"])))
    return found


def instances(element: ElementTree.Element) -> dict[str, ElementTree.Element]:
    groups = [each for each in element.iter(f"{SVG}g") if each.get("class") == "instance"]
    named = {each.attrib["data-instance"]: each for each in groups}
    assert len(named) == len(groups)
    return named


@given(timelines())
def test_every_instance_is_there_once_with_its_phases_hooks_and_leaders(timeline: Timeline) -> None:
    drawn = instances(root(timeline))
    assert drawn.keys() == {bar.instance_id for bar in timeline.bars()}
    for bar in timeline.bars():
        found = [kind for kind, *_ in rectangles(drawn[bar.instance_id])]
        expected = [span.what for span in bar.phases] + ["leader"] * len(bar.leads) + ["hook"] * len(bar.hooks)
        assert found == expected


@given(timelines())
def test_later_is_further_right_and_everything_is_inside(timeline: Timeline) -> None:
    element = root(timeline)
    width, height = float(element.attrib["width"]), float(element.attrib["height"])
    for _, left, right, top in rectangles(element):
        # What is shorter than a point is drawn a point wide.
        assert 0 <= left < right <= width + 1
        assert 0 <= top <= height
    phases = ("booting", "member", "leaving", "removed")
    edges: dict[float, float] = {}
    for bar in timeline.bars():
        for span, drawn in zip(bar.phases, rectangles(instances(element)[bar.instance_id], *phases), strict=True):
            edges[span.start] = edges.get(span.start, drawn[1])
            assert edges[span.start] == drawn[1]
    ordered = [edges[moment] for moment in sorted(edges)]
    assert ordered == sorted(ordered)


@given(timelines())
def test_bars_of_one_slot_that_lived_at_once_do_not_lie_over_each_other(timeline: Timeline) -> None:
    drawn = instances(root(timeline))
    bars = timeline.bars()
    tops = {bar.instance_id: rectangles(drawn[bar.instance_id])[0][3] for bar in bars}
    for one in bars:
        for other in bars:
            if one is not other and one.start < other.end and other.start < one.end:
                assert tops[one.instance_id] != tops[other.instance_id]


@given(timelines())
def test_lanes_of_slots_lie_below_each_other(timeline: Timeline) -> None:
    drawn = instances(root(timeline))
    tops = [(bar.slot, rectangles(drawn[bar.instance_id])[0][3]) for bar in timeline.bars()]
    for slot, top in tops:
        assert all(top < below for other, below in tops if other > slot)


@given(timelines())
def test_the_same_run_gives_the_same_text(timeline: Timeline) -> None:
    assert picture(timeline) == picture(replace(timeline, looks=tuple(timeline.looks)))


def test_steps_operations_and_gaps_are_there_with_their_figures() -> None:
    gap = Gap(20.0, 22.25)
    timeline = Timeline(
        about="a < b",
        slots=3,
        looks=(look(0.0, sight("i-1", 0)), look(21.0, sight("i-1", 0), operation="remove i-0"), look(30.0)),
        end=60.0,
        episodes=(Episode("terminate slot 0", 19.0, 50.0, ("i-0",), ("i-1",), gap),),
        writing=Span("7 writes acknowledged", 0.0, 60.0),
        gaps=(Gap(3.0, 3.6), gap),
    )
    element = root(timeline)
    texts = [text.text for text in element.iter(f"{SVG}text")]
    titles = [title.text for title in element.iter(f"{SVG}title")]
    for said in ("a < b", "slot 0", "slot 1", "slot 2", "terminate slot 0", "31 s", "2.25 s"):
        assert said in texts
    # The smaller gap is drawn, and only the largest one of a step is written out.
    assert "0.60 s" not in texts
    assert {"remove i-0", "0.60 s from 3.0 s", "2.25 s from 20.0 s"} <= set(titles)
    legend = 1
    assert len(rectangles(element, "gap")) == 2 + legend
    assert len(rectangles(element, "operation")) == 1 + legend


def test_it_can_be_read_in_light_and_dark_and_stands_on_its_own() -> None:
    text = picture(Timeline("", 3, (), 0.0))
    light, _, dark = text.partition("@media (prefers-color-scheme: dark)")
    for kind in ("back", "booting", "member", "leaving", "removed", "gap", "writes", "until", "hook"):
        assert f".{kind} {{" in light
        assert f".{kind} {{" in dark
    assert "href" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
