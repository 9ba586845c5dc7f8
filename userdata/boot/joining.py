"""Joining as a control plane: through the gate, under the lease, with everything read again right before kubeadm."""

from __future__ import annotations

from collections.abc import Sequence

from coordination.fields import parsed
from coordination.member_writes import joining_row, voter_row
from coordination.members import Member, MemberState
from coordination.names import OPERATION_ITEM, joiners_wait_timer, timer_item
from coordination.node_leases import NodeLease, release
from coordination.operations import operation
from coordination.outcomes import Conflict, Done, Known, NoOp, Reading, Unknown
from coordination.record import ClusterRecord, Phase
from coordination.timers import timer
from userdata.boot.context import Context, jittered, now, seconds_since_1970
from userdata.boot.etcd_peers import addresses
from userdata.boot.failures import LookAgain, Overtaken, StepFailed, of_command
from userdata.boot.gate import UNASKED, Closed, Gate, MembersUnknown, Open, OwnLearner, OwnVoter, RowRemoved, View, gate
from userdata.boot.gather import Gatherer
from userdata.boot.keys import Keys
from userdata.boot.ports import EtcdPeers
from userdata.boot.readiness import node_is_ready
from userdata.boot.retry import wait_unless_permanent
from userdata.boot.stages import RunningStage
from userdata.etcd.model import EtcdMember, MemberList, hexadecimal
from userdata.etcd.refusals import Failed
from userdata.faults.fault import Fault
from userdata.host import files
from userdata.host.etcd_disk import DataOwner
from userdata.kubeadm import discovery, join_config
from userdata.kubeadm.places import DISCOVERY_FILE, JOIN_FILE
from userdata.leases.keeper import LEASE, Busy, Contender, Keeper
from userdata.logs.lines import StageFailed
from userdata.pki.material import Pki

_PEER_PORT = 2380
_RELEASE_TRIES = 3
_AGAIN_SECONDS = 1.0
_MARK = ("kubeadm", "join", "phase", "control-plane-join", "mark-control-plane", "--config", JOIN_FILE)


