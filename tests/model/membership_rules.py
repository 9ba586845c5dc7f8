"""Rules that the model plays itself, and does not have from the project's own functions.

They stand for sizes, surplus and endings in
functions/reconcile, for the row that `CompleteHook` writes first, and for the boot table: a fault there is for their
own tests to find.
"""

from __future__ import annotations

from coordination.quorum import objection_to_ending
from tests.model import membership_facts as facts
from tests.model.membership_state import (
    BOOTS,
    LEAVES,
    NO_ROW,
    REMOVED,
    RETAINED,
    SERVES,
    UNLISTED,
    VOTER,
    Group,
    Node,
    Position,
    State,
)


def raises(group: Group) -> bool:
    """A slot whose desired capacity was just read as 0 is raised to 1; nothing else is ever set."""
    return group.desired == 0


def surplus(group: Group) -> tuple[int, ...]:
    """Which instance goes of a slot that is not being rolled, and whose desired capacity was read as 2.

    Dead, then booting, then newest; of two that are alike nobody knows here which one is newer.
    """
    if group.rolls or group.desired != 2 or group.active < 2:
        return ()
    active = [(place, node) for place, node in enumerate(group.nodes) if node.is_active]
    dead = [place for place, node in active if not node.alive]
    booting = [place for place, node in active if node.place == BOOTS]
    return tuple(dead or booting or [place for place, _ in active])


def ends_silent(state: State, at: Position) -> bool:
    """A voter that is silent and in service is terminated through Auto Scaling.

    Only if etcd has quorum, now and without it, and if no other terminating or retained member is silent.
    """
    node = state.at(at)
    if node.place != SERVES or node.etcd != VOTER or node.alive:
        return False
    if any(
        other.place in (LEAVES, RETAINED) and other.etcd != UNLISTED and not other.alive for _, other in state.nodes()
    ):
        return False
    return objection_to_ending(facts.membership(state), facts.name(at)) is None


def ends_stranger(node: Node) -> bool:
    """An instance in service that is not in etcd's list is terminated."""
    return node.place == SERVES and node.etcd == UNLISTED


def writes_tombstone(node: Node) -> bool:
    """Before the hook of an instance without a row is completed, its row is written, and says removed."""
    return node.row == NO_ROW


def gives_up(node: Node) -> bool:
    """A joiner whose row says removed ends itself."""
    return node.row == REMOVED
