"""What a node of the founding model does between one look and the next: found, renew, or join."""

from __future__ import annotations

from coordination import claims, member_writes, node_leases
from coordination.members import Member, MemberState
from coordination.node_leases import LeaseName
from coordination.record import ClusterRecord, Phase
from coordination.writes import Transaction, Update
from tests.model.explorer import Step
from tests.model.records import CLUSTER, harms, own_row, record_of
from tests.model.table import carry_out, without
from tests.model.world import Keys, Node, World, etcd_of
from userdata.host import etcd_disk
from userdata.host.etcd_disk import DataOwner, Disk

SERVING = ("marker", "publish", "member")
NOT_WIPED = "data of a ready cluster is neither wiped nor given up"


def applied(world: World, write: Update | Transaction) -> World | None:
    """The world after a write, with whatever harm it did; None if a condition refuses it."""
    table = carry_out(world.table, write)
    if table is None:
        return None
    before, after = record_of(world.table), record_of(table)
    world = world._replace(table=table)
    if after is None or after == before:
        return world
    for harm in harms(before, after):
        world = world.with_harm(harm)
    if after.phase is Phase.READY and after.etcd_cluster_id not in world.was_ready:
        world = world._replace(was_ready=tuple(sorted({*world.was_ready, after.etcd_cluster_id})))
    watched = (after.epoch, after.owner, after.counter)
    forget = [node._replace(watch=None) if node.watch and node.watch.seen != watched else node for node in world.nodes]
    return world._replace(nodes=tuple(forget))


def pending(node: Node) -> Update | Transaction | None:
    """The write that a node is about to send."""
    if node.stage == "claim" and node.claim is not None:
        return node.claim.write
    if node.claimed is None:
        return None
    match node.stage:
        case "flip":
            return claims.set_pki_epoch(node.claimed)
        case "ready":
            row = Member(node.name, node.claimed.epoch, MemberState.VOTER)
            return claims.ready(node.claimed, etcd_of(node.disk), "", row)
        case "fails":
            return claims.release_claim(node.claimed)
    return None


def writing_step(world: World, node: Node) -> Step[World]:
    """A write of a founder; refused, it has lost its claim, and a claim itself is decided anew."""
    write = pending(node)
    assert write is not None
    label = f"{node.name} writes ({node.stage})"
    after = applied(world, write)
    if after is None:
        refused = {"claim": node.forgetful(), "fails": node.forgetful("held")}
        lost = refused.get(node.stage, node.forgetful("gives up"))
        return Step(f"{label} and is refused", world.replace_node(node, lost))
    mine = next(other for other in after.nodes if other.name == node.name)
    if node.stage == "fails":
        return Step(f"{label}: its claim is given up", after.replace_node(mine, node.forgetful("held")))
    if node.claim is None:
        return Step(label, after.where(mine, stage={"flip": "init", "ready": "marker"}[node.stage]))
    claimed = node.claim.record
    begun = after._replace(runs=after.runs + 1)
    stage = "wipe" if node.wipes else _first(claimed)
    founder = node.forgetful(stage)._replace(claimed=claimed, run=begun.runs)
    return Step(f"{label} epoch {claimed.epoch}", begun.replace_node(mine, founder))


def founding_step(world: World, node: Node) -> Step[World]:
    """One step of a founder, in the order of the protocol."""
    assert node.claimed is not None
    claimed = node.claimed
    label = f"{node.name} ({node.stage} of epoch {claimed.epoch})"
    match node.stage:
        case "wipe":
            after = world.where(node, stage=_first(claimed), disk=Disk())
            return Step(label, after.with_harm(NOT_WIPED) if etcd_of(node.disk) in world.was_ready else after)
        case "certificate" | "key":
            return _put_key(world, node, claimed.epoch, label)
        case "init":
            return Step(label, world.where(node, stage="note", disk=Disk(has_data=True)))
        case "note":
            identity = DataOwner(etcd_disk.ClusterNode(CLUSTER, node.name), claimed.epoch, f"etcd{node.run}")
            return Step(label, world.where(node, stage="ready", disk=Disk(has_data=True, identity=identity)))
        case _:
            return writing_step(world, node)


def _first(claimed: ClusterRecord) -> str:
    """The first stage after a claim: a restore keeps the keys."""
    return "certificate" if claimed.phase is Phase.CLAIMED else "init"


def _put_key(world: World, node: Node, epoch: int, label: str) -> Step[World]:
    """Create once: what is there already stays, and is only good if this run made it."""
    kept = next((keys for keys in world.keys if keys.epoch == epoch), Keys(epoch))
    found: int = getattr(kept, node.stage)
    if found not in (0, node.run):
        return Step(f"{label} is there from another run", world.replace_node(node, node.forgetful()))
    others = [keys for keys in world.keys if keys.epoch != epoch]
    stored = world._replace(keys=tuple(sorted([*others, kept._replace(**{node.stage: node.run})])))
    return Step(label, stored.where(node, stage="key" if node.stage == "certificate" else "flip"))


def renewing_step(world: World, node: Node) -> Step[World]:
    assert node.claimed is not None
    renewed = claims.renew(node.claimed)
    after = applied(world.spend("renewals"), renewed.write)
    if after is None:
        return Step(f"{node.name} finds its claim lost", world.replace_node(node, node.forgetful("gives up")))
    mine = next(other for other in after.nodes if other.name == node.name)
    return Step(f"{node.name} renews its claim", after.where(mine, claimed=renewed.record))


def joining_step(world: World, node: Node) -> Step[World]:
    """Under the lease, the row. That the lease is one holder's is the restore model's matter."""
    assert node.joins is not None
    back = world.replace_node(node, node.forgetful())
    if world.join_data != node.joins.etcd_cluster_id:
        return Step(f"{node.name} finds no join data yet", back)
    holding = node_leases.take(LeaseName.JOIN, None, node.name)
    held = applied(world, holding.write)
    assert held is not None
    row = Member(node.name, node.joins.epoch, MemberState.JOINING)
    written = applied(held, member_writes.joining_row(node.joins, row, holding.lease, own_row(world.table, node.name)))
    if written is None:
        return Step(f"{node.name}'s row is refused", back)
    released = written._replace(table=without(written.table, holding.lease.item_id))
    return Step(f"{node.name} writes its row", released.where(node, stage="add"))


def adding_step(world: World, node: Node) -> Step[World]:
    """`kubeadm join`: it is added and promoted, if somebody of the joined cluster is there; then its row says so."""
    assert node.joins is not None
    target = node.joins.etcd_cluster_id
    if not any(etcd_of(other.disk) == target and other.stage in SERVING and not other.hung for other in world.nodes):
        return Step(f"{node.name} finds nobody to join", world.replace_node(node, node.forgetful()))
    row = Member(node.name, node.joins.epoch, MemberState.JOINING)
    promoted = applied(world, member_writes.voter_row(row, "")) or world
    identity = DataOwner(etcd_disk.ClusterNode(CLUSTER, node.name), node.joins.epoch, target)
    disk = Disk(has_data=True, identity=identity)
    return Step(f"{node.name} is added", promoted.where(node, stage="marker", disk=disk, joins=None))
