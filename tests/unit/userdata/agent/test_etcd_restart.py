"""Whether etcd keeps its majority while one member is restarted."""

from __future__ import annotations

import itertools

import pytest

from coordination.outcomes import Known, Reading, Unknown
from tests.unit.userdata.agent.looks import NOW, THREE, etcd_member, view
from userdata.agent.etcd_restart import CLOSE_SECONDS, MayRestart, NotNow, TooFewVoters, judge
from userdata.etcd.view import EtcdView

FIVE = tuple(etcd_member(number) for number in range(1, 6))
LEARNER = etcd_member(4, learner=True)
FAR, CLOSE = NOW + CLOSE_SECONDS, NOW + CLOSE_SECONDS - 1
SILENT = "no answer"


@pytest.mark.parametrize(
    ("case", "seen", "ends", "expected"),
    [
        ("three voters that answer", view(*THREE), FAR, MayRestart),
        ("three voters, and the other two are not all there", view(*THREE, problems={2: SILENT}), CLOSE, NotNow),
        ("three voters, and its own is silent", view(*THREE, problems={1: SILENT}), FAR, MayRestart),
        ("five voters, one silent", view(*FIVE, problems={2: SILENT}), FAR, MayRestart),
        ("five voters, two silent", view(*FIVE, problems={2: SILENT, 3: SILENT}), FAR, NotNow),
        ("a learner beside three", view(*THREE, LEARNER), FAR, MayRestart),
        ("two voters", view(*THREE[:2]), FAR, TooFewVoters),
        ("two voters, and certificates that end soon", view(*THREE[:2]), CLOSE, MayRestart),
        ("two voters, and certificates that have ended", view(*THREE[:2]), NOW - 1, MayRestart),
        ("two voters, and nobody knows what it has read", view(*THREE[:2]), None, TooFewVoters),
        ("two voters, the other one silent", view(*THREE[:2], problems={2: SILENT}), CLOSE, NotNow),
        ("one voter", view(THREE[0]), FAR, TooFewVoters),
        ("one voter, and certificates that end soon", view(THREE[0]), CLOSE, MayRestart),
        ("a node that is no member", view(*THREE[1:]), CLOSE, NotNow),
        ("a node that is a learner", view(etcd_member(1, learner=True), *THREE[1:]), CLOSE, NotNow),
    ],
)
def test_etcd_is_restarted_where(case: str, seen: EtcdView, ends: float | None, expected: type) -> None:
    assert isinstance(judge(Known(seen), "i-1", ends, NOW), expected), case


def test_what_cannot_be_seen_is_no_majority() -> None:
    seen: Reading[EtcdView] = Unknown("no answer")
    assert judge(seen, "i-1", CLOSE, NOW) == NotNow("no answer")


@pytest.mark.parametrize("count", range(1, 8))
def test_unless_the_end_is_near_a_majority_always_answers_without_it(count: int) -> None:
    members = [etcd_member(number) for number in range(1, count + 1)]
    for silent in itertools.chain.from_iterable(
        itertools.combinations(range(1, count + 1), size) for size in range(count + 1)
    ):
        seen = view(*members, problems=dict.fromkeys(silent, SILENT))
        left = count - len({1, *silent})
        assert isinstance(judge(Known(seen), "i-1", None, NOW), MayRestart) == (left > count / 2)
