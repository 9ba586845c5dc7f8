"""Wrong rules in the place of right ones, one for each invariant: what a storm has to find.

Each changes modules of ours in the process that programs are forked from, and is wrong while a round lasts, so that the
cluster is founded by the right rules. Where etcd itself would hold what a wrong rule allows, it takes that away, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import functions.reconcile.apply
import functions.reconcile.decide
import functions.reconcile.endings
import functions.reconcile.removals
import userdata.agent.removal.check
import userdata.agent.removal.task
import userdata.boot.control_plane
import userdata.boot.joining
from coordination.claims import Claim
from coordination.names import CLUSTER_ITEM
from coordination.outcomes import Done
from coordination.quorum import Objection, objection_to_removal
from coordination.record import Phase
from coordination.writes import update
from functions.reconcile.actions import ClearOperation
from tests.storm.light import kubeadm
from userdata.boot.actions import Join, TakeClaim
from userdata.boot.gate import Closed, Open

SWITCH = "wrong"
"""The file, below the storm's folder, while which is there the rules are wrong."""
_switch = [Path("/nowhere")]


def install(base: Path, name: str) -> None:
    """Put a wrong rule there. Raises LookupError for one that is not known."""
    _switch[0] = base / SWITCH
    BREAKS[name]()


def _replaced(module: Any, name: str, wrong: Callable[..., Any]) -> None:
    """While the switch is there, `wrong` is called with the right one, and with what that is given."""
    right = getattr(module, name)
    setattr(module, name, lambda *a, **k: wrong(right, *a, **k) if _switch[0].exists() else right(*a, **k))


def founds_beside_the_cluster() -> None:
    """A node that should join claims the next epoch, whatever the record says, and founds another etcd."""

    def wrong(decide: Any, snapshot: Any) -> Any:
        action = decide(snapshot)
        if not isinstance(action, Join):
            return action
        seen = action.record
        ahead = {"epoch": seen.epoch + 1, "counter": seen.counter + 1, "owner": snapshot.node.instance_id}
        record = replace(seen, phase=Phase.CLAIMED, etcd_cluster_id="", **ahead)
        return TakeClaim("as the test wants it", Claim(update(CLUSTER_ITEM, record.fields(), {}), record))

    _replaced(userdata.boot.control_plane, "decide", wrong)


def removes_whoever_stays() -> None:
    """Nobody objects to a removal, no successor is waited for, and etcd does not check who stays.

    So that the member which is silent is not removed first, none is ended for being so; and so that a busy computer
    hides nothing, a look at etcd is never too old.
    """
    task: Any = userdata.agent.removal.task
    task.CALL_SECONDS = 600
    _objection(lambda right, *given, **more: None)
    _replaced(functions.reconcile.endings, "objection_to_ending", lambda right, *given: Objection.LAST_VOTER)
    kubeadm.FLAGS["strict-reconfig-check"] = "false"


def walks_down() -> None:
    """A majority of the slots is not asked for, as if etcd's own quorum were enough, and no successor is waited for."""
    _objection(lambda right, members, target, slots, **more: objection_to_removal(members, target, 0))


def opens_the_gate() -> None:
    """A joiner passes a gate that is closed."""

    def wrong(gate: Any, view: Any) -> Any:
        seen = gate(view)
        return Open() if type(seen) is Closed else seen

    _replaced(userdata.boot.joining, "gate", wrong)


def completes_hooks_of_members() -> None:
    """No instance may be a member, so every hook is completed."""
    _replaced(functions.reconcile.decide, "may_be_member", lambda right, *given: None)


def keeps_operations() -> None:
    """An operation that has ended is never cleared."""
    _replaced(
        functions.reconcile.apply,
        "_outcome",
        lambda right, action, *given: Done() if isinstance(action, ClearOperation) else right(action, *given),
    )


def _objection(wrong: Callable[..., Any]) -> None:
    for module in (userdata.agent.removal.check, functions.reconcile.removals):
        _replaced(module, "objection_to_removal", wrong)
    _replaced(functions.reconcile.removals, "_waits_for_successor", lambda right, *given: False)


BREAKS: Mapping[str, Callable[[], None]] = {
    "founds-beside-the-cluster": founds_beside_the_cluster,
    "removes-whoever-stays": removes_whoever_stays,
    "walks-down": walks_down,
    "opens-the-gate": opens_the_gate,
    "completes-hooks-of-members": completes_hooks_of_members,
    "keeps-operations": keeps_operations,
}
