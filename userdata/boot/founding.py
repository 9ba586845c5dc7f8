"""Founding: from a claim to a cluster that is ready. An epoch that is interrupted is never continued."""

from __future__ import annotations

from collections.abc import Callable

from coordination.claims import FROM_NOTHING, ready, set_pki_epoch
from coordination.members import Member, MemberState
from coordination.outcomes import Conflict, Done, Known, Transacted, Unknown, Write
from coordination.record import ClusterRecord, Phase
from userdata.boot.context import Context, now, seconds_since_1970
from userdata.boot.failures import Overtaken, StepFailed, of_command
from userdata.boot.keys import Keys
from userdata.boot.retry import wait_unless_permanent
from userdata.etcd.model import Status, hexadecimal
from userdata.etcd.refusals import Failed
from userdata.faults.fault import Fault
from userdata.host import files
from userdata.host.etcd_disk import DataOwner
from userdata.kubeadm import init_config
from userdata.kubeadm.places import INIT_FILE
from userdata.kubeadm.tokens import BootstrapToken, new_token
from userdata.leases.keeper import CLAIM, Keeper
from userdata.logs.lines import StageFailed
from userdata.pki.inspecting import ca_hashes
from userdata.pki.issuing import new_pki
from userdata.pki.material import Pki
from userdata.pki.outcomes import Mixture

_RETRY_SECONDS = 2.0


class Founding:
    """Founds with one claim. The claim is renewed all the while, and every write is conditional on it."""

    def __init__(self, context: Context, keys: Keys, claimed: ClusterRecord) -> None:
        self._context = context
        self._keys = keys
        self._claimed = claimed
        self._timings = context.image.pace.leases
        self.token: BootstrapToken = new_token()
        """The first join token; kubeadm stores it in the cluster."""

    def run(self, *, wipe: bool) -> None:
        """Everything up to the record's being ready. Raises StageFailed."""
        kept = Keeper(self._context.table, self._claimed, CLAIM, self._timings, self._timings.found)
        try:
            self._prepare(kept, wipe=wipe)
            pki = self._made_keys(kept) if self._claimed.phase is Phase.CLAIMED else self._kept_keys(kept)
            self._configure(kept, pki)
            self._init(kept)
            self._announce(kept, self._identify(kept))
        except StageFailed:
            # While this node looks again nothing of an epoch that is not ready may run.
            self._context.system.stop()
            raise
        finally:
            kept.close()
        # From here on the record says it, whatever becomes of this program.
        with self._context.stages.stage("marker"):
            self._context.disk.mark()

    def _prepare(self, kept: Keeper[ClusterRecord], *, wipe: bool) -> None:
        context = self._context
        with context.stages.stage("clean"):
            self._go_on(kept)
            if not context.system.is_clean():
                context.system.reset()
            if wipe:
                # Of an epoch that was never ready, so no etcd lists it as anybody's.
                context.disk.wipe()

    def _made_keys(self, kept: Keeper[ClusterRecord]) -> Pki:
        stages = self._context.stages
        with stages.stage("make-keys"):
            self._go_on(kept)
            pki = new_pki(now())
        with stages.stage("store-keys") as told:
            while True:
                self._go_on(kept)
                stored = self._context.pki.store(self._claimed.epoch, pki)
                if isinstance(stored, Done):
                    break
                if isinstance(stored, Mixture):
                    raise Overtaken(f"epoch {self._claimed.epoch} has another {stored.item}: claiming the next one")
                self._try_again(told.wait, stored)
        with stages.stage("point-at-keys") as told:
            hashes = ",".join(ca_hashes(pki.cluster.certificates))
            while True:
                self._go_on(kept)
                if self._written(self._context.table.apply(set_pki_epoch(self._claimed, hashes)), told.wait):
                    return pki

    def _kept_keys(self, kept: Keeper[ClusterRecord]) -> Pki:
        """The keys of the cluster that was lost."""
        with self._context.stages.stage("read-keys"):
            self._go_on(kept)
            if self._claimed.restore_from != FROM_NOTHING:
                reason = f"this image cannot restore from {self._claimed.restore_from}"
                raise StepFailed(Fault(True, reason, "Deploy an image that can."))
            return self._keys.needed(self._claimed.pki_epoch)

    def _configure(self, kept: Keeper[ClusterRecord], pki: Pki) -> None:
        context = self._context
        with context.stages.stage("configure"):
            self._go_on(kept)
            self._keys.place(pki)
            text = init_config.configuration(
                context.cluster(self._claimed.epoch),
                context.registration(),
                self.token,
                context.image.pace.token,
                context.image.host,
                context.image.timeouts,
            )
            files.write(context.root, {INIT_FILE: files.private(text)})

    def _init(self, kept: Keeper[ClusterRecord]) -> None:
        context = self._context
        with context.stages.stage("kubeadm-init") as told:
            self._go_on(kept)
            context.launch_hook.alive(kept.remaining())
            done = context.run(init_config.COMMAND, kept.remaining(), ended=lambda: kept.lost is not None)
            context.tidy(told)
            if not done.succeeded:
                self._go_on(kept)
                raise of_command(done)

    def _identify(self, kept: Keeper[ClusterRecord]) -> Status:
        """Say whose the data is, now that it is whole."""
        context = self._context
        with context.stages.stage("identify") as told:
            while True:
                self._go_on(kept)
                status = context.servers.etcd()
                if isinstance(status, Known):
                    break
                self._try_again(told.wait, status)
            cluster_id = hexadecimal(status.value.cluster_id)
            context.disk.identify(DataOwner(context.node, self._claimed.epoch, cluster_id))
            return status.value

    def _announce(self, kept: Keeper[ClusterRecord], etcd: Status) -> None:
        context = self._context
        row = Member(
            context.instance_id,
            self._claimed.epoch,
            MemberState.VOTER,
            context.node_file.place,
            context.identity.address,
            hexadecimal(etcd.member_id),
            created_at=seconds_since_1970(),
        )
        with context.stages.stage("ready") as told:
            transaction = ready(self._claimed, hexadecimal(etcd.cluster_id), context.kubernetes_version, row)
            while True:
                self._go_on(kept)
                if self._written(context.table.transact(transaction), told.wait):
                    return

    def _go_on(self, kept: Keeper[ClusterRecord]) -> None:
        """Raises Overtaken where the claim must not be relied on any more."""
        self._context.launch_hook.alive(kept.remaining())
        if (why := kept.lost) is not None:
            raise Overtaken(f"the claim of epoch {self._claimed.epoch} is lost: {why}")

    def _written(self, outcome: Write | Transacted, say: Callable[[str], object]) -> bool:
        if isinstance(outcome, Done):
            return True
        if isinstance(outcome, Unknown):
            self._try_again(say, outcome)
            return False
        what = "was changed by another writer" if isinstance(outcome, Conflict) else "or its rows were changed"
        raise Overtaken(f"the record {what}: epoch {self._claimed.epoch} is not this node's any more")

    def _try_again(self, say: Callable[[str], object], failed: Failed) -> None:
        wait_unless_permanent(failed, _RETRY_SECONDS, say, self._context.launch_hook.sleep)
