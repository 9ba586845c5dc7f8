"""A worker's boot that is interrupted by reboots, and a stack that cannot be told of a Ready node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.userdata.boot.signing_api import SigningApi
from tests.unit.userdata.boot.test_worker import EVENTS
from tests.unit.userdata.boot.worker_endings import SIGNAL, gave_up, serves
from tests.unit.userdata.boot.worker_world import BOOTSTRAP_FILE, KUBELET_FILE, WorkerWorld, placed
from tests.unit.userdata.boot.world import Crash, Fault
from userdata.boot.control_plane import FAILED, SERVES

RESUMED = ("machine: start kubelet", "run: kubectl get node", "stack: signal")
"""All that a worker does that has joined before."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SigningApi, str]]:
    """An API server, and its URL."""
    api = SigningApi()
    with api.serving(tmp_path_factory.mktemp("api")) as server:
        yield api, server


@pytest.fixture
def world(api: tuple[SigningApi, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerWorld:
    """A fresh worker of a cluster that serves."""
    return placed(WorkerWorld(tmp_path, *api), monkeypatch)


def one_key(world: WorkerWorld) -> None:
    """A worker that was interrupted asks for the key that may be approved already: agents approve no second one."""
    assert len([name for name in world.secrets if name.startswith("key")]) == 1
    assert len(world.api.stored) == 1


# reboots


def crashes_at(world: WorkerWorld, event: str) -> int:
    """Boot until that happens; how many events there were."""
    world.fault = lambda number, happening: Fault.CRASH if happening == event else None
    with pytest.raises(Crash):
        world.boot()
    world.reboot()
    world.fault = lambda number, happening: None
    return len(world.events)


def test_a_worker_that_was_rebooted_while_it_waited_publishes_the_same_key_again_and_asks_by_the_same_name(
    world: WorkerWorld,
) -> None:
    before = crashes_at(world, "api: look")
    fingerprint = world.fingerprint
    assert world.boots() == SERVES
    serves(world)
    one_key(world)
    assert world.fingerprint == fingerprint
    assert tuple(world.events[before:]) == EVENTS


def test_after_a_reboot_in_kubeadm_what_it_left_is_reset_and_the_same_certificate_serves(world: WorkerWorld) -> None:
    before = crashes_at(world, "kubelet: asks")
    assert (world.has(BOOTSTRAP_FILE), world.has(KUBELET_FILE)) == (True, False)
    assert world.boots() == SERVES
    serves(world)
    one_key(world)
    assert world.events[before:].count("machine: reset") == 1


def test_after_a_reboot_once_the_kubelet_has_its_own_certificate_nothing_is_asked_or_joined_again(
    world: WorkerWorld,
) -> None:
    before = crashes_at(world, "kubeadm: ends")
    assert world.boots() == SERVES
    serves(world)
    assert tuple(world.events[before:]) == RESUMED


def test_a_node_in_service_needs_neither_record_nor_join_data_to_come_back_after_a_reboot(world: WorkerWorld) -> None:
    assert world.boots() == SERVES
    before = len(world.events)
    world.reboot()
    world.parameters.pop("/h/join/data")
    world.deletion_begins()
    assert world.boots() == SERVES
    serves(world)
    assert tuple(world.events[before:]) == RESUMED
    assert world.signals == [SIGNAL, SIGNAL]


@pytest.mark.parametrize("event", ["machine: start kubelet", "run: kubectl get node"])
def test_a_node_that_does_not_come_back_after_a_reboot_gives_up_its_place(world: WorkerWorld, event: str) -> None:
    assert world.boots() == SERVES
    world.reboot()
    world.signals.clear()
    world.fault = lambda number, happening: Fault.FAILS if happening == event else None
    assert world.boots() == FAILED
    gave_up(world, "start kubelet" if event.startswith("machine") else "the other side did not answer")


# the signal


@pytest.mark.parametrize("rebooted", [False, True], ids=["that has just joined", "that was rebooted"])
def test_a_ready_node_is_not_given_up_because_its_stack_cannot_be_told(world: WorkerWorld, rebooted: bool) -> None:
    if rebooted:
        assert world.boots() == SERVES
        world.reboot()
        world.signals.clear()
    told = world.events.count("stack: signal")

    def out_of_reach(number: int, event: str) -> Fault | None:
        return Fault.FAILS if event == "stack: signal" and world.events.count(event) < told + 40 else None

    world.fault = out_of_reach
    assert world.boots() == SERVES
    serves(world)
    assert world.signals == [SIGNAL]
    assert "SignalResource: ReadTimeoutError" in world.reasons()
