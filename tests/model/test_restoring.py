"""Total loss: every state of small models keeps the rules, and each wrong rule is caught by the sentence it breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from coordination import claims, member_writes, retention, termination
from coordination.claims import Claim
from coordination.instances import GroupInstance
from coordination.outcomes import Known
from coordination.record import ClusterRecord, Phase
from coordination.rows import Rows
from coordination.writes import Transaction
from functions.reconcile import decide
from tests.model.explorer import NO_PROGRESS, explore
from tests.model.instance_steps import NEVER_EMPTY, NEVER_FOREIGN, NEVER_OLD, NEVER_OVER_THE_LIVING
from tests.model.mutations import Watched, mutate_decide, without
from tests.model.records import FINAL, record_of
from tests.model.region import Budget, Region
from tests.model.restoring import NOT_LET_GO, ONE_SERVES, Restoring
from tests.model.suite import RESTORING_QUICK
from userdata.boot import restore, snapshot
from userdata.boot.actions import AbandonLaunch, Action, GrantRelease, Start, TakeClaim, Wait, WaitForHuman
from userdata.boot.restore import Evidence, RestoreRules, Verdict
from userdata.boot.snapshot import Reach, Snapshot

decide_restore: Callable[[Evidence, RestoreRules], Verdict] = restore.decide_restore
STOPPED = Budget(launches=2, stops=1)
# One node is cut off, another one joins the only member, and that one leaves.
PASSED_BY = Budget(losses=1, launches=2, cuts=1)
# The only member is to be terminated, and one node is cut off.
LEAVING = Budget(launches=2, cuts=1, leavings=1)


@pytest.mark.parametrize("name", RESTORING_QUICK)
def test_restoring_keeps_every_promise(name: str) -> None:
    result = explore(RESTORING_QUICK[name])
    assert result.complete
    assert result.violation is None, str(result.violation)


def caught(budget: Budget, only: str = "", members: int = 3, backup: bool = True) -> str:
    """The sentence that a model breaks; with `only` no other one is looked at."""
    model = Restoring(budget, members, backup)
    wanted = {what: holds for what, holds in model.invariants.items() if only in ("", what)}
    result = explore(Watched(model, wanted), most_states=200_000)
    assert result.violation is not None, f"{result.states} states, and nothing was caught"
    return result.violation.what


@pytest.mark.parametrize(
    ("members", "backup"), [(3, True), (1, False)], ids=["from a backup", "anew, after a founder that was alone"]
)
def test_a_lost_cluster_serves_again_and_is_joined(members: int, backup: bool) -> None:
    """That the rules are kept says little if nothing ever happens."""

    def never(region: Region) -> bool:
        record = record_of(region.table)
        assert record is not None
        joined = len(region.listed(record.etcd_cluster_id)) == 2
        return not (record.epoch == 2 and joined and region.has_quorum(record.etcd_cluster_id, 0))

    result = explore(Watched(Restoring(Budget(losses=3, launches=2), members, backup), {"never": never}))
    assert result.violation is not None


def restore_whatever_lives(evidence: Evidence, rules: RestoreRules) -> Verdict:
    """The approval that skips the instances instead of ending them."""
    assert isinstance(evidence.rows, Known)
    everybody = frozenset(row.instance_id for row in evidence.rows.value)
    return decide_restore(replace(evidence, gone=Known(everybody)), rules)


def test_a_restore_that_does_not_ask_whether_members_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "decide_restore", restore_whatever_lives)
    assert caught(STOPPED, members=1) == NEVER_OVER_THE_LIVING


@pytest.mark.slow
def test_an_instance_that_ec2_does_not_show_yet_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    is_gone = termination.is_gone

    def wrong(state: str | None, *rest: Any) -> bool:
        return state is None or is_gone(state, *rest)

    monkeypatch.setattr(termination, "is_gone", wrong)
    assert caught(PASSED_BY, members=1) == NEVER_OVER_THE_LIVING


def test_a_stopped_instance_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(termination, "is_gone", lambda state, *_: state in ("terminated", "stopped"))
    assert caught(STOPPED, members=1) == NEVER_OVER_THE_LIVING


@pytest.mark.slow
def test_a_restore_that_does_not_name_the_row_version(monkeypatch: pytest.MonkeyPatch) -> None:
    claim_restoring = claims.claim_restoring

    def wrong(seen: ClusterRecord, owner: str, source: str) -> Claim:
        claim = claim_restoring(seen, owner, source)
        return Claim(without(claim.write, "RowVersion"), claim.record)

    monkeypatch.setattr(restore, "claim_restoring", wrong)
    assert caught(PASSED_BY, members=1) == NEVER_OVER_THE_LIVING


def test_a_joining_row_that_does_not_move_the_row_version(monkeypatch: pytest.MonkeyPatch) -> None:
    joining_row = member_writes.joining_row

    def wrong(*arguments: Any) -> Transaction:
        record, *others = joining_row(*arguments).updates
        still = tuple((name, value) for name, value in record.expected if name == "RowVersion")
        return Transaction((replace(record, changes=still), *others))

    monkeypatch.setattr(member_writes, "joining_row", wrong)
    assert caught(PASSED_BY, members=1) == NEVER_OVER_THE_LIVING


def test_old_data_that_is_started_after_a_restore_over_stopped_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "decide_restore", restore_whatever_lives)
    mutate_decide(monkeypatch, lambda _, action: Start("") if isinstance(action, AbandonLaunch) else action)
    assert caught(STOPPED, only=NEVER_OLD, members=1) == NEVER_OLD
    assert caught(STOPPED, only=ONE_SERVES, members=1) == ONE_SERVES


@pytest.mark.slow
def test_a_joiner_that_takes_any_member_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "decide_restore", restore_whatever_lives)
    mutate_decide(monkeypatch, lambda _, action: Start("") if isinstance(action, AbandonLaunch) else action)
    right = snapshot.reach

    def any_member(answers: Any, etcd_cluster_id: str) -> Reach:
        return right([replace(answer, etcd_cluster_id=etcd_cluster_id) for answer in answers], etcd_cluster_id)

    monkeypatch.setattr(snapshot, "reach", any_member)
    assert caught(Budget(losses=1, launches=2, stops=1), only=NEVER_FOREIGN, members=1) == NEVER_FOREIGN


def test_a_ready_write_that_does_not_name_the_phase_leaves_deleting(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = claims.ready

    def wrong(*arguments: Any) -> Transaction:
        record, row = ready(*arguments).updates
        return Transaction((without(record, "Phase"), row))

    monkeypatch.setattr(claims, "ready", wrong)
    assert caught(Budget(losses=1, launches=1, deletions=1), members=1) == FINAL


def test_an_empty_cluster_after_one_that_had_members(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(evidence: Evidence, rules: RestoreRules) -> Verdict:
        verdict = decide_restore(evidence, rules)
        if not isinstance(verdict, WaitForHuman) or verdict.condition != "SnapshotTooOld":
            return verdict
        return TakeClaim("", claims.claim_restoring(evidence.record, evidence.node.instance_id, claims.FROM_NOTHING))

    monkeypatch.setattr(restore, "decide_restore", wrong)
    assert caught(Budget(losses=2, launches=1), members=2, backup=False) == NEVER_EMPTY


def test_a_dead_restorer_whom_nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(seen: Snapshot, action: Action) -> Action:
        return Wait("") if isinstance(action, TakeClaim) and action.claim.record.phase is Phase.RESTORING else action

    mutate_decide(monkeypatch, wait)
    assert caught(Budget(losses=2, launches=2), members=1) == NO_PROGRESS


def test_a_ready_write_without_the_restorers_row(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = claims.ready

    def wrong(*arguments: Any) -> Transaction:
        return Transaction(ready(*arguments).updates[:1])

    monkeypatch.setattr(claims, "ready", wrong)
    assert caught(Budget(losses=2, launches=2), members=1) == NO_PROGRESS


def test_a_release_grant_that_is_heeded_whoever_has_joined_since(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(instance: GroupInstance, rows: Rows, _: str) -> str:
        return "it was said once" if instance.instance_id in rows.release_grants else ""

    monkeypatch.setattr(decide, "release_granted", wrong)
    assert caught(LEAVING, members=1) == NOT_LET_GO


def test_a_row_of_the_current_epoch_that_is_deleted_with_its_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    right = retention.over
    monkeypatch.setattr(retention, "over", lambda rows, record, kept: right(rows, record, kept=0))
    # The one that is left looks as if nobody had ever joined it, so its data would be given up.
    assert caught(Budget(losses=2, launches=2), members=2, backup=False) == NEVER_EMPTY


@pytest.mark.slow
def test_a_silent_founder_that_leaves_and_is_held_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(evidence: Evidence, rules: RestoreRules) -> Verdict:
        verdict = decide_restore(evidence, rules)
        return Wait("") if isinstance(verdict, GrantRelease) else verdict

    monkeypatch.setattr(restore, "decide_restore", wrong)
    # Stopped, it answers as little as one that hangs, and EC2 does not call it terminated.
    assert caught(Budget(launches=2, stops=1, leavings=1), members=1, backup=False) == NO_PROGRESS
