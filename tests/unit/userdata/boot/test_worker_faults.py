"""A worker's boot with a fault at every step, reboots in the middle of it, and what a failed join leaves behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.userdata.boot.endings import at
from tests.unit.userdata.boot.faults import Crash, Fault
from tests.unit.userdata.boot.signing_api import SigningApi
from tests.unit.userdata.boot.signing_api import place as place  # a fixture
from tests.unit.userdata.boot.test_worker import EVENTS
from tests.unit.userdata.boot.worker_endings import gave_up, keeps_no_secret, serves
from tests.unit.userdata.boot.worker_world import CA_FILE, WorkerWorld, placed
from tests.unit.userdata.boot.worker_world import world as world  # a fixture
from userdata.boot.bootstrap_csr import KEY_FILE
from userdata.boot.end import End
from userdata.kubeadm.places import BOOTSTRAP_FILE, DISCOVERY_FILE, JOIN_FILE, KUBELET_FILE

FAULTS = (Fault.FAILS, Fault.LOST, Fault.CRASH)
RESUMED = ("machine: start kubelet", "run: kubectl get node")
"""All that a worker does that has joined before."""
POINTS = [
    (number, fault)
    for number, event in enumerate(EVENTS)
    for fault in FAULTS
    if event != "kubeadm: ends" or fault is Fault.CRASH
]
AGAIN = st.dictionaries(
    st.tuples(st.sampled_from(EVENTS), st.integers(1, 2)), st.sampled_from(FAULTS), min_size=2, max_size=8
)
"""What becomes of which event when it happens the first time, or the second; all of it takes less than SECONDS."""


def one_key(world: WorkerWorld) -> None:
    """A worker that was interrupted asks for the key that may be approved already: agents approve no second one."""
    assert len([name for name in world.secrets if name.startswith("key")]) == 1
    assert len(world.api.stored) == 1


@pytest.mark.parametrize(("number", "fault"), POINTS)
def test_whatever_fails_once_is_lost_or_ends_in_a_crash_the_worker_joins_with_one_key(
    world: WorkerWorld, number: int, fault: Fault
) -> None:
    world.fault = at(number, fault)
    assert world.boots() is End.SERVES
    serves(world)
    one_key(world)
    keeps_no_secret(world)


@settings(deadline=None, max_examples=20)
@given(faults=AGAIN)
def test_whatever_fails_again_and_again_the_worker_joins_with_one_key(
    place: tuple[SigningApi, str], faults: Mapping[tuple[str, int], Fault]
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        world = placed(WorkerWorld(Path(folder), *place), patch)
        world.fault = lambda number, event: faults.get((event, world.events.count(event)))
        assert world.boots() is End.SERVES
        serves(world)
        one_key(world)
        keeps_no_secret(world)


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
    assert world.boots() is End.SERVES
    serves(world)
    one_key(world)
    assert world.fingerprint == fingerprint
    assert tuple(world.events[before:]) == EVENTS


def test_after_a_reboot_in_kubeadm_what_it_left_is_reset_and_the_same_certificate_serves(world: WorkerWorld) -> None:
    before = crashes_at(world, "kubelet: asks")
    assert (world.has(BOOTSTRAP_FILE), world.has(KUBELET_FILE)) == (True, False)
    assert world.boots() is End.SERVES
    serves(world)
    one_key(world)
    assert world.events[before:].count("machine: reset") == 1


def test_after_a_reboot_once_the_kubelet_has_its_own_certificate_nothing_is_asked_or_joined_again(
    world: WorkerWorld,
) -> None:
    before = crashes_at(world, "kubeadm: ends")
    assert world.boots() is End.SERVES
    serves(world)
    keeps_no_secret(world)
    assert tuple(world.events[before:]) == RESUMED


def test_a_node_in_service_needs_neither_record_nor_join_data_to_come_back_after_a_reboot(world: WorkerWorld) -> None:
    assert world.boots() is End.SERVES
    before = len(world.events)
    world.reboot()
    world.parameters.pop("/h/join/data")
    world.deletion_begins()
    assert world.boots() is End.SERVES
    serves(world)
    assert tuple(world.events[before:]) == RESUMED


@pytest.mark.parametrize("event", ["machine: start kubelet", "run: kubectl get node"])
def test_a_node_that_does_not_come_back_after_a_reboot_gives_up_its_place(world: WorkerWorld, event: str) -> None:
    assert world.boots() is End.SERVES
    world.reboot()
    world.fault = lambda number, happening: Fault.FAILS if happening == event else None
    assert world.boots() is End.FAILED
    gave_up(world, "start kubelet" if event.startswith("machine") else "the other side did not answer")


# joins that failed


@pytest.mark.parametrize("crashes", [False, True], ids=["", "and a reboot"])
@pytest.mark.parametrize("fault", [Fault.FAILS, Fault.LOST], ids=["that gave up by itself", "that was ended"])
def test_a_join_is_tried_again_after_a_reset_of_what_was_left_by_a_kubeadm(
    world: WorkerWorld, fault: Fault, crashes: bool
) -> None:
    def faults(number: int, event: str) -> Fault | None:
        happened = world.events.count(event)
        if (event, happened) == ("machine: reset", 1) and crashes:
            return Fault.CRASH
        return fault if (event, happened) == ("kubelet: asks", 1) else None

    world.fault = faults
    assert world.boots() is End.SERVES
    serves(world)
    one_key(world)
    assert world.events.count("run: kubeadm join") == 2


def test_a_join_that_has_begun_nothing_is_tried_again_without_a_reset(world: WorkerWorld) -> None:
    world.fault = at(EVENTS.index("run: kubeadm join"), Fault.FAILS)
    assert world.boots() is End.SERVES
    assert "machine: reset" not in world.events


def test_a_machine_that_cannot_be_reset_gives_up_its_place(world: WorkerWorld) -> None:
    faults = {"kubelet: asks": Fault.LOST, "machine: reset": Fault.FAILS}
    world.fault = lambda number, event: faults.get(event)
    assert world.boots() is End.FAILED
    gave_up(world, "kubeadm reset: as the test wants it")
    assert world.has(CA_FILE)


# the disk


def in_the_way(world: WorkerWorld, path: str) -> Path:
    """A folder in place of a file, which can be neither written nor removed."""
    folder = world.root / path.lstrip("/")
    folder.unlink(missing_ok=True)
    (folder / "in-the-way").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("path", [DISCOVERY_FILE, JOIN_FILE])
def test_where_kubeadms_files_cannot_be_written_they_are_written_again_as_soon_as_they_can(
    world: WorkerWorld, path: str
) -> None:
    folder = in_the_way(world, path)
    naps: list[float] = []

    def freed() -> None:
        naps.append(world.now)
        if len(naps) == 3:
            shutil.rmtree(folder)

    world.while_asleep = freed
    assert world.boots() is End.SERVES
    serves(world)
    one_key(world)
    (told,) = world.reasons()
    assert told.startswith("what kubeadm needs cannot be written: [Errno ")


@pytest.mark.parametrize("path", [DISCOVERY_FILE, JOIN_FILE])
def test_where_kubeadms_files_can_never_be_written_the_place_is_given_up_in_the_end(
    world: WorkerWorld, path: str
) -> None:
    in_the_way(world, path)
    assert world.boots() is End.FAILED
    gave_up(world, "what kubeadm needs cannot be written: [Errno ")
    assert "run: kubeadm join" not in world.events


@pytest.mark.parametrize("path", [KEY_FILE, DISCOVERY_FILE])
def test_a_ready_node_whose_first_key_cannot_be_removed_says_so_and_serves(world: WorkerWorld, path: str) -> None:
    def blocked(number: int, event: str) -> None:
        if event == "kubeadm: ends":
            in_the_way(world, path)

    world.fault = blocked
    assert world.boots() is End.SERVES
    serves(world)
    (told,) = filter(None, world.reasons("done"))
    assert told.startswith("the first key could not be removed everywhere: [Errno ")
    assert ("not everything could be tidied: [Errno " in told) == (path == DISCOVERY_FILE)
    keeps_no_secret(world)
