"""A scenario file says what happens, and one that cannot be played says what is wrong with it in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.scenarios.__main__ import load, main, names
from rehearsal.scenarios.steps import Hit, Pause, Replace, Scenario, ScenarioError, Update, Verb, Whole, parse

FIRST = "steps:\n- wait: whole\n"


def test_a_file_is_read_as_it_stands() -> None:
    text = """
about: what happens
parameters: {GeneralMinSize: "0"}
settings: {pace: {look: 1}}
steps:
- wait: whole
  within: 90 s
- terminate: slot 1
- isolate: slot 2
- wait: 2.5 s
- rejoin: slot 2
- lose: leader
- wait: whole
- replace: random slots
  times: 20
  seed: 7
- update: control planes
"""
    assert parse(text) == Scenario(
        about="what happens",
        parameters={"GeneralMinSize": "0"},
        settings={"pace": {"look": 1}},
        steps=(
            Whole(90.0),
            Hit(Verb.TERMINATE, 1),
            Hit(Verb.ISOLATE, 2),
            Pause(2.5),
            Hit(Verb.REJOIN, 2),
            Hit(Verb.LOSE, None),
            Whole(),
            Replace(20, 7),
            Update(),
        ),
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "the file: None; allowed: fields about, parameters, settings, steps"),
        ("steps: [", "no YAML: "),
        ("steps: []", "steps: []; allowed: a list of one step or more"),
        (f"{FIRST}when: now", "the file: 'when' is no field of it; allowed: about, parameters, settings, steps"),
        (f"{FIRST}about: 7", "about: 7; allowed: text, in quotes"),
        (f"{FIRST}parameters: {{Size: 0}}", "parameters: Size: 0; allowed: text, in quotes"),
        (f"{FIRST}- kill: slot 0", "step 2: 'kill' is no field of it; allowed: terminate, lose, "),
        (f"{FIRST}- update: workers", "step 2: update: 'workers'; allowed: control planes"),
        ("steps:\n- update: control planes", "step 1: it comes before the cluster is there; allowed: wait: whole"),
        (f"{FIRST}- within: 3 s", "step 2: ['within']; allowed: one of terminate, "),
        (f"{FIRST}- terminate: slot 0\n  lose: slot 1", "step 2: terminate and lose; allowed: one of terminate, "),
        (f"{FIRST}- terminate: slot 0\n  terminate: slot 1", "line 3: terminate stands twice; allowed: once"),
        (f"{FIRST}- terminate: slot x", "step 2: terminate: 'slot x'; allowed: slot 0, slot 1 and so on, or leader"),
        (f"{FIRST}- terminate: 0", "step 2: terminate: 0; allowed: slot 0, slot 1 and so on, or leader"),
        (f"{FIRST}- terminate: slot 0\n  within: 9 s", "step 2: terminate: within means nothing there; allowed: "),
        (f"{FIRST}- thaw: leader", "step 2: thaw: 'leader'; allowed: slot 0, slot 1 and so on"),
        (f"{FIRST}- thaw: slot 1", "step 2: thaw slot 1; allowed: after a step freeze: slot 1"),
        (f"{FIRST}- freeze: slot 0\n- rejoin: slot 0", "step 3: rejoin slot 0; allowed: after a step isolate: slot 0"),
        (f"{FIRST}- wait: 20", "step 2: wait: 20; allowed: whole, or seconds such as 20 s"),
        (
            f"{FIRST}- wait: 20 s\n  within: 9 s",
            "step 2: wait: within means nothing there; allowed: within, for wait: ",
        ),
        (f"{FIRST}- wait: whole\n  within: soon", "step 2: wait: within: 'soon'; allowed: seconds such as 300 s"),
        (f"{FIRST}- replace: slot 0", "step 2: replace: 'slot 0'; allowed: random slots"),
        (f"{FIRST}- replace: random slots", "step 2: replace: times: None; allowed: a whole number"),
        (
            f"{FIRST}- replace: random slots\n  times: 0",
            "step 2: replace: times: 0; allowed: a whole number, 1 or more",
        ),
        (f"{FIRST}- replace: random slots\n  times: true", "step 2: replace: times: True; allowed: a whole number"),
        ("steps:\n- terminate: slot 0", "step 1: it comes before the cluster is there; allowed: wait: whole first"),
    ],
)
def test_what_cannot_stand_in_a_file_is_one_line_with_what_may(text: str, line: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(text)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@given(seed=st.integers(0, 2**31), times=st.integers(1, 30), slots=st.sampled_from([3, 5]))
def test_random_steps_are_the_same_for_the_same_seed_and_stay_within_the_slots(
    seed: int, times: int, slots: int
) -> None:
    scenario = parse(f"{FIRST}- replace: random slots\n  times: 2\n  within: 9 s")
    steps = scenario.unrolled(slots, seed, times)
    assert steps == scenario.unrolled(slots, seed, times)
    assert len(steps) == 1 + 2 * times
    for hit, wait in zip(steps[1::2], steps[2::2], strict=True):
        assert isinstance(hit, Hit)
        assert hit.verb is Verb.TERMINATE
        assert hit.slot in range(slots)
        assert wait == Whole(9.0)


def test_seeds_draw_different_slots_and_a_files_own_seed_counts_first() -> None:
    drawn = parse(f"{FIRST}- replace: random slots\n  times: 20")
    fixed = parse(f"{FIRST}- replace: random slots\n  times: 20\n  seed: 7")
    assert drawn.unrolled(3, 1) != drawn.unrolled(3, 2)
    assert fixed.unrolled(3, 1) == fixed.unrolled(3, 2) == drawn.unrolled(3, 7)


def test_a_slot_that_the_cluster_lacks_is_refused_before_anything_starts() -> None:
    scenario = parse(f"{FIRST}- terminate: slot 3")
    assert scenario.unrolled(5, 0)[-1] == Hit(Verb.TERMINATE, 3)
    with pytest.raises(
        ScenarioError, match="terminate slot 3: the cluster has no such slot; allowed: slot 0 to slot 2"
    ):
        scenario.unrolled(3, 0)


@pytest.mark.parametrize("name", names())
def test_the_projects_own_scenarios_can_be_played(name: str) -> None:
    scenario = load(name)
    assert scenario.about
    assert scenario.unrolled(3, 0)


def test_replace_terminates_each_slot_in_turn_and_waits_after_each() -> None:
    done = [str(step) for step in load("replace").unrolled(3, 0)]
    wait = "wait until whole"
    assert done == [wait, "terminate slot 0", wait, "terminate slot 1", wait, "terminate slot 2", wait]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nothing"], "no scenario nothing; allowed: a file, or replace, replace-random, update"),
        (["replace", "--times", "3"], "replace has no random step; allowed: neither times nor seed"),
        (["replace", "--seed", "3"], "replace has no random step; allowed: neither times nor seed"),
        (["replace-random", "--times", "0"], "times: 0; allowed: a whole number, 1 or more"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"{line}\n"
