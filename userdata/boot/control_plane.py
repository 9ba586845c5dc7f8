"""A control plane's boot: look, decide, act, and look again, until the node serves or must not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias, assert_never

from coordination import claims
from coordination.boot_failures import MOST_FAILURES
from coordination.conditions import Condition, boot_failed
from coordination.exclusion import Activity
from coordination.fields import parsed
from coordination.node_leases import LeaseName
from coordination.outcomes import Done, Known, Unknown
from coordination.record import ClusterRecord, Phase
from coordination.release_grants import ReleaseGrant
from coordination.release_grants import release_grant as stored_grant
from userdata.boot.actions import (
    AbandonLaunch,
    Action,
    EvaluateRestore,
    GrantRelease,
    Join,
    Resume,
    Start,
    Stop,
    TakeClaim,
    Wait,
    WaitForHuman,
)
from userdata.boot.activation import Activation
from userdata.boot.context import Context, jittered, seconds_since_1970
from userdata.boot.decide import decide
from userdata.boot.end import End
from userdata.boot.etcd_volume import wait_until_mounted
from userdata.boot.failures import LookAgain
from userdata.boot.founding import Founding
from userdata.boot.gather import Gatherer
from userdata.boot.joining import Joining
from userdata.boot.keys import Keys
from userdata.boot.ports import EtcdPeers, JoinDataPublisher
from userdata.boot.restore import RestoreRules, decide_restore
from userdata.boot.retry import until_done
from userdata.boot.slot_failures import note_failure, note_success
from userdata.boot.stages import RunningStage
from userdata.leases.keeper import Contender
from userdata.leases.others import Others
from userdata.logs.lines import StageFailed

# A day of lost writes is the most that nobody is asked about.
_OLDEST_BACKUP_SECONDS = 24 * 3600
_MOST_ATTEMPTS = 3
"""So often in one boot may founding or joining fail for a reason that may pass, before the launch is abandoned.

