"""Puts a boot together: the first stages, which every node has, then a control plane's boot or a worker's."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from coordination.adapters.clients import client
from coordination.adapters.instances import ClusterGroups
from coordination.adapters.table import ClusterTable
from coordination.backups import Backup
from coordination.boots import Boot, tell
from coordination.outcomes import Done, Known, Reading, Unknown
from userdata.boot.context import Context, jittered, seconds_since_1970
from userdata.boot.control_plane import ControlPlaneBoot
from userdata.boot.end import End
from userdata.boot.etcd_peers import EtcdPeerClients
from userdata.boot.failures import StepFailed
from userdata.boot.launch_hook import LaunchHeartbeat
from userdata.boot.readiness import NodeServers
from userdata.boot.retry import wait_unless_permanent
from userdata.boot.stages import Stages
from userdata.boot.worker import Worker, WorkerContext
from userdata.cloud.lifecycle import OwnAutoScalingGroup, StackSignals
from userdata.config import image, node_file
from userdata.config.image import ImageFacts
from userdata.config.node_file import NodeFile
from userdata.config.settings import ClusterSettings, InvalidSettings, PoolSettings
from userdata.config.ssm import read_cluster, read_issuers, read_pool
from userdata.faults.fault import Fault
from userdata.host import environment
from userdata.host.clock import is_synchronised
from userdata.host.commands import run
from userdata.host.etcd_disk import EtcdDisk
from userdata.host.instance import InstanceIdentity, Metadata
from userdata.join.store import JoinStore
from userdata.join.wiring import join_tokens
from userdata.kube.access import Access
from userdata.kube.client import Api
from userdata.kubeadm.machine import SystemMachine
from userdata.kubeadm.oidc import OidcIssuer
from userdata.logs.cloudwatch import Mirror, stream_name
from userdata.logs.lines import Log
from userdata.logs.outputs import Outputs, outputs
from userdata.pki.store import PkiStore
from userdata.volume import states

_CLOCK_LOOK_SECONDS = 2.0
_LOOK_SECONDS = 2.0

Value = TypeVar("Value")


class _NoBackups:
    """No node takes backups yet, so there is none: known, and not a failure to look."""

    def newest(self) -> Reading[Backup | None]:
        return Known(None)


@dataclass(frozen=True)
class _Begun:
    """What the first stages have found, whatever the node is."""

    root: Path
    log: Log
    about: NodeFile
    facts: ImageFacts
    identity: InstanceIdentity
    ssm: Any
    settings: ClusterSettings
    issuers: tuple[OidcIssuer, ...]
    table: ClusterTable
    stages: Stages

    @property
    def join_data(self) -> JoinStore:
        """What workers join by."""
        return JoinStore(self.ssm, self.about.parameters, self.settings.key_arn)


def boot(root: Path) -> End:
    """Boot this node."""
    with outputs("boot", root) as out, out.log.stage("boot", whole=True) as whole:
        end = _boot(root, out)
        whole.reason = end.value
        return end


def _boot(root: Path, out: Outputs) -> End:
    log = out.log
    with log.stage("identity") as told:
        about = node_file.read(root)
        facts = image.read(root)
        identity = _until(Metadata().identity, told.wait)
    # boto3 takes the region from here, and credentials from the instance's role.
    environment.prepare(about.region)
    table = ClusterTable(client("dynamodb"), about.table)
    stages = _announced(log, table, identity, about.place)
    with stages.stage("settings") as said:
        ssm = client("ssm")
        settings = _until(lambda: _read(read_cluster(ssm, about.parameters)), said.wait)
        # A worker takes no tokens, and its role may not read of them.
        issuers: tuple[OidcIssuer, ...] = ()
        if about.is_control_plane:
            issuers = _until(lambda: _read(read_issuers(ssm, about.parameters)), said.wait)
    group = settings.control_plane_log_group if about.is_control_plane else settings.worker_log_group
    out.mirror(Mirror(client("logs"), group, stream_name(about.role, identity.instance_id)))
    with stages.stage("clock") as said:
        _wait_for_clock(facts, said.wait)
    begun = _Begun(root, log, about, facts, identity, ssm, settings, issuers, table, stages)
    return _control_plane(begun) if about.is_control_plane else _worker(begun)


def _control_plane(begun: _Begun) -> End:
    root, log, about, facts = begun.root, begun.log, begun.about, begun.facts
    identity, ssm, settings, table = begun.identity, begun.ssm, begun.settings, begun.table
    system = SystemMachine(root)
    autoscaling = client("autoscaling")
    own_group = OwnAutoScalingGroup(autoscaling, about.cluster_uuid, identity.instance_id)

    def say(reason: str) -> None:
        with log.stage("heartbeat") as told:
            told.reason = reason

    context = Context(
        root=root,
        identity=identity,
        node_file=about,
        settings=settings,
        issuers=begun.issuers,
        image=facts,
        kubernetes_version=system.kubernetes_version(),
        table=table,
        groups=ClusterGroups(autoscaling, client("ec2"), about.cluster_uuid),
        own_group=own_group,
        backups=_NoBackups(),
        pki=PkiStore(ssm, about.parameters, settings.key_arn, settings.tags),
        stack=StackSignals(client("cloudformation"), settings.control_plane_stack, identity.instance_id),
        system=system,
        volume=partial(states.read, root),
        disk=EtcdDisk(root),
        stages=begun.stages,
        launch_hook=LaunchHeartbeat(own_group.heartbeat, facts.pace.heartbeat, say),
        servers=NodeServers(root, identity.address, settings.api_endpoint),
        run=run,
    )
    api = Api(identity.address, Access(identity.instance_id, root).agent)
    tokens = join_tokens(root, settings.api_endpoint, table, begun.join_data, api, facts.pace.token)
    return ControlPlaneBoot(context, EtcdPeerClients(root, identity.instance_id), tokens).run()


def _worker(begun: _Begun) -> End:
    about, stages = begun.about, begun.stages
    with stages.stage("pool") as told:
        pool: PoolSettings = _until(lambda: _read(read_pool(begun.ssm, about.parameters, about.place)), told.wait)
    context = WorkerContext(
        root=begun.root,
        identity=begun.identity,
        settings=begun.settings,
        pool=pool,
        image=begun.facts,
        table=begun.table,
        join_data=begun.join_data,
        system=SystemMachine(begun.root),
        stages=stages,
        run=run,
    )
    return Worker(context).run()


def _announced(log: Log, table: ClusterTable, identity: InstanceIdentity, place: str) -> Stages:
    """The instance's own row, before anything else: without it nobody could tell whether it ever did anything."""
    row = Boot(identity.arn, "boot", started_at=seconds_since_1970(), place=place)
    stages = Stages(log, lambda changed: table.apply(tell(changed)), row)
    with log.stage("boot-row") as told:
        while not isinstance(outcome := stages.store_again(), Done):
            told.wait(outcome.reason if isinstance(outcome, Unknown) else "another writer changed the row")
            time.sleep(jittered(_LOOK_SECONDS))
    return stages


def _wait_for_clock(facts: ImageFacts, say: Callable[[str], object]) -> None:
    """Wait until the clock is synchronised. Raises StepFailed."""
    deadline = time.monotonic() + facts.pace.clock
    while not facts.shared_clock and not is_synchronised():
        if time.monotonic() > deadline:
            fault = Fault(False, "the clock is not synchronised", "Look at chrony: chronyc tracking, chronyc sources.")
            raise StepFailed(fault)
        say("the clock is not synchronised yet")
        time.sleep(_CLOCK_LOOK_SECONDS)


def _read(found: Known[Value] | InvalidSettings | Unknown) -> Known[Value] | Unknown:
    """A reading of settings. Raises StepFailed where waiting does not help."""
    if isinstance(found, InvalidSettings):
        raise StepFailed(Fault(True, "; ".join(found.problems), "Deploy the cluster's stack again."))
    return found


def _until(look: Callable[[], Known[Value] | Unknown], say: Callable[[str], object]) -> Value:
    """Look until there is an answer. Raises StepFailed where waiting does not help."""
    while True:
        found = look()
        if isinstance(found, Known):
            return found.value
        wait_unless_permanent(found, _LOOK_SECONDS, say, time.sleep)
