"""Whatever words reasons have, the agents correct, set and clear the same."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from coordination.boots import Boot
from coordination.conditions import Condition
from coordination.members import Member, MemberState
from coordination.outcomes import NoTable, Unknown
from tests.unit.userdata.agent.looks import NOW, ROWS, THREE, etcd_member, row, view
from tests.unit.wording import blanked, noise, reworded, rewordings
from userdata.agent.cluster_ready import why_not
from userdata.agent.conditions import Change, Set, changes, judged_by, left_behind, named_no_more, of_etcd, waiting
from userdata.agent.members import by_etcd
from userdata.etcd.model import Alarm, AlarmKind
from userdata.etcd.view import EtcdView

NAMES = ("MemberUnhealthy/i-2", "LearnerStray/40", "CertificateExpiring/i-9", "QuorumLost", "BootFailed/slot-1")
ARN = "arn:aws:ec2:us-east-1:123456789012:instance/"

VIEWS = st.builds(
    lambda members, problems, alarms: view(*members, problems=problems, alarms=alarms),
    st.sampled_from([THREE, THREE[:2], (*THREE, etcd_member(4, learner=True)), (*THREE, etcd_member(4, name=""))]),
    st.dictionaries(st.integers(1, 3), st.sampled_from(["no answer", "it is not healthy"]), max_size=2),
    st.sampled_from([(), (Alarm(0x10, AlarmKind.NO_SPACE),), Unknown("no answer"), NoTable("gone")]),
)
MEMBERS = st.sampled_from(
    [ROWS, ROWS[:2], (*ROWS[:2], row(3, MemberState.REMOVED)), (*ROWS, row(4, MemberState.JOINING))]
)
STATES = st.fixed_dictionaries(
    {f"i-{number}": st.sampled_from(["running", "terminated", None]) for number in range(1, 5)}
)
STORED = st.lists(st.sampled_from(NAMES).map(lambda name: Condition(name, "why", "a step", NOW)), unique=True)
BOOTS = st.lists(
    st.builds(
        Boot,
        st.sampled_from([f"{ARN}i-{number}" for number in range(1, 5)]),
        st.just("decide"),
        st.sampled_from(["", "why"]),
        condition=st.sampled_from(["", *NAMES]),
    ),
    max_size=3,
)


def decisions(found: Sequence[Change]) -> list[Change]:
    """What was decided, without words: a condition that is only worded anew is no decision."""
    return [blanked(each) for each in found if not isinstance(each, Set) or each.replaces is None]


@settings(max_examples=300, deadline=None)
@given(VIEWS, MEMBERS, STATES, STORED, BOOTS, noise)
def test_words_change_nothing_that_the_leader_does(
    seen: EtcdView,
    rows: tuple[Member, ...],
    states: dict[str, str | None],
    stored: list[Condition],
    boots: list[Boot],
    texts: list[str],
) -> None:
    def all_of(seen: EtcdView, stored: list[Condition], boots: list[Boot]) -> list[object]:
        by_name = {each.name: each for each in stored}
        cleared = judged_by(seen, by_name) | left_behind(by_name, rows) | named_no_more(by_name, boots, states)
        return [
            decisions(changes(of_etcd(seen, rows, states), by_name, cleared, NOW)),
            waiting(by_name, boots),
            blanked(by_etcd(rows, seen.listed)),
            why_not(seen, 3) is None,
        ]

    for words in rewordings(texts):
        otherwise = all_of(reworded(seen, words), reworded(stored, words), reworded(boots, words))
        assert otherwise == all_of(seen, stored, boots)
