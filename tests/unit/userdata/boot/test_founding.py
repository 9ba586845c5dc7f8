"""Founding from beginning to end, with a fault at every step: of the world only files and openssl are real."""

from __future__ import annotations

import itertools
import json
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest

from coordination.claims import claim_restoring
from coordination.outcomes import Done
from coordination.record import ClusterRecord, Phase
from coordination.timings import Timings
from tests.unit.userdata.boot.endings import at, other_ends_what_it_began, serves, sound
from tests.unit.userdata.boot.faults import ANCHORS, ME, OTHER, REFUSED, Crash, Fault, NeverEnds
from tests.unit.userdata.boot.world import World
from tests.unit.userdata.secrecy import all_files, leaks, pki_secrets, readable_files, texts
from tests.waiting import wait_for
from userdata.boot.end import End
from userdata.host.commands import Finished
from userdata.host.files import File, draft_of, private, write
from userdata.kubeadm.leftovers import KUBELET_CONFIGURATION_FILE, SUPER_ADMIN_FILE
from userdata.kubeadm.places import INIT_FILE
from userdata.pki.inspecting import ca_hashes

EVENTS = (
    "table: get cluster",
    "table: apply cluster",
    "keys: store 1",
    "table: apply cluster",
    "run: kubeadm init",
    "etcd: status",
    "table: transact cluster member#i-me",
    "table: get cluster",
    "machine: start kubelet",
    "api: own",
    "publish",
    "hook: complete",
    "stack: signal",
    "run: kubeadm init phase",
    "run: kubectl apply",
    "run: kubectl apply",
    "run: kubectl apply",
    "machine: start holdfast-agent.service",
    "table: get boot-failures#2",
)
"""All that a founder does, in this order."""
READY = EVENTS.index("table: transact cluster member#i-me")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that were made before: a founder makes others each time."""
    made = itertools.cycle(ANCHORS[:4])
    monkeypatch.setattr("userdata.boot.founding.new_pki", lambda now: next(made))


def test_a_founder_does_everything_once_and_in_this_order(world: World) -> None:
    assert world.boot() is End.SERVES
    assert tuple(world.events) == EVENTS
    sound(world)
    serves(world)
    assert world.record is not None
    assert world.record.ca_hashes == ",".join(ca_hashes(world.keys[1].cluster.certificates))
    assert world.record.kubernetes_version == "v1.37.2"


def test_each_stage_is_a_line_and_the_last_one_is_the_agents(world: World) -> None:
    world.boot()
    lines = [json.loads(line) for line in world.lines]
    assert {line["outcome"] for line in lines} == {"done"}
    assert [line["stage"] for line in lines] == [
        *(
            "etcd-disk",
            "tidy",
            "decide",
            "clean",
            "make-keys",
            "store-keys",
            "point-at-keys",
            "configure",
            "kubeadm-init",
            "identify",
        ),
        *("ready", "marker", "serve", "rights", "publish-join-data", "launch-hook", "signal", "add-ons"),
        "start-agent",
    ]


def test_no_secret_is_in_a_line_a_row_or_a_file_that_others_may_read(world: World, tmp_path: Path) -> None:
    tokens: list[str] = []

    def note(ended: Callable[[], bool]) -> None:
        (found,) = [path for path in tmp_path.rglob("*.json") if "bootstrapTokens" in path.read_text()]
        assert stat.S_IMODE(found.stat().st_mode) == 0o600
        tokens.append(json.loads(found.read_text().partition("---")[0])["bootstrapTokens"][0]["token"])

    world.in_kubeadm = note
    world.boot()
    (token,) = tokens
    assert leaks({"token": token}, all_files(tmp_path)) == []
    secrets = {**pki_secrets(world.keys[1]), "token": token}
    rows = json.dumps([world.table.stored(each) for each in ("cluster", "member#i-me")], default=str)
    places = [*texts(lines="\n".join(world.lines), rows=rows), *readable_files(tmp_path)]
    assert leaks(secrets, places) == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fault", [Fault.FAILS, Fault.LOST, Fault.CRASH])
@pytest.mark.parametrize("number", range(len(EVENTS)))
def test_whatever_fails_once_is_lost_or_ends_in_a_crash_the_cluster_is_founded(
    world: World, number: int, fault: Fault
) -> None:
    world.fault = at(number, fault)
    assert world.boots() is End.SERVES
    sound(world)
    serves(world)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("second", [Fault.LOST, Fault.CRASH])
@pytest.mark.parametrize("number", range(READY + 1))
def test_a_second_crash_or_lost_reply_right_after_a_crash_changes_nothing(
    world: World, number: int, second: Fault
) -> None:
    for distance in (1, 2, 3, 5):
        again = World(world.root / str(distance))
        again.fault = lambda index, event, distance=distance: (  # type: ignore[misc]
            {number: Fault.CRASH, number + distance: second}.get(index)
        )
        assert again.boots() is End.SERVES
        sound(again)
        serves(again)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("number", range(READY + 1))
def test_a_founder_that_was_taken_for_dead_leaves_the_next_epoch_to_its_owner(world: World, number: int) -> None:
    world.fault = at(number, Fault.TAKEN)
    world.while_asleep = other_ends_what_it_began(world)
    end = world.boots()
    sound(world)
    now = world.record
    assert now is not None
    assert now.owner == OTHER
    if world.has_data and "run: kubeadm join" not in world.events:
        # What it made is nobody's: it is never started again, and the instance goes.
        assert end is End.STOPPED
        assert "hook: abandon" in world.events
        assert world.row is None
    else:
        assert end is End.SERVES
        serves(world)


@pytest.mark.parametrize("init", [True, False], ids=["kubeadm", "keys"])
def test_what_fails_for_good_ends_with_a_claim_that_the_next_one_may_take_at_once(world: World, init: bool) -> None:
    if not init:
        # A restore finds no keys that are whole.
        lost = ClusterRecord("arn:stack", Phase.READY, 1, "i-lost", 3, 1, "a0", 1)
        world.table.store(claim_restoring(lost, ME, "nothing").record.item())
    world.fault = lambda index, event: Fault.ENDS if event in ("run: kubeadm init", "keys: read 1") else None
    assert world.boot() is End.FAILED
    sound(world)
    assert world.events[-1] == "hook: abandon"
    assert world.record is not None
    assert world.record.owner == ""
    assert world.events.count("run: kubeadm init") == int(init)


@pytest.mark.usefixtures("quick")
def test_a_stack_that_cannot_be_told_keeps_no_agent_waiting_and_is_told_in_the_end(world: World) -> None:
    agent = "machine: start holdfast-agent.service"
    world.fault = lambda _, event: Fault.FAILS if event == "stack: signal" and world.sleeps < 40 else None
    assert world.boot() is End.SERVES
    serves(world)
    after = world.events[world.events.index(agent) :]
    assert world.events.count(agent) == 1
    assert after.count("stack: signal") > 10
    assert world.sleeps == 40
    # The row does not go on about what is over.
    assert (world.told.stage, world.told.reason) == ("start-agent", "")


@pytest.mark.usefixtures("quick")
def test_a_member_in_service_whose_agent_does_not_start_is_not_given_up_whatever_failed_before(world: World) -> None:
    agent = "machine: start holdfast-agent.service"
    inits = "run: kubeadm init"

    def fails(_: int, event: str) -> Fault | None:
        if event == inits and world.events.count(inits) <= 2:
            return Fault.FAILS
        return Fault.FAILS if event == agent and world.events.count(agent) <= 4 else None

    world.fault = fails
    assert world.boot() is End.SERVES
    assert "hook: abandon" not in world.events
    serves(world)


@pytest.mark.usefixtures("quick")
def test_add_ons_that_cannot_be_installed_are_left_to_the_agents(world: World) -> None:
    event = "run: kubectl apply"
    world.fault = lambda _, happens: Fault.FAILS if happens == event else None
    assert world.boot() is End.SERVES
    serves(world)
    assert any("left to the agents" in line for line in world.lines)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("doubtful", [1, 9, 10])
def test_a_launch_hook_that_is_abandoned_without_an_answer_is_abandoned_again(world: World, doubtful: int) -> None:
    def fault(_: int, event: str) -> Fault | None:
        if event == "run: kubeadm init":
            return Fault.ENDS
        return Fault.FAILS if event == "hook: abandon" and world.events.count(event) <= doubtful else None

    world.fault = fault
    # After ten tries it is left to run out.
    assert world.boot() is End.FAILED
    assert world.events.count("hook: abandon") == min(doubtful + 1, 10)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("what", ["run: kubeadm init", "keys: store"])
def test_after_three_failures_the_place_is_given_up_and_nothing_runs(world: World, what: str) -> None:
    fault = Fault.FAILS if what.startswith("run") else Fault.ENDS
    world.fault = lambda index, event: fault if event.startswith(what) else None
    assert world.boot() is End.FAILED
    sound(world)
    assert len([event for event in world.events if event.startswith(what)]) == 3
    assert [epoch for epoch, _ in world.claims] == [1, 2, 3]
    stopped, given_up, abandoned = world.events[-4], world.events[-2], world.events[-1]
    assert (stopped, given_up, abandoned) == ("machine: stop", "table: apply cluster", "hook: abandon")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fails", [False, True])
def test_what_kubeadm_founds_with_is_spent_however_it_ends(world: World, *, fails: bool) -> None:
    def init(ended: Callable[[], bool]) -> Finished | None:
        write(world.root, {SUPER_ADMIN_FILE: private("system:masters"), KUBELET_CONFIGURATION_FILE: File("{}")})
        return Finished(1, REFUSED) if fails else None

    world.in_kubeadm = init
    assert world.boot() is (End.FAILED if fails else End.SERVES)
    for spent in (INIT_FILE, SUPER_ADMIN_FILE):
        assert not (world.root / spent.lstrip("/")).exists()
    assert stat.S_IMODE((world.root / KUBELET_CONFIGURATION_FILE.lstrip("/")).stat().st_mode) == 0o600


@pytest.mark.usefixtures("quick")
def test_a_machine_that_went_down_in_the_middle_of_kubeadm_keeps_no_secret(world: World) -> None:
    draft = draft_of(world.root / INIT_FILE.lstrip("/"))
    super_admin = world.root / SUPER_ADMIN_FILE.lstrip("/")

    def init(ended: Callable[[], bool]) -> None:
        write(world.root, {SUPER_ADMIN_FILE: private("")})
        draft.write_text("")
        world.in_kubeadm = lambda ended: None
        raise Crash

    world.in_kubeadm = init
    left: list[bool] = []
    world.fault = lambda number, event: left.append(super_admin.exists() or draft.exists())
    assert world.boots() is End.SERVES
    assert world.claims == [(1, ME), (2, ME)]
    # Gone before the machine does anything else.
    assert not any(left)


@pytest.mark.usefixtures("quick")
def test_no_two_epochs_found_etcd_with_the_same_token(world: World) -> None:
    tokens: list[str] = []

    def note(ended: Callable[[], bool]) -> Finished | None:
        told = (world.root / INIT_FILE.lstrip("/")).read_text()
        (cluster,) = [part for part in map(json.loads, told.split("---\n")) if part["kind"] == "ClusterConfiguration"]
        given = {each["name"]: each["value"] for each in cluster["etcd"]["local"]["extraArgs"]}
        tokens.append(given["initial-cluster-token"])
        return Finished(1, REFUSED) if len(tokens) == 1 else None

    world.in_kubeadm = note
    assert world.boot() is End.SERVES
    assert tokens == ["uuid-1", "uuid-2"]


@pytest.mark.usefixtures("quick")
def test_a_founder_starts_nothing_of_a_cluster_whose_deletion_began_as_soon_as_it_was_ready(world: World) -> None:
    def deleted(index: int, event: str) -> Fault | None:
        if index == READY + 1:
            assert world.record is not None
            world.table.store(replace(world.record, phase=Phase.DELETING).item())
        return None

    world.fault = deleted
    assert world.boot() is End.STOPPED
    assert "machine: start kubelet" not in world.events


def test_another_node_founds_in_the_epoch_after_the_one_that_was_given_up(world: World) -> None:
    world.table.store(ClusterRecord("arn:stack", Phase.CLAIMED, 4, "", 9).item())
    assert world.boot() is End.SERVES
    serves(world)
    assert world.claims == [(5, ME)]


@pytest.fixture
def short() -> Timings:
    """A lease that is over in a moment."""
    return Timings(lease=0.3, renew=0.02, found=60, join=60)


def test_a_founder_that_loses_its_claim_while_kubeadm_works_ends_kubeadm_and_gives_up_nothing_of_others(
    world: World, short: Timings
) -> None:
    world.timings = short

    def hang(ended: Callable[[], bool]) -> Finished | None:
        world.in_kubeadm = lambda _: None
        world.other_claims()
        wait_for(ended, "the end of kubeadm")
        return Finished(None, f"{REFUSED}\nkubeadm: it was ended, because the stage must not go on")

    world.in_kubeadm = hang
    world.while_asleep = other_ends_what_it_began(world)
    assert world.boot() is End.SERVES
    serves(world)
    assert [owner for _, owner in world.claims] == [ME, OTHER]
    assert any("the claim of epoch 1 is lost: another owner has taken it" in line for line in world.lines)


def test_a_founder_that_was_frozen_for_longer_than_a_lease_claims_anew_and_starts_over(world: World) -> None:
    # Long beside a stall of a busy machine, in which the second claim would be lost, too.
    world.timings = Timings(lease=3, renew=0.1, found=60, join=60)

    def freeze(ended: Callable[[], bool]) -> Finished | None:
        world.in_kubeadm = lambda _: None
        world.cut_off = True
        wait_for(ended, "the loss of the claim")
        world.cut_off = False
        # It finishes what it was about to do, and is then asked whether it still may.
        return None

    world.in_kubeadm = freeze
    assert world.boot() is End.SERVES
    sound(world)
    serves(world)
    assert world.claims == [(1, ME), (2, ME)]


def test_a_restore_from_nothing_keeps_the_keys_of_the_cluster_that_was_lost(world: World) -> None:
    world.keys[1] = ANCHORS[0]
    lost = ClusterRecord("arn:stack", Phase.READY, 1, "i-lost", 3, 1, "a0", 1)
    world.table.store(replace(claim_restoring(lost, ME, "nothing").record, ca_hashes="sha256:kept").item())
    assert world.boot() is End.SERVES
    sound(world)
    serves(world)
    now = world.record
    assert now is not None
    assert (now.pki_epoch, now.ca_hashes, now.restore_from, now.epoch) == (1, "sha256:kept", "", 3)
    assert not [event for event in world.events if event.startswith("keys: store")]
    assert (world.root / "etc/kubernetes/pki/ca.crt").read_text() == ANCHORS[0].cluster.bundle


def test_an_image_that_cannot_restore_says_so_and_leaves_it_to_another_one(world: World) -> None:
    lost = ClusterRecord("arn:stack", Phase.READY, 1, "i-lost", 3, 1, "a0", 1)
    world.table.store(claim_restoring(lost, ME, "backup-7").record.item())
    assert world.boot() is End.FAILED
    sound(world)
    now = world.record
    assert now is not None
    assert (now.phase, now.owner, now.restore_from) == (Phase.RESTORING, "", "backup-7")
    assert "this image cannot restore from backup-7" in world.lines[-1]


def test_rights_are_given_before_workers_are_told_how_to_join(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def install(administrator: object) -> Done:
        seen.extend(world.events)
        return Done()

    monkeypatch.setattr("userdata.kube.rights.install", install)
    world.boot()
    assert seen
    assert "publish" not in seen


@pytest.mark.parametrize("earlier", [1, 2])
def test_the_third_failed_boot_of_a_slot_within_an_hour_waits_for_a_person(world: World, earlier: int) -> None:
    now = int(time.time())
    before = {f"i-before{number}": now for number in range(earlier)}
    served = {"ServedAt": now - 3000}
    world.table.store({"Id": "boot-failures#2", "i-long-ago": now - 3600, **served, **before})
    # Of another slot, and what a worker says of itself: neither counts.
    world.table.store({"Id": "boot-failures#1", "i-one": now, "i-two": now})
    for number in range(3):
        said = {"Stage": "launch-abandoned", "Place": "2", "FailedAt": now}
        world.table.store({"Id": f"boot#arn:aws:ec2:us-east-1:123456789012:instance/i-worker{number}", **said})
    world.fault = lambda index, event: Fault.ENDS if event == "run: kubeadm init" else None
    if earlier == 1:
        assert world.boot() is End.FAILED
        assert world.events[-1] == "hook: abandon"
        assert world.table.stored("boot-failures#2") == {"Id": "boot-failures#2", "i-me": ANY, **served, **before}
        return
    with pytest.raises(NeverEnds):
        world.boot()
    assert "hook: abandon" not in world.events
    assert "machine: stop" in world.events
    condition = world.table.stored("condition#BootFailed/slot-2")
    assert condition is not None
    assert "i-before0, i-before1, i-me" in str(condition["Reason"])
    # Its instance is protected against EC2's own call.
    ends = "terminate-instance-in-auto-scaling-group --instance-id i-me --no-should-decrement-desired-capacity"
    assert str(condition["NextStep"]).endswith(f": aws autoscaling {ends}")
    assert world.told.condition == "BootFailed/slot-2"
    # Nobody has to wait for this node: its claim is released.
    assert world.record is not None
    assert world.record.owner == ""


@pytest.mark.parametrize("serves_between", [False, True])
def test_the_third_failed_boot_of_a_slot_in_a_row_waits_for_a_person_however_long_each_took(
    world: World, serves_between: bool
) -> None:
    before = {"i-before0": int(time.time()) - 9000, "i-before1": int(time.time()) - 5000}
    world.table.store({"Id": "boot-failures#2", **before})
    if serves_between:
        assert world.boot() is End.SERVES
        assert world.table.stored("boot-failures#2") == {"Id": "boot-failures#2", "ServedAt": ANY, **before}
        return
    world.fault = lambda index, event: Fault.ENDS if event == "run: kubeadm init" else None
    with pytest.raises(NeverEnds):
        world.boot()
    condition = world.table.stored("condition#BootFailed/slot-2")
    assert condition is not None
    assert "3 boots of slot 2 failed in a row (i-before0, i-before1, i-me)" in str(condition["Reason"])


def test_a_boot_that_serves_stores_nothing_where_none_has_failed(world: World) -> None:
    assert world.boot() is End.SERVES
    assert world.table.stored("boot-failures#2") is None