Waiting is no failure (LookAgain), and does not make up for one: what failed before is only forgotten with the boot.
"""

_ABANDON_TRIES = 10

Step: TypeAlias = Callable[[], End | None]
"""What is done after the deciding; it says how the boot ends, or None: then the node looks again."""


class ControlPlaneBoot:
    """One boot of one instance."""

    def __init__(self, context: Context, etcd_peers: EtcdPeers, tokens: JoinDataPublisher) -> None:
        self._context = context
        self._tokens = tokens
        self._keys = Keys(context)
        self._etcd_peers = etcd_peers
        self._gatherer = Gatherer(context, self._keys, self._etcd_peers)
        lease_seconds = context.image.pace.leases.lease
        # One for the whole boot: it remembers for how long the holder was silent.
        others = Others(context.table, Activity.JOIN, lease_seconds, states=context.groups.states)
        self._contender = Contender(
            context.table,
            LeaseName.JOIN,
            context.instance_id,
            lease_seconds,
            others=others,
            states=context.groups.states,
        )
        self._failures = 0
        self._rules = RestoreRules(context.settings.slots, _OLDEST_BACKUP_SECONDS)

    def run(self) -> End:
        """Boot, until the node serves or must not."""
        broken = wait_until_mounted(self._context, self._store_condition, self._is_member_in_service)
        if broken is not None:
            self._fail(f"etcd's disk cannot be used: {broken.reason}")
            return End.FAILED
        with self._context.stages.stage("tidy") as told:
            # The machine may have gone down in the middle of kubeadm's last run.
            self._context.tidy(told)
        while True:
            action, step = self._decided()
            try:
                if (end := step()) is not None:
                    return end
            except StageFailed as failed:
                self._failures += 1
                lasts = failed.permanent or self._failures >= _MOST_ATTEMPTS
                if lasts and not self._may_be_needed(action):
                    times = "once" if self._failures == 1 else f"{self._failures} times, the last time"
                    self._fail(f"it failed {times} because {failed}")
                    return End.FAILED
                if lasts:
                    # It goes on for as long as it takes, which may be long.
                    self._context.launch_hook.sleep(jittered(self._context.image.pace.look))
            self._context.launch_hook.sleep(jittered(1))

    def _decided(self) -> tuple[Action, Step]:
        """Look until there is something to do, and what that is."""
        with self._context.stages.stage("decide") as told:
            while True:
                action = decide(self._gatherer.look())
                if (step := self._step(action, told)) is not None:
                    return action, step
                self._context.launch_hook.sleep(jittered(self._context.image.pace.look))

    def _step(self, action: Action, told: RunningStage) -> Step | None:
        """What an action asks for once the deciding is over. None: it was to wait, so look again."""
        step: Step
        match action:
            case Wait(reason=reason):
                told.wait(reason)
                return None
            case WaitForHuman():
                # The row first: for as long as it names the condition, nobody clears it.
                told.wait(action.reason, condition=action.condition)
                self._store_condition(action)
                return None
            case GrantRelease(reason=reason, grant=grant):
                self._store_grant(grant)
                told.wait(reason)
                return None
            case EvaluateRestore(record=record):
                return self._step(decide_restore(self._gatherer.evidence(record), self._rules), told)
            case TakeClaim(claim=claim):
                written = self._context.table.apply(claim.write)
                if not isinstance(written, Done):
                    told.wait(written.reason if isinstance(written, Unknown) else "another node was faster")
                    return None
                step = partial(self._found, action)
            case Join(record=record):
                step = partial(self._join, record)
            case Resume():
                step = partial(self._resume, action)
            case Start(reason=reason):
                step = partial(self._start, reason)
            case Stop(reason=reason):
                step = partial(self._stop, reason)
            case AbandonLaunch(reason=reason):
                step = partial(self._abandon_launch, reason)
            case _:
                assert_never(action)
        told.say(action.reason)
        return step

    def _found(self, action: TakeClaim) -> End | None:
        Founding(self._context, self._keys, action.claim.record).run(wipe=action.wipe)
        if isinstance(self._ready_record(), LookAgain):
            return None
        return self._enter_service(founded=True)

    def _join(self, record: ClusterRecord) -> End | None:
        joining = Joining(self._context, self._keys, self._etcd_peers, self._gatherer, self._contender, record)
        if isinstance(joining.run(), LookAgain):
            return None
        return self._enter_service(founded=False)

    def _resume(self, action: Resume) -> End | None:
        record = self._ready_record()
        if isinstance(record, LookAgain):
            return None
        if not action.promoted:
            # Its row says that it was about to join; etcd's own list says how far it came.
            return self._join(record)
        if action.write_marker:
            self._context.disk.mark()
        return self._enter_service(founded=False)

    def _start(self, reason: str) -> None:
        """Start what is here. The table may later say that it must stop, so this boot is not over."""
        with self._context.stages.stage("start-unseen") as told:
            self._context.system.start_kubelet()
            told.say(reason)
        while isinstance(self._gatherer.record(), Unknown):
            self._context.launch_hook.sleep(jittered(self._context.image.pace.look))

    def _enter_service(self, *, founded: bool) -> End:
        activation = Activation(self._context)
        activation.serve()
        activation.give_rights()
        if founded:
            activation.publish(self._tokens)
        activation.complete_launch_hook()
        told = activation.signal()
        if founded:
            activation.install_addons()
        activation.start_agent()
        note_success(self._context.table, self._context.node_file.place, seconds_since_1970())
        if not told:
            activation.signal_late()
        return End.SERVES

    def _ready_record(self) -> ClusterRecord | LookAgain:
        """The record of the cluster that this node is a member of.

        Read again before anything is started: a deletion may have come since it was decided on.
        """
        reading = self._gatherer.record()
        if isinstance(reading, Known) and reading.value is not None and reading.value.phase is Phase.READY:
            return reading.value
        return LookAgain("the record is not ready any more, or unknown")

    def _may_be_needed(self, action: Action) -> bool:
        """Whether a majority may wait for the data here: a member in service tries for as long as it takes.

        One that its launch hook still holds may go. Another one is launched in its place.
        """
        return self._is_in_service() if isinstance(action, Resume) else self._is_member_in_service()

    def _is_member_in_service(self) -> bool:
        return self._context.disk.read().has_marker and self._is_in_service()

    def _is_in_service(self) -> bool:
        """Whether this instance is in service, or may be."""
        place = self._context.own_group.place()
        return isinstance(place, Unknown) or place.value is None or not place.value.waits_to_launch

    def _stop(self, reason: str) -> End:
        with self._context.stages.stage("stopped") as told:
            self._context.system.stop()
            told.say(reason)
        self._context.stages.store(reason=reason)
        return End.STOPPED

    def _fail(self, reason: str) -> None:
        """Abandon the launch for a failure; after too many of them in this slot only once a person has looked."""
        context, now = self._context, seconds_since_1970()
        before = note_failure(context.table, context.node_file.place, context.instance_id, now)
        if isinstance(before, Known):
            lately, in_a_row = before.value.lately(now, context.instance_id), before.value.in_a_row(context.instance_id)
            for others, how in ((lately, "within an hour"), (in_a_row, "in a row")):
                if len(others) + 1 >= MOST_FAILURES:
                    self._wait_for_human(reason, others, how)
        self._abandon_launch(reason)

    def _wait_for_human(self, reason: str, others: Sequence[str], how: str) -> None:
        """Keep the instance for a person to look at. What it holds is released, so that others can found or join."""
        context = self._context
        slot = context.node_file.place
        with context.stages.stage("boot-failed") as told:
            context.system.stop()
            self._release_claim(told)
            failed = WaitForHuman(
                boot_failed(slot),
                f"{len(others) + 1} boots of slot {slot} failed {how} "
                f"({', '.join([*others, context.instance_id])}); of the last one: {reason}",
                "Correct what it says, then have the instance replaced: aws autoscaling "
                f"terminate-instance-in-auto-scaling-group --instance-id {context.instance_id} "
                "--no-should-decrement-desired-capacity",
            )
            while True:
                told.wait(failed.reason, condition=failed.condition)
                self._store_condition(failed)
                context.launch_hook.sleep(jittered(context.image.pace.heartbeat))

    def _abandon_launch(self, reason: str) -> End:
        """Never start what is here; have the instance replaced, and say why."""
        context = self._context
        with context.stages.stage("launch-abandoned") as told:
            told.wait(reason)
            context.system.stop()
            self._release_claim(told)
            self._abandon_hook(told)
            context.launch_hook.close()
            told.say(reason)
        context.stages.store(reason=reason)
        return End.STOPPED

    def _abandon_hook(self, told: RunningStage) -> None:
        """Have this instance replaced now; a node in service has no launch hook to abandon any more."""
        context = self._context
        try:
            until_done(context.own_group.abandon_launch, _ABANDON_TRIES, 2, told, context.launch_hook.sleep)
        except StageFailed as failed:
            told.wait(f"its launch hook could not be abandoned, and will run out: {failed}")

    def _release_claim(self, told: RunningStage) -> None:
        """Where this node owns a claim that will not become ready, say that nobody does: others need not wait."""
        reading = self._gatherer.record()
        if isinstance(reading, Unknown) or reading.value is None:
            return
        record = reading.value
        mine = record.owner == self._context.instance_id and record.phase in (Phase.CLAIMED, Phase.RESTORING)
        if mine:
            outcome = self._context.table.apply(claims.release_claim(record))
            if not isinstance(outcome, Done):
                told.wait("the claim could not be released: it counts as this node's until the instance is terminated")

    def _store_grant(self, grant: ReleaseGrant) -> None:
        """Store that a member's terminating hook may be completed, unless that is stored of this very state."""
        stored = parsed(self._context.table.get(grant.item_id), stored_grant)
        said = stored.value if isinstance(stored, Known) else None
        if said is None or (said.epoch, said.row_version) != (grant.epoch, grant.row_version):
            # Where it could not be stored, the next look says it again.
            self._context.table.put(grant.item(), {})

    def _store_condition(self, action: WaitForHuman) -> None:
        condition = Condition(action.condition, action.reason, action.next_step, seconds_since_1970())
        item = condition.item()
        item_id = str(item["Id"])
        stored = self._context.table.get(item_id)
        if isinstance(stored, Known) and (stored.value is None or stored.value.get("Reason") != action.reason):
            since = seconds_since_1970() if stored.value is None else stored.value.get("Since", condition.since)
            self._context.table.put({**item, "Since": since}, {})
