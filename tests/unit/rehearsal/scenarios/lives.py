"""Runs that are made up: instances of slots that boot, become members and leave, one after the other."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from rehearsal.scenarios.gaps import Gap
from rehearsal.scenarios.timeline import Episode, Look, Sight, Span, Timeline, changes

SLOTS = 3
# What an instance goes through: EC2's word, Auto Scaling's, etcd's.
STAGES = (
    ("pending", "Pending:Wait", ""),
    ("running", "Pending:Wait", ""),
    ("running", "Pending:Wait", "learner"),
    ("running", "Pending:Wait", "voter"),
    ("running", "InService", "voter"),
    ("running", "Terminating:Wait", "voter"),
    ("running", "Terminating:Wait", ""),
    ("shutting-down", "Terminating:Proceed", ""),
)


def sight(
    name: str, slot: int, lifecycle: str = "InService", state: str = "running", stage: str = "start-agent"
) -> Sight:
    """One control plane."""
    return Sight(name, slot, state, lifecycle, "healthy", stage)


def look(at: float, *sights: Sight, members: Mapping[str, str] | None = None, leader: str = "", **more: str) -> Look:
    """One look; without `members` everyone who is seen is a voter."""
    voters = {each.instance_id: "voter" for each in sights}
    return Look(at, sights, voters if members is None else members, leader, more.get("operation", ""))


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    """Any run: in each slot one instance after the other, each through its stages at its own pace, some skipped."""
    moments = draw(st.integers(1, 25))
    lives: list[tuple[str, int, int, list[int]]] = []
    for slot in range(SLOTS):
        for number in range(draw(st.integers(0, 3))):
            stages = sorted(draw(st.lists(st.integers(0, len(STAGES) - 1), min_size=1, max_size=moments)))
            begin = draw(st.integers(0, moments - 1))
            lives.append((f"i-{slot}{number}{'0' * 15}", slot, begin, stages))
    looks = []
    for moment in range(moments):
        sights: list[Sight] = []
        members: dict[str, str] = {}
        for name, slot, begin, stages in lives:
            if begin <= moment < begin + len(stages):
                state, lifecycle, member = STAGES[stages[moment - begin]]
                sights.append(sight(name, slot, lifecycle, state))
                members |= {name: member} if member else {}
        leader = draw(st.sampled_from(["", *members]))
        operation = draw(st.sampled_from(["", "remove a", "remove b"]))
        looks.append(Look(moment * 1.5, tuple(sights), members, leader, operation))
    end = moments * 1.5
    gap = Gap(draw(st.floats(0, end / 2)), draw(st.floats(end / 2, end)))
    return Timeline(
        about=draw(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=20)),
        slots=SLOTS,
        looks=changes(looks),
        end=end,
        episodes=(Episode("terminate slot 0", gap.start, gap.end, ("a",), ("b",), gap),),
        writing=Span("writes", 0.0, end),
        gaps=(gap,),
    )
