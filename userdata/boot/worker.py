"""A worker's boot: what it needs to join is in SSM, and a year from now it still is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coordination.boots import NODE_READY
from coordination.fields import parsed
from coordination.names import CLUSTER_ITEM
from coordination.outcomes import Done, Known, Reading, Unknown
from coordination.record import ClusterRecord, Phase, cluster_record
from coordination.versions import why_no_worker
from userdata.boot import bootstrap_csr
from userdata.boot.bootstrap_csr import Asker, Denied, Key
from userdata.boot.context import jittered, registration
from userdata.boot.end import End
from userdata.boot.failures import Overtaken, StepFailed
from userdata.boot.ports import ClusterItem, Machine, PublishedJoinData
from userdata.boot.stages import RunningStage, Stages
from userdata.config.image import ImageFacts
from userdata.config.settings import ClusterSettings, PoolSettings
from userdata.faults.fault import Fault
from userdata.faults.output import of_output
from userdata.host import files
from userdata.host.commands import Run
from userdata.host.instance import InstanceIdentity
from userdata.join.data import JoinData
from userdata.join.outcomes import Unreadable
from userdata.kube.kubectl import printed
from userdata.kube.nodes import why_not_ready
from userdata.kubeadm import discovery, join_config, leftovers
from userdata.kubeadm.places import DISCOVERY_FILE, JOIN_FILE, KUBELET_FILE
from userdata.logs.lines import StageFailed
from userdata.pki.inspecting import ca_hashes
from userdata.pki.issuing import Leaf
from userdata.pki.material import blocks_of_certificates
from userdata.pki.openssl import OpensslFailed
from userdata.pki.placing import CLUSTER_CA

_JOIN_SECONDS = 300.0
_KUBECTL_SECONDS = 30.0


class Ended(StageFailed):
    """There is nothing to join, and another instance would find no more: this one is not replaced."""


@dataclass(frozen=True)
class WorkerContext:
    """One worker that boots."""

    root: Path
    identity: InstanceIdentity
    settings: ClusterSettings
    pool: PoolSettings
    image: ImageFacts
    table: ClusterItem
    join_data: PublishedJoinData
    system: Machine
    stages: Stages
    run: Run


class Worker:
    """Makes this instance a Ready node of its pool."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._deadline = time.monotonic() + context.image.pace.worker
        self._version = ""

    def run(self) -> End:
        """Boot. Raises StageFailed where nobody can be told that this worker has failed."""
        stages = self._context.stages
        try:
            self._become_a_node()
        except Ended as ended:
            with stages.stage("stopped") as told:
                told.wait(str(ended))
            return End.STOPPED
        except StageFailed as failed:
            self._abandon(failed)
            return End.FAILED
        stages.store(stage="node", reason="")
        return End.SERVES

    def _abandon(self, failed: StageFailed) -> None:
        """Have this worker replaced, and say why."""
        with self._context.stages.stage("launch-abandoned") as told:
            told.wait(str(failed))
            # Its group finds it stopped, and launches another one. No role of a worker may say anything of a group's
            # instances: it could say it of all the others.
            self._context.system.power_off()
            told.say(str(failed))

    def _become_a_node(self) -> None:
        context = self._context
        if (context.root / KUBELET_FILE.lstrip("/")).exists():
            # It has joined before: the kubelet goes on with its own certificate, which it renews by itself.
            with context.stages.stage("start"):
                context.system.start_kubelet()
        else:
            data = self._join_data()
            leaf, data = self._certified(data)
            self._join(data, leaf)
        # No more: the leading agent tells the pool's stack (userdata/agent/pool_signals.py). What a worker may say to
        # one pool's stack, a worker of any other pool could say as well.
        self._wait_ready()

    def _join_data(self) -> JoinData:
        with self._context.stages.stage("join-data") as told:
            while True:
                found = self._read_join_data()
                if isinstance(found, Known):
                    return found.value
                self._wait(told, found.reason)

    def _read_join_data(self) -> Reading[JoinData]:
        record = self._record()
        if isinstance(record, Unknown):
            return record
        if record.value is None or record.value.phase is not Phase.READY:
            return Unknown("the cluster is not initialised yet")
        own = self._own_version()
        if isinstance(own, Unknown):
            return own
        why = why_no_worker(own.value, record.value.kubernetes_version)
        if why is not None:
            return Unknown(why)
        stored = self._context.join_data.read()
        if isinstance(stored, Unknown | Unreadable):
            return Unknown(stored.reason, stored.code if isinstance(stored, Unknown) else "")
        data = stored.value
        if data is None:
            return Unknown("no agent has published join data yet")
        if not data.is_of(record.value.epoch, record.value.etcd_cluster_id):
            return Unknown(f"the join data is of epoch {data.epoch}, and epoch {record.value.epoch} is ready")
        try:
            hashes = ca_hashes(blocks_of_certificates(data.bundle))
        except OpensslFailed as failed:
            return Unknown(f"the join data's CA cannot be read: {failed}")
        if record.value.ca_hashes != ",".join(hashes):
            return Unknown("the join data names another CA than the cluster's record")
        return Known(data)

    def _own_version(self) -> Reading[str]:
        """Which Kubernetes this image has. kubeadm is asked until it has said it once."""
        try:
            self._version = self._version or self._context.system.kubernetes_version()
        except StageFailed as failed:
            return Unknown(str(failed))
        return Known(self._version)

    def _record(self) -> Reading[ClusterRecord | None]:
        reading = parsed(self._context.table.get(CLUSTER_ITEM), cluster_record)
        record = reading.value if isinstance(reading, Known) else None
        if record is not None and record.cluster_id != self._context.settings.cluster_id:
            raise Ended(f"the table belongs to the cluster {record.cluster_id}")
        if record is not None and record.phase is Phase.DELETING:
            raise Ended("the cluster is being deleted")
        return reading

    def _certified(self, data: JoinData) -> tuple[Leaf, JoinData]:
        """This node's first certificate, and the join data by which it was obtained."""
        with self._context.stages.stage("certificate") as told:
            key = self._kept_key(told)
            self._publish(key, told)
            while True:
                leaf = self._asked(data, key)
                if isinstance(leaf, Known):
                    return leaf.value, data
                self._wait(told, leaf.reason)
                if isinstance(leaf, Denied):
                    key = self._new_key(told)
                    self._publish(key, told)
                # The token may have ended, or the cluster may be another one by now.
                fresh = self._read_join_data()
                data = fresh.value if isinstance(fresh, Known) else data

    def _kept_key(self, told: RunningStage) -> Key:
        """The key that an interrupted boot has left, or else a new one."""
        left = bootstrap_csr.kept(self._context.root, self._context.identity.instance_id)
        if isinstance(left, Known) and left.value is not None:
            return left.value
        if isinstance(left, Unknown):
            told.wait(f"the key that was left is replaced by a new one: {left.reason}")
        return self._new_key(told)

    def _new_key(self, told: RunningStage) -> Key:
        while True:
            try:
                return bootstrap_csr.new(self._context.root, self._context.identity.instance_id)
            except (OpensslFailed, OSError) as error:
                self._wait(told, f"no key can be made: {error}")

    def _publish(self, key: Key, told: RunningStage) -> None:
        """Say in this instance's own row which key is its own, before anybody sees a request for it."""
        outcome = self._context.stages.store(fingerprint=key.fingerprint)
        while isinstance(outcome, Unknown):
            self._wait(told, f"the key's fingerprint could not be published: {outcome.reason}")
            outcome = self._context.stages.store_again()

    def _asked(self, data: JoinData, key: Key) -> Reading[Leaf] | Denied:
        asker = Asker(data, self._context.identity.instance_id, key)
        asked = asker.ask()
        if isinstance(asked, Unknown):
            return asked
        issued = asker.issued()
        if isinstance(issued, Unknown | Denied):
            return issued
        if issued.value is None:
            return Unknown("the request for a certificate waits for an agent's approval")
        return Known(issued.value)

    def _join(self, data: JoinData, leaf: Leaf) -> None:
        context = self._context
        with context.stages.stage("kubeadm-join") as told:
            found_by = discovery.with_certificate(data.bundle, data.server, leaf)
            node = registration(context.identity, context.pool)
            wanted = join_config.worker(node, context.image.host, context.image.timeouts)
            written = {DISCOVERY_FILE: files.private(found_by), JOIN_FILE: files.private(wanted)}
            while isinstance(tried := self._try_to_join(written), Fault):
                if tried.permanent:
                    raise StepFailed(tried)
                self._wait(told, tried.text)

    def _try_to_join(self, written: Mapping[str, files.File]) -> Done | Fault:
        if self._is_begun():
            self._context.system.reset()
        try:
            files.write(self._context.root, written)
        except OSError as error:
            return Fault(False, f"what kubeadm needs cannot be written: {error}", "Look at this node's disk.")
        done = self._context.run(join_config.COMMAND, _JOIN_SECONDS)
        return Done() if done.succeeded else of_output(done.output)

    def _is_begun(self) -> bool:
        """Whether a join that did not end has left something, by which kubeadm refuses the next one.

        One that gave up by itself has taken the kubelet's bootstrap file away. The authority's certificate is still
        there, and so is a kubelet that runs.
        """
        context = self._context
        return not context.system.is_clean() or (context.root / CLUSTER_CA.lstrip("/")).exists()

    def _wait_ready(self) -> None:
        context = self._context
        with context.stages.stage(NODE_READY) as told:
            asked = ("kubectl", "--kubeconfig", KUBELET_FILE, "get", "node", context.identity.instance_id, "-o", "json")
            while isinstance(answer := _readiness(context.run(asked, _KUBECTL_SECONDS).output), Unknown):
                self._wait(told, answer.reason)
            # Not before: a kubelet that has no certificate of its own yet may have to begin again with the first one.
            tidied = (bootstrap_csr.forget(context.root), leftovers.tidy(context.root))
            if left := [each.reason for each in tidied if isinstance(each, Unknown)]:
                told.say("; ".join(left))

    def _wait(self, told: RunningStage, reason: str) -> None:
        """Wait a moment. Raises StageFailed when the worker has had its time."""
        told.wait(reason)
        if time.monotonic() > self._deadline:
            raise Overtaken(f"it is no Ready node after {self._context.image.pace.worker:.0f} s: {reason}")
        time.sleep(jittered(self._context.image.pace.look))


def _readiness(said: str) -> Done | Unknown:
    """Whether the Node that kubectl printed is ready."""
    try:
        node = printed(said)
        if node is not None:
            why = why_not_ready(node)
            return Done() if why is None else Unknown(why)
    except (ValueError, AttributeError, KeyError, TypeError):
        pass
    return Unknown(of_output(said).text)
