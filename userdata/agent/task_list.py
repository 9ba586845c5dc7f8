"""Every task of the agent, wired to its node."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from functools import partial

from coordination.adapters.access_table import AccessTable
from coordination.adapters.clients import client
from coordination.exclusion import Activity
from coordination.names import CLUSTER_READY
from coordination.node_leases import LeaseName
from coordination.outcomes import Known, Reading, Unknown
from coordination.ports import Table
from userdata.agent import addon_tasks, certificate_renewal, cluster_ready, csr_approver, etcd_restart, issuers, probes
from userdata.agent.access_policy import Listed
from userdata.agent.access_requests import AccessRequests
from userdata.agent.certificate_renewal import CertificateContext
from userdata.agent.cluster_ready import ClusterReadySignal
from userdata.agent.context import AgentContext
from userdata.agent.cordons import Cordons
from userdata.agent.current_settings import current_settings
from userdata.agent.draining import DrainContext, WorkerDrains
from userdata.agent.etcd_restart import TooFewVoters
from userdata.agent.fence import SelfFence
from userdata.agent.observe.conditions import Kind, Wanted, of_restart
from userdata.agent.observe.gather import ObservationSources
from userdata.agent.observe.own_condition import keep
from userdata.agent.observe.snapshot import Nodes
from userdata.agent.observe.task import Observer
from userdata.agent.pool_marks import PoolMarks
from userdata.agent.pool_signals import PoolSignals
from userdata.agent.removal.task import AgentLease, Removal, RemovalContext
from userdata.agent.sight import Sight
from userdata.agent.stale_nodes import StaleNodes
from userdata.agent.still_leases import StillLease
from userdata.agent.tasks import Task
from userdata.agent.watchdog import Pulse
from userdata.cloud.lifecycle import StackSignals
from userdata.config.ssm import read_cluster, read_issuers, read_pool
from userdata.etcd import view
from userdata.etcd.client import NODE_CREDENTIALS, Etcd
from userdata.etcd.view import EtcdLook, EtcdView, member_at
from userdata.host.commands import run
from userdata.host.etcd_disk import DataOwner
from userdata.join.store import JoinStore
from userdata.join.tokens import JoinTokens
from userdata.join.wiring import join_tokens as publisher
from userdata.kube.access import Access
from userdata.kube.client import Api
from userdata.kube.drain import drain_step
from userdata.kube.nodes import why_not_ready
from userdata.kube.resources import NODES
from userdata.kubeadm import certs_config
from userdata.kubeadm.machine import SystemMachine
from userdata.leases.holder import LeaseHolder
from userdata.leases.others import Others
from userdata.logs.lines import StageFailed
from userdata.pki.placing import CLUSTER_CA, cluster_authority

_LOOKS_AT_A_LIFETIME = 30
# A token is renewed soon after half of its lifetime.
_LOOKS_AT_A_TOKEN = 48
_LONGEST_TOKEN_PERIOD_SECONDS = 300.0
JOIN_LEASE_SECONDS = 60.0
"""How long an agent holds `lease#join`, which it needs for one look at etcd and one write."""


def tasks(context: AgentContext, leadership: AgentLease, measured: Callable[[str], object]) -> Sequence[Task]:
    """All that take moments; the loop begins with those that are due soonest. `measured` takes lines of metrics."""
    identity, own = context.identity, member_at(context.identity.address)
    sight = Sight(identity.instance_id, _identity(context).epoch, context.table, own, member_at, leadership)
    store = JoinStore(client("ssm"), context.node.parameters, context.settings.key_arn)
    endpoint, seconds = context.settings.api_endpoint, context.image.pace.token
    tokens = publisher(context.root, endpoint, context.table, store, context.api, seconds)
    return (
        SelfFence(context.table, _identity(context), SystemMachine(context.root).stop).task(),
        sight.task(),
        _join_token(tokens),
        cluster_ready.task(_cluster_ready_signal(context)),
        addon_tasks.installation(context, _identity(context).epoch),
        *Observer(_sources(context), context.table, context.node.cluster_uuid, measured).tasks(),
    )


def approvals(context: AgentContext, pulse: Pulse) -> Sequence[Task]:
    """What new nodes wait for: certificates, their pools' marks and signals. There may be thousands of requests, so
    they have a loop and a client of their own."""
    identity = context.identity
    api = Api(identity.address, Access(identity.instance_id, context.root).agent)
    prefix = identity.arn.removesuffix(identity.instance_id)
    judge = csr_approver.CsrApprover(api, context.groups, context.table, lambda instance_id: prefix + instance_id)
    settings = partial(read_pool, client("ssm"), context.node.parameters)
    pools = PoolMarks(api, context.groups.groups, settings, context.groups.states, pulse.beat)
    stacks = client("cloudformation")
    signals = PoolSignals(
        api,
        context.groups.groups,
        settings,
        lambda stack, resource, instance_id: StackSignals(stacks, stack, instance_id).signal(resource),
        pulse.beat,
    )
    return (*csr_approver.tasks(judge), pools.task(), signals.task())


def access(context: AgentContext, pulse: Pulse) -> Task:
    """What answers people. Each of them writes as much into the table as he likes, so no node waits for it: it has a
    loop and a client of its own."""
    identity = context.identity
    ssm = client("ssm")

    def listed() -> Listed:
        return current_settings(partial(read_cluster, ssm, context.node.parameters)).listed

    def authority() -> str:
        try:
            return cluster_authority(context.root)
        except OSError as error:
            raise StageFailed(f"{CLUSTER_CA}: {error.strerror}") from error

    api = Api(identity.address, Access(identity.instance_id, context.root).agent)
    table = AccessTable(client("dynamodb"), context.settings.access_table)
    return AccessRequests(api, table, listed, authority, beat=pulse.beat, sleep=pulse.pause).task()


def renewal(context: AgentContext, pulse: Pulse) -> Task:
    """The one that takes minutes. It runs beside the others: of what they use it may use only what keeps no state.

    That is the clients of the table, of EC2 and of etcd, and the certificates' files; the lease is its own.
    """
    return certificate_renewal.task(_certificate_context(context, pulse), _renewal_period(context))


def sign_in(context: AgentContext) -> Task:
    """What keeps API servers to the issuers of the last deploy; people wait a minute, nothing of the cluster does."""
    return issuers.task(context.root, partial(read_issuers, client("ssm"), context.node.parameters))


def departures(context: AgentContext, leadership: AgentLease, pulse: Pulse) -> Sequence[Task]:
    """What ends memberships and Nodes. A drain's step takes half a minute, so these have a loop and a client of their
    own."""
    identity = context.identity
    api = Api(identity.address, Access(identity.instance_id, context.root).agent)
    own = _identity(context)
    timings = context.image.pace.leases
    states = context.groups.states
    join_lease = LeaseHolder(
        context.table, LeaseName.JOIN, identity.instance_id, timings, JOIN_LEASE_SECONDS, states=states
    )
    removal = Removal(
        RemovalContext(
            instance_id=identity.instance_id,
            epoch=own.epoch,
            slots=context.settings.slots,
            pace=context.image.pace,
            table=context.table,
            leadership=leadership,
            join_lease=join_lease.during,
            beside_call=Others(context.table, Activity.CALL, timings.lease, states=states),
            look=_look(context),
            own=Etcd(identity.address, NODE_CREDENTIALS),
            at=member_at,
            instances=context.groups.instances,
            states=states,
            drain=lambda name, force: drain_step(api, name, force=force),
            beat=pulse.beat,
        )
    )
    restarts = StillLease(context.table, LeaseName.RESTART, timings, states=states)
    stale = StaleNodes(api, states, pulse.beat)
    cordons = Cordons(api, context.table, context.groups.instances, pulse.beat)
    return (removal.task(), stale.task(), cordons.task(), restarts.task())


def draining(context: AgentContext, pulse: Pulse) -> Task:
    """What drains workers that terminate: no removal waits for it, so it has a loop and a client of its own, too."""
    identity = context.identity
    api = Api(identity.address, Access(identity.instance_id, context.root).agent)
    return WorkerDrains(
        DrainContext(
            instance_id=identity.instance_id,
            epoch=_identity(context).epoch,
            table=context.table,
            drain=lambda name, force: drain_step(api, name, force=force),
            beat=pulse.beat,
        )
    ).task()


def _look(context: AgentContext) -> EtcdLook:
    own = member_at(context.identity.address)

    def look(gone: Collection[str] = ()) -> Reading[EtcdView]:
        return view.look(own, member_at, gone)

    return look


def _identity(context: AgentContext) -> DataOwner:
    identity = context.disk.read().identity
    if identity is None:
        raise StageFailed("the file that says whose etcd data is on this node is missing: the boot has not come so far")
    return identity


def _cluster_ready_signal(context: AgentContext) -> ClusterReadySignal:
    stack = StackSignals(client("cloudformation"), context.settings.control_plane_stack, context.identity.instance_id)
    return ClusterReadySignal(
        context.settings.slots,
        _look(context),
        partial(stack.signal, CLUSTER_READY),
    )


def _join_token(tokens: JoinTokens) -> Task:
    """What keeps the join data good."""
    period = min(_LONGEST_TOKEN_PERIOD_SECONDS, tokens.lifetime_seconds / _LOOKS_AT_A_TOKEN)
    return Task("join-token", period, tokens.run, leader_only=True)


def _sources(context: AgentContext) -> ObservationSources:
    def nodes() -> Reading[Nodes]:
        listed = context.api.list(NODES)
        if not isinstance(listed, Known):
            return Unknown(listed.reason)
        ready = [node for node in listed.value if not why_not_ready(node)]
        return Known(Nodes(len(listed.value), len(ready)))

    return ObservationSources(
        context.identity.instance_id,
        context.table,
        _look(context),
        context.groups.states,
        context.groups.instances,
        nodes,
        partial(certificate_renewal.found, context.root),
    )


def _keep_due(table: Table, instance_id: str, waits: TooFewVoters | None) -> str:
    name = Wanted(Kind.CERTIFICATES_DUE, instance_id, "", "").name
    wanted = [] if waits is None else [of_restart(instance_id, waits.reason)]
    return keep(table, name, wanted, int(time.time()))


def _renewal_period(context: AgentContext) -> float:
    """Often enough that what is due with a third of its lifetime left is renewed long before its end."""
    return min(certificate_renewal.PERIOD_SECONDS, context.image.lifetimes.leaf / _LOOKS_AT_A_LIFETIME)


def _certificate_context(context: AgentContext, pulse: Pulse) -> CertificateContext:
    identity = context.identity
    own = member_at(identity.address)
    authority = str(context.root / CLUSTER_CA.lstrip("/"))
    timings = context.image.pace.leases
    lease = LeaseHolder(
        context.table,
        LeaseName.RESTART,
        identity.instance_id,
        timings,
        certificate_renewal.STAGE_SECONDS,
        others=Others(context.table, Activity.RESTART, timings.lease, states=context.groups.states),
        states=context.groups.states,
    )
    return CertificateContext(
        root=context.root,
        lease=lease,
        configuration=certs_config.configuration(context.cluster(_identity(context).epoch), identity.address),
        run=run,
        started=probes.started,
        why_not_serving=lambda pod: probes.why_not_serving(pod, identity.address, authority, own),
        judge=lambda ends, now: etcd_restart.judge(view.look(own, member_at), identity.instance_id, ends, now),
        tell=partial(_keep_due, context.table, identity.instance_id),
        until=pulse.until,
    )
