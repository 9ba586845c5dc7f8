"""Figures of boots by the lines of their stages, which are written by the nodes' own log with clocks moved by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.boots import boot_cpu, three_voters
from tests.e2e.harness import Json
from userdata.logs.lines import Clocks, Log, StageFailed


@dataclass
class Node:
    """A node whose boot began at a moment."""

    at: float = 1_800_000_000.0
    computed: float = 0.0
    lines: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        clocks = Clocks(wall=lambda: self.at, steady=lambda: self.at, computed=lambda: self.computed)
        self.log = Log(lambda line: self.lines.append(json.loads(line)), clocks)

    def stage(self, name: str, seconds: float, *, waits: float = 0, fails: bool = False) -> Node:
        """Go through a stage, after a wait in it that is told."""
        try:
            with self.log.stage(name) as told:
                if waits:
                    self.at += waits
                    told.wait("for something")
                self.at += seconds
                if fails:
                    raise StageFailed("as the test wants it")
        except StageFailed:
            pass
        return self

    def boot(self, cpu_seconds: float) -> Node:
        """Say that a boot is over, which has computed so long."""
        self.computed = cpu_seconds
        with self.log.stage("boot", whole=True):
            pass
        return self


def logs(*nodes: Node) -> dict[str, Sequence[Json]]:
    """The nodes' lines by their names."""
    return {f"i-{number}": node.lines for number, node in enumerate(nodes)}


def test_the_cpu_of_a_boot_is_that_of_the_node_that_computed_longest() -> None:
    assert boot_cpu(logs(Node().boot(0.5), Node().boot(1.25), Node().boot(0.75))) == {
        "boots": 3,
        "boot_cpu_seconds": 1.25,
        "boot_cpu_seconds_each": [0.5, 0.75, 1.25],
    }


def test_of_a_node_that_booted_twice_the_last_boot_counts() -> None:
    assert boot_cpu(logs(Node().boot(3.0).boot(0.5)))["boot_cpu_seconds_each"] == [0.5]


def test_a_stage_of_a_boot_is_not_taken_for_the_boot() -> None:
    node = Node()
    node.computed = 9.0
    assert boot_cpu(logs(node.stage("boot-row", 1).boot(0.5)))["boot_cpu_seconds"] == 0.5


def test_three_voters_are_there_when_the_last_one_is_and_kubeadms_time_is_everybodys() -> None:
    founder = Node(at=100).stage("identity", 1).stage("kubeadm-init", 20).stage("ready", 1)
    second = Node(at=101).stage("identity", 1).stage("gate", 20).stage("kubeadm-join", 10).stage("voter-row", 1)
    third = Node(at=99).stage("identity", 1).stage("gate", 33).stage("kubeadm-join", 11).stage("voter-row", 2)
    assert three_voters(logs(founder, second, third)) == {
        "three_voters_seconds": 47.0,
        "kubeadm_seconds": 41.0,
        "beyond_kubeadm_seconds": 6.0,
    }


def test_it_begins_with_the_first_stage_and_not_when_that_has_ended() -> None:
    assert three_voters(logs(Node(at=100).stage("identity", 5).stage("ready", 1)))["three_voters_seconds"] == 6.0


def test_what_follows_a_voter_does_not_count() -> None:
    node = Node().stage("kubeadm-init", 4).stage("ready", 1).stage("serve", 30).stage("signal", 5)
    assert three_voters(logs(node))["three_voters_seconds"] == 5.0


def test_a_wait_in_kubeadms_stage_is_told_on_the_way_and_counted_once() -> None:
    node = Node().stage("kubeadm-join", 4, waits=3).stage("voter-row", 1)
    assert [line["outcome"] for line in node.lines] == ["waiting", "done", "done"]
    assert three_voters(logs(node))["kubeadm_seconds"] == 7.0


def test_a_kubeadm_that_failed_has_taken_its_time_as_well() -> None:
    node = Node().stage("kubeadm-join", 4, fails=True).stage("kubeadm-join", 3).stage("voter-row", 1)
    assert three_voters(logs(node)) == {
        "three_voters_seconds": 8.0,
        "kubeadm_seconds": 7.0,
        "beyond_kubeadm_seconds": 1.0,
    }


def test_without_a_node_that_became_a_voter_there_is_no_figure() -> None:
    with pytest.raises(ValueError, match="empty"):
        three_voters(logs(Node().stage("ready", 1), Node().stage("kubeadm-join", 4)))


SECONDS = st.floats(0, 100).map(lambda seconds: round(seconds, 3))
NODES = st.lists(st.tuples(SECONDS, SECONDS, SECONDS), min_size=1, max_size=5)


@given(drawn=NODES, later=st.integers(0, 10_000))
def test_figures_add_up_and_depend_on_neither_the_day_nor_the_order_of_the_nodes(
    drawn: list[tuple[float, float, float]], later: int
) -> None:
    def nodes(begin: float) -> list[Node]:
        return [Node(at=begin + start).stage("kubeadm-join", ran).stage("voter-row", row) for start, ran, row in drawn]

    found = three_voters(logs(*nodes(1000)))
    whole, kubeadm = found["three_voters_seconds"], found["kubeadm_seconds"]
    assert found["beyond_kubeadm_seconds"] == pytest.approx(whole - kubeadm, abs=0.02)
    assert whole >= max(ran + row for _, ran, row in drawn) - 0.02
    assert three_voters(logs(*reversed(nodes(1000 + later)))) == pytest.approx(found, abs=0.02)
