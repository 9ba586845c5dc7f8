"""What follows from a look: which member rows to make true, what to publish, which conditions to set and to clear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import floor

from coordination.observed_state import ClusterObservation, SeenMember
from coordination.outcomes import Known, Unknown
from coordination.record import ClusterRecord
from coordination.retention import Mark, changes
from userdata.agent.observe import conditions, members
from userdata.agent.observe.actions import Action, Change, DeleteRow, MarkRow, Publish
from userdata.agent.observe.conditions import Lasting, Wanted
from userdata.agent.observe.snapshot import Nodes, Snapshot
from userdata.etcd.model import hexadecimal
from userdata.etcd.view import EtcdView
from userdata.pki.inventory import HeldCertificate


def decide(snapshot: Snapshot, lasting: Lasting) -> list[Action]:
    """What to do now, in this order. `lasting` remembers from look to look since when conditions have been wanted."""
    table = snapshot.table
    view = snapshot.view.value if isinstance(snapshot.view, Known) else None
    states = snapshot.states.value if isinstance(snapshot.states, Known) else {}
    nodes = snapshot.nodes.value if isinstance(snapshot.nodes, Known) else None
    now = int(snapshot.now)
    return [
        # Before the rows, for a change of those wakes the function, which plans by this.
        Publish(observed(snapshot.instance_id, table.record, view, nodes, snapshot.certificates, snapshot.now)),
        *([] if view is None else members.by_etcd(table.members, view.listed)),
        *([] if view is None else members.listed_again(table.members, view.listed, table.record)),
        *([] if view is None else members.by_answers(table.members, view, table.last, table.record.epoch, now)),
        *members.by_ec2(table.members, states, now),
        *_conditions(snapshot, view, states, lasting),
        *_old_rows(snapshot, states),
    ]


def _old_rows(snapshot: Snapshot, states: Mapping[str, str | None]) -> Iterator[Action]:
    """The rows of instances that are gone: marked at first, and deleted a day later."""
    instances = snapshot.instances.value if isinstance(snapshot.instances, Known) else ()
    listed = {each.instance_id for each in instances}
    for change in changes(snapshot.old_rows, listed, states, int(snapshot.now)):
        yield MarkRow(change) if isinstance(change, Mark) else DeleteRow(change)


def _conditions(
    snapshot: Snapshot, view: EtcdView | None, states: Mapping[str, str | None], lasting: Lasting
) -> list[Change]:
    table = snapshot.table
    # Whether these are members is not known.
    theirs = {Wanted(kind, name, "", "").name for name in table.unread for kind in conditions.OF_NODES}
    judged = conditions.left_behind(table.conditions, table.members) - theirs
    if isinstance(snapshot.instances, Known):
        booting = conditions.of_slots(table.boots, snapshot.instances.value)
        judged |= conditions.named_no_more(table.conditions, booting, states)
    wanted: list[Wanted] = []
    if isinstance(snapshot.view, Unknown):
        lost = lasting.of([conditions.of_no_quorum(snapshot.view.reason)], snapshot.steady)
        # Where it is stored already, by a node that boots or by the leader before, it stays as it is.
        wanted = [each for each in lost if each.name not in table.conditions]
        judged -= {conditions.Kind.QUORUM_LOST}
    else:
        seen = conditions.of_etcd(snapshot.view.value, table.members, states, table.unread)
        wanted = lasting.of(seen, snapshot.steady)
        # One that was stored by the leader before stays while there is a reason, however short this one has looked.
        wanted += [each for each in seen if each.name in table.conditions and each not in wanted]
        judged |= conditions.judged_by(snapshot.view.value, table.conditions)
    return conditions.changes(wanted, table.conditions, judged, int(snapshot.now))


def observed(
    by: str,
    record: ClusterRecord,
    view: EtcdView | None,
    nodes: Nodes | None,
    held: Sequence[HeldCertificate],
    now: float,
) -> ClusterObservation:
    """What is published of one look. `now` is in seconds since 1970."""
    moment = datetime.fromtimestamp(now, UTC)
    days = [
        each.certificate.value.days_left(moment)
        for each in held
        if isinstance(each.certificate, Known) and each.certificate.value is not None
    ]
    return ClusterObservation(
        observed_at=int(now),
        by=by,
        epoch=record.epoch,
        etcd_cluster_id="" if view is None else hexadecimal(view.listed.cluster_id),
        leader=hexadecimal(view.leader_id) if view is not None and view.leader_id else "",
        members=None if view is None else _members(view),
        size_bytes=None if view is None else view.size_bytes,
        nodes=None if nodes is None else nodes.all,
        nodes_ready=None if nodes is None else nodes.ready,
        certificate_days=floor(min(days)) if days else None,
    )


def _members(view: EtcdView) -> tuple[SeenMember, ...]:
    return tuple(
        SeenMember(
            hexadecimal(each.member_id),
            each.name,
            each.is_learner,
            view.problems.get(each.member_id, "it was not asked"),
        )
        for each in view.listed.members
    )
