"""When the leading agent says that a cluster exists, and for how long it goes on saying so; and missing add-ons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from coordination.names import Addon
from coordination.outcomes import Done, Known, NoOp, Reading, Request, Unknown
from tests.unit.userdata.agent.looks import THREE, etcd_member, view
from userdata.addons.content import Addons, Record
from userdata.agent import addons
from userdata.agent.cluster_ready import PATIENCE_SECONDS, ClusterReadySignal, task, why_not
from userdata.etcd.view import EtcdView
from userdata.kubeadm.documents import Document
from userdata.logs.lines import StageFailed

WHOLE = view(*THREE)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (WHOLE, None),
        (view(*THREE[:2]), "etcd has 2 voters for 3 slots"),
        (view(*THREE, etcd_member(4, learner=True)), "a member of etcd is not a voter yet"),
        (view(*THREE, etcd_member(4, name="")), "a member of etcd is not a voter yet"),
        (view(*THREE, problems={2: "it is not healthy"}), "it is not healthy"),
        (view(*THREE, etcd_member(4)), None),
    ],
    ids=["whole", "a slot without a voter", "a learner", "one that never started", "a problem", "one more"],
)
def test_a_cluster_is_whole_once_every_slot_has_a_healthy_voter(seen: EtcdView, why: str | None) -> None:
    assert why_not(seen, 3) == why


class Stack:
    """What the agent sees, and what becomes of its signal."""

    def __init__(self) -> None:
        self.seen: Reading[EtcdView] = Known(WHOLE)
        self.answer: Request = NoOp("the stack does not wait for ClusterReady")
        self.now = 0.0
        self.signals = 0
        self.announcing = ClusterReadySignal(3, lambda: self.seen, self._signal, lambda: self.now)

    def _signal(self) -> Request:
        self.signals += 1
        return self.answer


@pytest.fixture
def stack() -> Stack:
    return Stack()


def test_a_cluster_is_announced_once(stack: Stack) -> None:
    stack.answer = Done()
    assert stack.announcing.run() == "signalled ClusterReady: all 3 slots have healthy voters"
    assert stack.announcing.run() == ""
    assert stack.signals == 1


def test_nothing_is_announced_while_a_slot_lacks_its_voter_or_nobody_knows(stack: Stack) -> None:
    stack.seen = Known(view(*THREE[:2]))
    assert stack.announcing.run() == ""
    stack.seen = Unknown("member list: TimeoutError")
    with pytest.raises(StageFailed, match="TimeoutError"):
        stack.announcing.run()
    assert stack.signals == 0


def test_a_stack_that_does_not_wait_yet_is_told_again_until_it_does(stack: Stack) -> None:
    for _ in range(5):
        assert stack.announcing.run() == ""
    stack.answer = Unknown("SignalResource: Throttling")
    with pytest.raises(StageFailed, match="Throttling"):
        stack.announcing.run()
    stack.answer = Done()
    assert stack.announcing.run() != ""
    assert stack.signals == 7


def test_the_agent_of_an_old_cluster_asks_no_more(stack: Stack) -> None:
    stack.announcing.run()
    stack.now = PATIENCE_SECONDS
    stack.announcing.run()
    stack.now += 1
    stack.announcing.run()
    assert stack.signals == 3
    stack.announcing.run()
    assert stack.signals == 3


def test_patience_begins_when_the_cluster_is_whole_and_not_with_the_agent(stack: Stack) -> None:
    stack.seen = Known(view(*THREE[:2]))
    stack.announcing.run()
    stack.now = 2 * PATIENCE_SECONDS
    stack.seen = Known(WHOLE)
    stack.announcing.run()
    stack.now += 1
    stack.announcing.run()
    assert stack.signals == 2


def test_only_the_leader_announces(stack: Stack) -> None:
    assert task(stack.announcing).leader_only


RECORD = Record("v1.37.2", "0a1b")
INSTALLED = Done()


METRICS, VOLUMES = Addon.METRICS_SERVER, Addon.EBS_CSI
NAMES = {METRICS: "40-metrics-server.json", VOLUMES: "45-ebs-csi.json"}


def add_ons(
    installed: Reading[Record | None],
    outcome: Done | Unknown = INSTALLED,
    asked: frozenset[Addon] = frozenset(),
    more: list[Addons] | None = None,
) -> tuple[str, int]:
    """What the task says, and how often it installed everything; `more` gets what it installed besides."""
    installs: list[Addons] = []

    def into(found: list[Addons]) -> Callable[[Addons], Done | Unknown]:
        def install(wanted: Addons) -> Done | Unknown:
            found.append(wanted)
            return outcome

        return install

    documents: dict[str, Document] = {NAMES[each]: {"kind": "List"} for each in asked}
    wanted = Addons(documents, False, replace(RECORD, addons=asked))
    besides = into([] if more is None else more)
    said = addons.task(lambda: asked, lambda: wanted, lambda: installed, into(installs), besides).run()
    return said, len(installs)


def test_add_ons_that_were_installed_are_left_alone_whichever_they_are() -> None:
    assert add_ons(Known(Record("v1.36.0", "other"))) == ("", 0)


def test_add_ons_that_a_founder_left_out_are_installed() -> None:
    assert add_ons(Known(None)) == ("installed the add-ons of v1.37.2", 1)


def test_an_add_on_that_the_settings_have_by_now_is_installed_and_nothing_else() -> None:
    had = Record("v1.37.2", "as it was", frozenset({METRICS}))
    more: list[Addons] = []
    said = add_ons(Known(had), asked=frozenset({METRICS, VOLUMES}), more=more)
    assert said == ("installed ebs-csi", 0)
    (found,) = more
    assert set(found.documents) == {NAMES[VOLUMES]}
    assert found.record == replace(had, addons=frozenset({METRICS, VOLUMES}))


@pytest.mark.parametrize(
    ("had", "asked"),
    [
        (Record("v1.37.2", "", frozenset({METRICS, VOLUMES})), frozenset({METRICS})),
        # A newer image's agent will; this one's manifests would be older than what is there.
        (Record("v1.38.0", ""), frozenset({METRICS})),
    ],
)
def test_nothing_is_installed_that_is_there_or_is_a_newer_images(had: Record, asked: frozenset[Addon]) -> None:
    more: list[Addons] = []
    assert add_ons(Known(had), asked=asked, more=more) == ("", 0)
    assert more == []


def test_add_ons_of_which_nobody_knows_are_not_installed_and_a_failure_is_told() -> None:
    with pytest.raises(StageFailed, match="refused"):
        add_ons(Unknown("the record of add-ons: connection refused"))
    with pytest.raises(StageFailed, match="coredns"):
        add_ons(Known(None), Unknown("kubeadm's add-ons: coredns"))
