"""The founding model: three slots boot together, one founds, the others join, and anything may come in between.

What a node decides, what it writes, and how it judges a lease and an instance are the project's own functions, looked
up where they are used so that a test can put a wrong one in their place. Steps between the writes are modelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from coordination import lease_watch, termination
from coordination.names import CLUSTER_ITEM
from coordination.outcomes import Known
from coordination.record import ClusterRecord, Phase
from coordination.writes import update
from tests.model import leaving, node_steps
from tests.model.explorer import Step
from tests.model.node_steps import NOT_WIPED, SERVING
from tests.model.records import CLUSTER, FINAL, FORWARD, LEASE_SECONDS, ONE_OWNER, record_of, rows_of
from tests.model.world import Faults, Node, World, canonical, etcd_of, parts, whole
from userdata.boot import decide as table_of_boot
from userdata.boot import restore, snapshot
from userdata.boot.actions import AbandonLaunch, EvaluateRestore, GrantRelease, Join, Resume, Stop, TakeClaim
from userdata.boot.restore import Evidence, RestoreRules
from userdata.boot.snapshot import PeerAnswer, Snapshot
from userdata.host import etcd_disk
from userdata.host.etcd_disk import Disk

FOUNDING = ("wipe", "certificate", "key", "flip", "init", "note", "ready")
AT_REST = ("look", "member", "stopped", "held")

ONE_CLUSTER = "of all clusters that were ever ready, at most one lives"
WHOLE_KEYS = "the keys in use are whole and were made by one run"
IN_THE_CLUSTER = "whoever completes its launch hook is in the ready cluster"
NOT_STARTED = "data that is half made or foreign is never started"
_HARMS = (NOT_WIPED, NOT_STARTED, FORWARD, ONE_OWNER, FINAL)


class Founding:
    """The model.

    `hooks_run_out` is false where something keeps the launch hook of a hung node alive. After `most_runs` foundings
    nobody claims any more: a bound, for rules under which claims need no fault.
    """

    def __init__(self, faults: Faults, nodes: int = 3, hooks_run_out: bool = True, most_runs: int = 100) -> None:
        self._faults = faults
        self._nodes = nodes
        self._hooks_run_out = hooks_run_out
        self._most_runs = most_runs
        self._rules = RestoreRules(slots=nodes, oldest_backup_seconds=0)
        # Of this model alone: a test may have put another decision in the place of the project's.
        self._decide = cache(lambda seen: table_of_boot.decide(seen))

    @property
    def invariants(self) -> Mapping[str, Callable[[World], bool]]:
        """What must hold in every state."""
        harms = {what: lambda world, what=what: what not in world.harm for what in _HARMS}
        return {ONE_CLUSTER: _one_cluster, WHOLE_KEYS: _whole_keys, IN_THE_CLUSTER: _in_the_cluster, **harms}

    def initial(self) -> World:
        """Nothing but fresh instances."""
        return canonical(World(self._faults, tuple(Node(f"i-{place + 1}") for place in range(self._nodes))))

    parts, whole = staticmethod(parts), staticmethod(whole)

    def is_good(self, world: World) -> bool:
        """One cluster with every node in it, but those that a person has to look at; or a loss that a person ends."""
        record = record_of(world.table)
        if record is None or record.phase is not Phase.READY:
            return record is not None and record.phase is Phase.DELETING
        inside = [node for node in world.nodes if etcd_of(node.disk) == record.etcd_cluster_id]
        ever = [row for row in rows_of(world.table) if row.epoch == record.epoch]
        if len(ever) > 1 and (not inside or any(node.leaving for node in world.nodes)):
            # Lost without a backup, or held until its membership is ended: both are named by a condition.
            return True
        settled = all(node.stage == "held" or (node in inside and node.stage == "member") for node in world.nodes)
        return settled and world.join_data == record.etcd_cluster_id

    def steps(self, world: World) -> Iterator[Step[World]]:
        """Everything that can happen next."""
        for step in self._raw_steps(world):
            yield step._replace(after=canonical(step.after))

    def _raw_steps(self, world: World) -> Iterator[Step[World]]:
        for node in world.nodes:
            yield from self._faults_of(world, node)
            if node.hung:
                yield Step(f"{node.name} wakes up", world.where(node, hung=False), fault=True)
                if self._hooks_run_out and not node.leaving:
                    yield Step(f"{node.name} hangs: its launch hook runs out", world.where(node, leaving=True))
            else:
                yield from self._of_node(world, node)
            if node.leaving and (let_go := leaving.let_go(world.table, node.name)) is not None:
                table = leaving.without_gone(let_go, node.name)
                yield Step(f"{node.name} is let go and replaced", _replaced(world._replace(table=table), node))
        for write in world.late:
            left = tuple(each for each in world.late if each is not write)
            landed = node_steps.applied(world, write) or world
            yield Step("a write that was under way arrives", landed._replace(late=left), fault=True)
        if world.faults.deletions:
            deleting = update(CLUSTER_ITEM, {"Phase": Phase.DELETING.value, "ClusterId": CLUSTER}, {})
            after = node_steps.applied(world.spend("deletions"), deleting)
            assert after is not None
            yield Step("the cluster is deleted", after, fault=True)

    def _faults_of(self, world: World, node: Node) -> Iterator[Step[World]]:
        faults = world.faults
        write = node_steps.pending(node)
        rebooted = node.forgetful()
        if faults.losses:
            yield Step(f"{node.name} ({node.stage}) is lost", _replaced(world.spend("losses"), node), fault=True)
        if faults.reboots and node.stage != "look":
            after = world.spend("reboots").replace_node(node, rebooted)
            yield Step(f"{node.name} ({node.stage}) reboots", after, fault=True)
        if write is not None and faults.late:
            under_way = world.spend("late")._replace(late=(*world.late, write))
            if faults.losses:
                lost = _replaced(under_way.spend("losses"), node)
                yield Step(f"{node.name} ({node.stage}) is lost, its write is under way", lost, fault=True)
            if faults.reboots:
                after = under_way.spend("reboots").replace_node(node, rebooted)
                yield Step(f"{node.name} ({node.stage}) reboots, its write is under way", after, fault=True)
        if write is not None and faults.doubts:
            doubtful = world.spend("doubts").replace_node(node, rebooted)
            yield Step(f"{node.name} ({node.stage}) gets no reply, and nothing happened", doubtful, fault=True)
            happened = node_steps.applied(doubtful, write)
            if happened is not None:
                yield Step(f"{node.name} ({node.stage}) gets no reply, and it happened", happened, fault=True)
        if faults.hangs and not node.hung and node.stage not in AT_REST:
            after = world.spend("hangs").where(node, hung=True)
            yield Step(f"{node.name} ({node.stage}) hangs", after, fault=True)
        if faults.failures and node.stage in FOUNDING:
            after = world.spend("failures").where(node, stage="fails")
            yield Step(f"{node.name} ({node.stage}) finds that it cannot found", after, fault=True)

    def _of_node(self, world: World, node: Node) -> Iterator[Step[World]]:
        name = node.name
        if node.stage in FOUNDING and world.faults.renewals and any(other.watch for other in world.nodes):
            yield node_steps.renewing_step(world, node)
        match node.stage:
            case "look":
                yield from self._look(world, node)
            case "join":
                yield node_steps.joining_step(world, node)
            case "add":
                yield node_steps.adding_step(world, node)
            case "gives up":
                yield Step(f"{name} gives up its place and is replaced", _replaced(world, node))
            case "marker":
                marked = Disk(has_data=True, identity=node.disk.identity, has_marker=True)
                yield Step(f"{name} writes its marker", world.where(node, disk=marked, stage="publish"))
            case "publish":
                inside = world.replace_node(node, node.forgetful("member"))
                published = inside._replace(join_data=etcd_of(node.disk))
                yield Step(f"{name} publishes join data and completes its launch hook", published)
            case "member" if world.join_data != etcd_of(node.disk):
                yield Step(f"{name} publishes join data that is missing", world._replace(join_data=etcd_of(node.disk)))
            case "claim" | "fails":
                yield node_steps.writing_step(world, node)
            case stage if stage in FOUNDING:
                yield node_steps.founding_step(world, node)

    def _look(self, world: World, node: Node) -> Iterator[Step[World]]:
        record = record_of(world.table)
        seen = look(world, node, record)
        action = self._decide(seen)
        if isinstance(action, EvaluateRestore):
            action = restore.decide_restore(_evidence(world, node, action.record), self._rules)
        match action:
            case GrantRelease(grant=grant):
                told = node_steps.applied(world, leaving.said(grant))
                if told is not None and told != world:
                    yield Step(f"{node.name} says that {grant.instance_id} need not be held", told)
            case TakeClaim(claim=claim, wipe=wipe) if world.runs < self._most_runs:
                after = world.where(node, stage="claim", claim=claim, wipes=wipe)
                yield Step(f"{node.name} is about to claim epoch {claim.record.epoch}", after)
            case AbandonLaunch(reason=reason):
                after = world.where(node, stage="gives up")
                mine = (
                    record is not None and record.phase is Phase.READY and etcd_of(node.disk) == record.etcd_cluster_id
                )
                yield Step(f"{node.name}: {reason}", after.with_harm(NOT_WIPED) if mine else after)
            case Stop(reason=reason):
                yield Step(f"{node.name} stops: {reason}", world.where(node, stage="stopped"))
            case Resume():
                after = world.where(node, stage="marker")
                foreign = record is None or etcd_of(node.disk) != record.etcd_cluster_id
                yield Step(f"{node.name} resumes", after.with_harm(NOT_STARTED) if foreign else after)
            case Join(record=joins):
                yield Step(f"{node.name} is about to join", world.where(node, stage="join", joins=joins))
            case _:
                yield from _watching(world, node, record)


def look(world: World, node: Node, record: ClusterRecord | None) -> Snapshot:
    """What a node sees; the table answers always, since a node that cannot read it only waits."""
    row = next((row for row in rows_of(world.table) if row.instance_id == node.name), None)
    answers = [
        PeerAnswer(etcd_of(other.disk), has_quorum=True)
        for other in world.nodes
        if other is not node and other.stage in SERVING and not other.hung
    ]
    return Snapshot(
        node=etcd_disk.ClusterNode(CLUSTER, node.name),
        disk=node.disk,
        record=Known(record),
        row=Known(row),
        owner_gone=Known(record is not None and record.owner != "" and _is_gone(world, record.owner)),
        owner_still=node.watch is not None and node.watch.is_still(LEASE_SECONDS),
        reach=snapshot.reach(answers, record.etcd_cluster_id if record else ""),
    )


def _watching(world: World, node: Node, record: ClusterRecord | None) -> Iterator[Step[World]]:
    """Watch the owner of a claim: once, and again a whole lease later."""
    if record is None or record.phase not in (Phase.CLAIMED, Phase.RESTORING):
        return
    now = 0.0 if node.watch is None else LEASE_SECONDS
    watch = lease_watch.observe(node.watch, (record.epoch, record.owner, record.counter), now, now)
    if watch != node.watch:
        yield Step(f"{node.name} watches the owner of epoch {record.epoch}", world.where(node, watch=watch))


def _replaced(world: World, node: Node) -> World:
    return world.replace_node(node, Node("i-new"))


def _evidence(world: World, node: Node, record: ClusterRecord) -> Evidence:
    rows = rows_of(world.table)
    gone = frozenset(row.instance_id for row in rows if _is_gone(world, row.instance_id))
    me = etcd_disk.ClusterNode(CLUSTER, node.name)
    instances = tuple(
        leaving.in_group(each.name, leaving=each.leaving, member=each.stage == "member") for each in world.nodes
    )
    booted = frozenset(each.name for each in world.nodes)
    return Evidence(
        me, record, Known(rows), Known(gone), Known(instances), Known(booted), True, Known(None), Known(None), now=0
    )


def _is_gone(world: World, instance_id: str) -> bool:
    alive = any(node.name == instance_id for node in world.nodes)
    return termination.is_gone("running" if alive else termination.TERMINATED, None, None, now=0)


def _one_cluster(world: World) -> bool:
    return len({etcd_of(node.disk) for node in world.nodes} & set(world.was_ready)) <= 1


def _whole_keys(world: World) -> bool:
    record = record_of(world.table)
    if record is None or record.phase is not Phase.READY:
        return True
    return any(keys.epoch == record.pki_epoch and keys.certificate == keys.key != 0 for keys in world.keys)


def _in_the_cluster(world: World) -> bool:
    record = record_of(world.table)
    if record is None or record.phase is Phase.DELETING:
        return True
    inside = [node for node in world.nodes if node.stage == "member"]
    return all(record.phase is Phase.READY and etcd_of(node.disk) == record.etcd_cluster_id for node in inside)
