"""Whatever words reasons have, the leading agent corrects, sets and clears the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coordination.boots import Boot
from coordination.conditions import Condition
from coordination.instances import GroupInstance
from coordination.members import MemberState
from coordination.names import CONTROL_PLANE_ROLE
from coordination.observed_state import ClusterObservation
from coordination.outcomes import Known, NoTable, Unknown
from coordination.rows import Rows
from tests.unit.userdata.agent.looks import NOW, RECORD, ROWS, THREE, etcd_member, row, view
from tests.unit.wording import blanked, noise, reworded, rewordings
from userdata.agent.cluster_ready import why_not
from userdata.agent.observe.actions import Action, Publish, SetCondition
from userdata.agent.observe.conditions import Lasting
from userdata.agent.observe.decide import decide
from userdata.agent.observe.snapshot import LeaderRows, Nodes, Snapshot
from userdata.etcd.model import Alarm, AlarmKind, EtcdMember, Health
from userdata.etcd.view import EtcdView, MemberAnswer

NAMES = ("MemberUnhealthy/i-2", "LearnerStray/40", "CertificateExpiring/i-9", "QuorumLost", "BootFailed/slot-1")
ARN = "arn:aws:ec2:us-east-1:123456789012:instance/"
UNKNOWN = st.sampled_from([Unknown("no answer"), NoTable("gone")])
AN_HOUR = 3600.0

SICK = MemberAnswer(Unknown("no answer"), Known(Health(False, "no leader")))


def look(members: tuple[EtcdMember, ...], problems: dict[int, str], sick: bool, alarms: Any) -> EtcdView:
    """A look in which some members do not answer, and the first one may say that it is not healthy."""
    seen = view(*members, problems=problems, alarms=alarms)
    return replace(seen, members=(replace(seen.members[0], answer=SICK), *seen.members[1:])) if sick else seen


VIEWS = st.builds(
    look,
    st.sampled_from([THREE, THREE[:2], (*THREE, etcd_member(4, learner=True)), (*THREE, etcd_member(4, name=""))]),
    st.dictionaries(st.integers(1, 3), st.sampled_from(["no answer", "it is not healthy"]), max_size=2),
    st.booleans(),
    st.sampled_from([(), (Alarm(0x10, AlarmKind.NO_SPACE),), Unknown("no answer"), NoTable("gone")]),
)
TABLES = st.builds(
    LeaderRows,
    st.just(RECORD),
    st.sampled_from(
        [ROWS, ROWS[:2], (*ROWS[:2], row(3, MemberState.REMOVED)), (*ROWS, row(4, MemberState.JOINING, ""))]
    ),
    st.dictionaries(st.sampled_from(["i-3", "i-9"]), UNKNOWN, max_size=1),
    st.lists(st.sampled_from(NAMES), unique=True).map(
        lambda names: {name: Condition(name, "why", "a step", NOW) for name in names}
    ),
    st.lists(
        st.builds(
            Boot,
            st.sampled_from([f"{ARN}i-{number}" for number in range(1, 5)]),
            st.just("decide"),
            st.sampled_from(["", "why"]),
            condition=st.sampled_from(["", *NAMES]),
        ),
        max_size=3,
    ).map(tuple),
    st.sampled_from(
        [
            None,
            ClusterObservation(NOW - 30, "i-2", RECORD.epoch, members=()),
            ClusterObservation(NOW - 300, "i-2", RECORD.epoch, members=()),
        ]
    ),
    st.just(Rows()),
)
IN_SLOTS = tuple(GroupInstance(f"i-{number}", "slot", CONTROL_PLANE_ROLE, "InService") for number in range(1, 5))
STATES = st.fixed_dictionaries(
    {f"i-{number}": st.sampled_from(["running", "terminated", None]) for number in range(1, 5)}
)
SNAPSHOTS = st.builds(
    Snapshot,
    st.just("i-1"),
    st.just(float(NOW)),
    st.just(AN_HOUR),
    TABLES,
    VIEWS.map(Known) | UNKNOWN,
    st.just(Known(IN_SLOTS)) | UNKNOWN,
    st.just(()),
    STATES.map(Known) | UNKNOWN,
    st.just(Known(Nodes(3, 3))) | UNKNOWN,
    st.just(()),
)


def decisions(snapshot: Snapshot) -> list[Action]:
    """What is decided at last, without words: a condition that is only worded anew is no decision."""
    lasting = Lasting()
    decide(replace(snapshot, steady=0.0), lasting)
    found = decide(snapshot, lasting)
    return [_plain(each) for each in found if not isinstance(each, SetCondition) or each.replaces is None]


def _plain(action: Action) -> Action:
    """The same without words. What is published of a member is for people."""
    if isinstance(action, Publish):
        return Publish(replace(action.observation, members=None))
    return blanked(action)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SNAPSHOTS, noise)
def test_words_change_nothing_that_the_leader_does(snapshot: Snapshot, texts: list[str]) -> None:
    for words in rewordings(texts):
        assert decisions(reworded(snapshot, words)) == decisions(snapshot)


@settings(max_examples=100, deadline=None)
@given(VIEWS.map(Known), noise)
def test_words_do_not_make_a_cluster_whole(seen: Known[EtcdView], texts: list[str]) -> None:
    for words in rewordings(texts):
        assert (why_not(reworded(seen, words).value, 3) is None) == (why_not(seen.value, 3) is None)