class Joining:
    """Joins the ready cluster of one record. Left with an exception, it has released the lease."""

    def __init__(
        self,
        context: Context,
        keys: Keys,
        etcd_peers: EtcdPeers,
        gatherer: Gatherer,
        contender: Contender,
        record: ClusterRecord,
    ) -> None:
        self._context = context
        self._keys = keys
        self._etcd_peers = etcd_peers
        self._gatherer = gatherer
        self._record = record
        self._timings = context.image.pace.leases
        self._contender = contender

    def run(self) -> LookAgain | None:
        """Everything up to being a voter; or LookAgain, and then etcd has not heard of it. Raises StageFailed."""
        context, stages = self._context, self._context.stages
        with stages.stage("read-keys") as told:
            pki = self._read_keys(told)
            if isinstance(pki, LookAgain):
                return pki
            self._etcd_peers.introduce(pki, now())
        with stages.stage("gate") as told:
            found = self._through_the_gate(pki, told)
            if isinstance(found, LookAgain):
                return found
        if isinstance(found, OwnVoter):
            if not context.disk.read().has_data:
                reason = (
                    f"etcd lists this node as the voter {hexadecimal(found.member.member_id)}, and its data is gone"
                )
                raise StepFailed(
                    Fault(True, reason, "The member has to be removed; a replacement instance joins then.")
                )
            self._finish_voter(pki, found.member)
            return None
        kept = Keeper(self._context.table, found, LEASE, self._timings, self._timings.join)
        try:
            return self._join(pki, kept)
        except StageFailed:
            self._withdraw()
            raise
        finally:
            self._release(kept.close())

    def _read_keys(self, told: RunningStage) -> Pki | LookAgain:
        """The cluster's keys. Only a node with data comes here without having read them. Raises StageFailed."""
        keys = self._keys.of(self._record.pki_epoch)
        if isinstance(keys, Unknown):
            return self._wait_and_look(told, f"the cluster's keys cannot be read: {keys.reason}")
        return self._keys.needed(self._record.pki_epoch)

    def _withdraw(self) -> None:
        """Take back what a failed join left in etcd, so that it stands in nobody's way even if this node goes now."""
        with self._context.stages.stage("withdraw") as told:
            seen = self._gate()
            if isinstance(seen, OwnLearner):
                try:
                    self._context.system.stop()
                except StageFailed as failed:
                    # Why the join failed is what counts; the next attempt begins with this learner.
                    told.say(f"its learner stays in etcd: {failed}")
                    return
                removed = self._removed(seen.member)
                if isinstance(removed, Done | NoOp):
                    told.say("its learner was removed from etcd")
                else:
                    told.say(f"its learner stays in etcd: {removed.reason}")

    def _through_the_gate(self, pki: Pki, told: RunningStage) -> NodeLease | OwnVoter | LookAgain:
        """Wait until this node may join, and holds the lease for it, or until only the boot table can say what to do.

        Nothing was begun before: whatever cannot be read here is a reason to wait, and never a failure.
        """
        context = self._context
        while True:
            record = self._gatherer.record()
            if isinstance(record, Unknown):
                # The table has a row of its own for that: a member starts what it has.
                return self._wait_and_look(told, f"the record is unknown: {record.reason}")
            if not self._is_same(record.value):
                return self._leave(told, "the record has changed")
            seen = self._gate()
            if isinstance(seen, MembersUnknown) and not self._context.disk.read().has_data:
                # They may be lost for good, and the table judges that: for a node with data it says only to go on.
                return self._wait_and_look(told, seen.reason)
            if isinstance(seen, RowRemoved):
                return self._leave(told, seen.reason)
            if isinstance(seen, OwnVoter):
                return seen
            if isinstance(seen, OwnLearner):
                self._remove_own(seen.member, told)
                continue
            entered = seen if isinstance(seen, Closed) else self._enter(pki)
            if isinstance(entered, NodeLease):
                return entered
            told.wait(entered.reason)
            context.launch_hook.sleep(jittered(context.image.pace.gate))

    def _enter(self, pki: Pki) -> NodeLease | Busy | Unknown:
        """The lease by which this node joins, if the API answers and nobody else holds it."""
        answer = self._context.servers.endpoint(pki)
        return answer if isinstance(answer, Unknown) else self._contender.try_once()

    def _wait_and_look(self, told: RunningStage, reason: str) -> LookAgain:
        """Wait as long as between any two looks at the table, and go back to it."""
        told.wait(reason)
        self._context.launch_hook.sleep(jittered(self._context.image.pace.look))
        return self._leave(told, reason)

    def _leave(self, told: RunningStage, reason: str) -> LookAgain:
        """The stage ends well, and says why it led to nothing."""
        told.say(f"looking at the boot table again: {reason}")
        return LookAgain(reason)

    def _join(self, pki: Pki, kept: Keeper[NodeLease]) -> LookAgain | None:
        """Join under the lease; LookAgain where the gate has closed before etcd heard of this node."""
        context, stages = self._context, self._context.stages
        with stages.stage("clean"):
            self._go_on(kept)
            # The gate has seen that etcd lists nothing of this node's: what it left may go.
            if not context.system.is_clean():
                context.system.reset()
            context.disk.wipe()
        with stages.stage("configure"):
            self._go_on(kept)
            self._configure(pki, again=False)
        with stages.stage("joining-row") as told:
            row = self._write_row(kept, told)
            if row is None:
                return self._leave(told, "this instance's row says removed")
        with stages.stage("check-gate") as told:
            self._same_record(kept, told)
            seen = self._gate()
            if not isinstance(seen, Open):
                return self._leave(told, seen.reason if isinstance(seen, Closed) else "etcd lists this node by now")
            # Before etcd makes any: so data is never without an owner, not even after a crash in the next step.
            context.disk.identify(self._identity())
        with stages.stage("kubeadm-join"):
            self._go_on(kept)
            done = context.run(join_config.COMMAND, kept.remaining(), ended=lambda: kept.lost is not None)
            if not done.succeeded:
                self._go_on(kept)
                raise of_command(done)
        self._confirm(row)
        return None

    def _release(self, held: NodeLease) -> None:
        """Let the next one join at once. Where it stays unknown, the next one has to watch the lease first."""
        for _ in range(_RELEASE_TRIES):
            if not isinstance(self._context.table.apply(release(held)), Unknown):
                return
            self._context.launch_hook.sleep(jittered(1))

    def _finish_voter(self, pki: Pki, member: EtcdMember) -> None:
        """Do what an interrupted join left undone after etcd had promoted this node."""
        context, stages = self._context, self._context.stages
        with stages.stage("start"):
            context.system.start_kubelet()
        with stages.stage("kubeadm-join") as told:
            context.launch_hook.alive(self._timings.join)
            self._configure(pki, again=True)
            complete = node_is_ready(context, told, self._timings.join)
            done = context.run(_MARK if complete else join_config.COMMAND, self._timings.join)
            if not done.succeeded:
                raise of_command(done)
        self._confirm(self._row(hexadecimal(member.member_id)))

    def _confirm(self, row: Member) -> None:
        context, stages = self._context, self._context.stages
        with stages.stage("voter-row") as told:
            status = context.servers.etcd()
            member_id = hexadecimal(status.value.member_id) if isinstance(status, Known) else ""
            outcome = context.table.apply(voter_row(row, member_id))
            if isinstance(outcome, Conflict):
                told.say("another writer changed the row: the leading agent corrects it")
            elif isinstance(outcome, Unknown):
                told.say(f"the row could not be written ({outcome.reason}): the leading agent corrects it")
        with stages.stage("marker"):
            context.disk.mark()

    def _write_row(self, kept: Keeper[NodeLease], told: RunningStage) -> Member | None:
        """The row that was written; None where this instance's row says removed, so that it must not join."""
        context, row = self._context, self._row("")
        while True:
            record = self._same_record(kept, told)
            before = self._gatherer.own_row()
            if isinstance(before, Unknown):
                self._try_again(told, before)
                continue
            if before.value is not None and before.value.is_out(record.epoch):
                return None
            outcome = context.table.transact(joining_row(record, row, kept.held, before.value))
            if isinstance(outcome, Done):
                return row
            # Another joiner's row, or a renewal of the lease, may have come in between: what is stored now decides.
            if isinstance(outcome, Unknown):
                self._try_again(told, outcome)
            else:
                context.launch_hook.sleep(jittered(_AGAIN_SECONDS))

    def _gate(self) -> Gate:
        context = self._context
        rows = self._gatherer.rows()
        if isinstance(rows, Unknown):
            return Closed(f"the members' rows are unknown: {rows.reason}")
        asked = self._asked(rows.value)
        members = self._etcd_peers.members(asked)
        silent: Sequence[str] = ()
        known_to_one: Reading[MemberList] = UNASKED
        if isinstance(members, Known):
            silent = self._etcd_peers.silent(members.value)
        else:
            known_to_one = self._etcd_peers.members_without_majority(asked)
        return gate(
            View(
                members,
                silent,
                parsed(context.table.get(OPERATION_ITEM), operation),
                context.settings.slots,
                context.instance_id,
                f"https://{context.identity.address}:{_PEER_PORT}",
                known_to_one,
                any(row.instance_id == context.instance_id and row.is_out(self._record.epoch) for row in rows.value),
                parsed(context.table.get(timer_item(joiners_wait_timer(context.node_file.place))), timer),
            )
        )

    def _remove_own(self, member: EtcdMember, told: RunningStage) -> None:
        """Remove what an interrupted join left in etcd. It is a learner, so it counts for no quorum."""
        context = self._context
        # Not one that still runs: its data would be emptied under it.
        context.system.stop()
        removed = self._removed(member)
        if not isinstance(removed, Done | NoOp):
            told.wait(f"this node's own learner could not be removed: {removed.reason}")
            context.launch_hook.sleep(jittered(context.image.pace.look))

    def _removed(self, member: EtcdMember) -> Done | NoOp | Failed:
        rows = self._gatherer.rows()
        return rows if isinstance(rows, Unknown) else self._etcd_peers.remove(self._asked(rows.value), member.member_id)

    def _asked(self, rows: Sequence[Member]) -> list[str]:
        return addresses(rows, self._record.epoch, without=self._context.instance_id)

    def _configure(self, pki: Pki, *, again: bool) -> None:
        context = self._context
        self._keys.place(pki)
        server = context.cluster(self._record.epoch).server
        found_by = discovery.for_control_plane(pki.cluster, server, context.instance_id, now())
        wanted = join_config.control_plane(
            context.registration(), context.image.host, context.image.timeouts, again=again
        )
        files.write(context.root, {DISCOVERY_FILE: files.private(found_by), JOIN_FILE: files.private(wanted)})

    def _row(self, etcd_member_id: str) -> Member:
        context = self._context
        return Member(
            context.instance_id,
            self._record.epoch,
            MemberState.JOINING,
            context.node_file.place,
            context.identity.address,
            etcd_member_id,
            created_at=seconds_since_1970(),
        )

    def _identity(self) -> DataOwner:
        return DataOwner(self._context.node, self._record.epoch, self._record.etcd_cluster_id)

    def _is_same(self, record: ClusterRecord | None) -> bool:
        """Whether a record still says that the epoch that is joined is ready."""
        return record is not None and (record.epoch, record.phase) == (self._record.epoch, Phase.READY)

    def _same_record(self, kept: Keeper[NodeLease], told: RunningStage) -> ClusterRecord:
        """The record, asked for as long as the lease is held. Raises Overtaken where it is another one by now."""
        while True:
            self._go_on(kept)
            reading = self._gatherer.record()
            if isinstance(reading, Unknown):
                self._try_again(told, reading)
                continue
            record = reading.value
            if record is None or not self._is_same(record):
                raise Overtaken("the record has changed")
            return record

    def _try_again(self, told: RunningStage, failed: Unknown) -> None:
        """Wait a moment, if trying again can help. Raises StepFailed."""
        wait_unless_permanent(failed, _AGAIN_SECONDS, told.wait, self._context.launch_hook.sleep)

    def _go_on(self, kept: Keeper[NodeLease]) -> None:
        """Raises Overtaken where the lease must not be relied on any more."""
        self._context.launch_hook.alive(kept.remaining())
        if (why := kept.lost) is not None:
            raise Overtaken(f"{kept.held.item_id} is lost: {why}")
