"""Founding: the rules hold in every state of small models, and each wrong rule is caught by the sentence it breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from coordination import claims, lease_watch, termination
from coordination.claims import Claim
from coordination.record import ClusterRecord
from coordination.writes import Transaction
from tests.model import founding, node_steps
from tests.model.explorer import NO_PROGRESS, Step, explore
from tests.model.founding import Founding
from tests.model.mutations import Watched, decide, mutate_decide, without
from tests.model.node_steps import NOT_WIPED
from tests.model.records import FINAL, FORWARD, ONE_OWNER
from tests.model.suite import FOUNDING_QUICK
from tests.model.world import Faults
from userdata.boot import decide as boot
from userdata.boot import restore
from userdata.boot.actions import AbandonLaunch, Action, Resume, TakeClaim, Wait
from userdata.boot.snapshot import Snapshot


@pytest.mark.parametrize("name", FOUNDING_QUICK)
def test_founding_keeps_every_promise(name: str) -> None:
    result = explore(FOUNDING_QUICK[name])
    assert result.complete
    assert result.violation is None, str(result.violation)


def caught(faults: Faults, nodes: int = 2, hooks_run_out: bool = True, only: str = "") -> str:
    """The sentence that a model breaks; with `only` no other one is looked at."""
    model = Founding(faults, nodes, hooks_run_out)
    wanted = {what: holds for what, holds in model.invariants.items() if only in ("", what)}
    result = explore(Watched(model, wanted), most_states=200_000)
    assert result.violation is not None, f"{result.states} states, and nothing was caught"
    return str(result.violation.what)


def mutate_claim(monkeypatch: pytest.MonkeyPatch, change: Callable[[ClusterRecord, Claim], Claim]) -> None:
    monkeypatch.setattr(boot, "claim_next", lambda seen, owner: change(seen, claims.claim_next(seen, owner)))


def mutate_ready(monkeypatch: pytest.MonkeyPatch, *unconditional: str) -> None:
    ready = claims.ready

    def wrong(*arguments: Any) -> Transaction:
        first, row = ready(*arguments).updates
        return Transaction((without(first, *unconditional), row))

    monkeypatch.setattr(claims, "ready", wrong)


def test_a_ready_write_without_conditions_makes_two_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(termination, "is_gone", lambda *_, **__: True)
    mutate_ready(monkeypatch, "Epoch", "Owner", "Phase", "RowVersion")
    assert caught(Faults(), only=founding.ONE_CLUSTER) == founding.ONE_CLUSTER


def test_continuing_an_epoch_after_a_restart_mixes_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    def same_epoch(seen: ClusterRecord, claim: Claim) -> Claim:
        changes = tuple((name, seen.epoch if name == "Epoch" else value) for name, value in claim.write.changes)
        return Claim(replace(claim.write, changes=changes), replace(claim.record, epoch=seen.epoch))

    put = node_steps._put_key

    def keep_what_is_there(world: Any, node: Any, epoch: int, label: str) -> Any:
        kept = next((keys for keys in world.keys if keys.epoch == epoch), None)
        if kept is not None and getattr(kept, node.stage):
            return Step(label, world.where(node, stage="key" if node.stage == "certificate" else "flip"))
        return put(world, node, epoch, label)

    mutate_claim(monkeypatch, same_epoch)
    monkeypatch.setattr(node_steps, "_put_key", keep_what_is_there)
    assert caught(Faults(reboots=1)) == founding.WHOLE_KEYS


def test_a_node_that_resumes_whatever_it_has_is_in_another_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    def resume(seen: Snapshot, action: Action) -> Action:
        return Resume("", True, True) if isinstance(action, AbandonLaunch) else action

    mutate_decide(monkeypatch, resume)
    monkeypatch.setattr(termination, "is_gone", lambda *_, **__: True)
    assert caught(Faults(reboots=1)) == founding.NOT_STARTED


def test_a_loser_that_completes_its_hook_all_the_same_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(termination, "is_gone", lambda *_, **__: True)
    monkeypatch.setattr(boot, "decide", lambda seen: Resume("", True, True) if seen.disk.has_data else decide(seen))
    assert caught(Faults(reboots=1), only=founding.IN_THE_CLUSTER) == founding.IN_THE_CLUSTER


def test_a_founder_that_gives_up_what_has_no_marker_gives_up_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(seen: Snapshot, action: Action) -> Action:
        return AbandonLaunch("") if isinstance(action, Resume) and action.write_marker else action

    mutate_decide(monkeypatch, give_up)
    assert caught(Faults(reboots=1)) == NOT_WIPED


def test_a_claim_that_does_not_name_the_phase_wipes_a_ready_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    mutate_claim(monkeypatch, lambda _, claim: Claim(without(claim.write, "Phase"), claim.record))
    assert caught(Faults(reboots=1, late=1)) == NOT_WIPED


def test_a_ready_write_that_does_not_name_the_phase_leaves_deleting(monkeypatch: pytest.MonkeyPatch) -> None:
    mutate_ready(monkeypatch, "Phase")
    assert caught(Faults(deletions=1)) == FINAL


def test_a_first_claim_without_a_condition_takes_an_epoch_from_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(cluster_id: str, owner: str) -> Claim:
        claim = claims.claim_first(cluster_id, owner)
        return Claim(replace(claim.write, expected=()), claim.record)

    monkeypatch.setattr(boot, "claim_first", wrong)
    assert caught(Faults()) == ONE_OWNER


def test_a_renewal_that_does_not_name_its_epoch_and_counter_turns_the_counter_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    renew = claims.renew
    loose = ("Epoch", "Owner", "Counter")
    monkeypatch.setattr(
        claims, "renew", lambda claimed: Claim(without(renew(claimed).write, *loose), renew(claimed).record)
    )
    monkeypatch.setattr(termination, "is_gone", lambda *_, **__: True)
    assert caught(Faults(renewals=1), nodes=3, only=FORWARD) == FORWARD


def test_an_owner_that_waits_for_itself_after_a_restart_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(seen: Snapshot, action: Action) -> Action:
        return Wait("") if isinstance(action, TakeClaim) and action.wipe else action

    mutate_decide(monkeypatch, wait)
    assert caught(Faults(reboots=1)) == NO_PROGRESS


def test_a_watch_that_never_ends_leaves_a_lost_founder_unreplaced(monkeypatch: pytest.MonkeyPatch) -> None:
    observe = lease_watch.observe
    monkeypatch.setattr(lease_watch, "observe", lambda before, seen, began, ended: observe(None, seen, ended, ended))
    assert caught(Faults(losses=1)) == NO_PROGRESS


def test_an_owner_that_never_counts_as_gone_is_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(termination, "is_gone", lambda *_, **__: False)
    assert caught(Faults(losses=1)) == NO_PROGRESS


def test_a_founder_that_fails_and_keeps_its_claim_blocks_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    give_up = claims.release_claim
    monkeypatch.setattr(claims, "release_claim", lambda claimed: replace(give_up(claimed), changes=()))
    assert caught(Faults(failures=1)) == NO_PROGRESS


def test_a_hung_founder_whose_hook_is_kept_alive_blocks_the_others() -> None:
    assert caught(Faults(hangs=1), hooks_run_out=False) == NO_PROGRESS


def test_a_founder_lost_before_anyone_joined_it_would_be_mourned_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule of the protocol alone: no backup, no restore."""
    monkeypatch.setattr(founding, "RestoreRules", lambda slots, oldest_backup_seconds: restore.RestoreRules(1, 0))
    assert caught(Faults(losses=1)) == NO_PROGRESS


def test_the_conditions_alone_keep_the_promises_even_when_living_owners_are_taken_for_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(termination, "is_gone", lambda *_, **__: True)
    monkeypatch.setattr(restore, "decide_restore", lambda *_: Wait("the restore model's matter"))
    monkeypatch.setattr(Founding, "is_good", lambda *_: True)
    result = explore(Founding(Faults(reboots=1, late=1), nodes=2, most_runs=3))
    assert result.complete
    assert result.violation is None, str(result.violation)
