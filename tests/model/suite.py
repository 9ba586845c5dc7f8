"""What is explored: small models in every `make check`, larger ones in `make model`."""

from __future__ import annotations

from coordination.exclusion import Activity
from tests.model.exclusion import Exclusion
from tests.model.founding import Founding
from tests.model.membership import Membership
from tests.model.membership_state import Faults as Leaving
from tests.model.region import Budget
from tests.model.restoring import Restoring
from tests.model.world import Faults

FOUNDING_QUICK = {
    "three nodes, one lost": Founding(Faults(losses=1), nodes=3),
    "two nodes, one lost, one rebooted, a late write": Founding(Faults(losses=1, reboots=1, late=1), nodes=2),
    "two nodes, one lost, one hung, a renewal": Founding(Faults(losses=1, hangs=1, renewals=1), nodes=2),
    "two nodes, one lost, a lost reply": Founding(Faults(losses=1, doubts=1), nodes=2),
    "two nodes, one fails for good, one rebooted": Founding(Faults(failures=1, reboots=1), nodes=2),
    "two nodes, deleted, one rebooted, a late write": Founding(Faults(deletions=1, reboots=1, late=1), nodes=2),
}
RESTORING_QUICK = {
    "four losses": Restoring(Budget(losses=4, launches=2)),
    "two losses, one stopped, one rebooted": Restoring(Budget(losses=2, launches=1, stops=1, reboots=1)),
    "a founder alone, without a backup": Restoring(Budget(losses=2, launches=2), members=1, backup=False),
    "two members, without a backup": Restoring(Budget(losses=3, launches=2), members=2, backup=False),
}
FOUNDING_LONG = {
    "three nodes, one lost, one rebooted": Founding(Faults(losses=1, reboots=1)),
    "three nodes, two lost": Founding(Faults(losses=2)),
    "three nodes, one lost, one hung, a renewal": Founding(Faults(losses=1, hangs=1, renewals=1)),
    "three nodes, one lost, a late write": Founding(Faults(losses=1, late=1)),
    "three nodes, one lost, a lost reply": Founding(Faults(losses=1, doubts=1)),
    "three nodes, one rebooted, one fails for good": Founding(Faults(reboots=1, failures=1)),
    "two nodes, two lost, two rebooted": Founding(Faults(losses=2, reboots=2), nodes=2),
    "two nodes, one lost, one rebooted, a lost reply, a late write": Founding(
        Faults(losses=1, reboots=1, doubts=1, late=1), nodes=2
    ),
    "two nodes, one lost, one rebooted, one hung, a late write": Founding(
        Faults(losses=1, reboots=1, hangs=1, late=1), nodes=2
    ),
}
RESTORING_LONG = {
    "a node that cannot read the table": Restoring(Budget(losses=2, launches=2, reboots=1, blind=1), members=2),
    "three losses, a cut": Restoring(Budget(losses=3, launches=2, cuts=1)),
    "four losses, deleted, one rebooted": Restoring(Budget(losses=4, launches=2, deletions=1, reboots=1)),
    "three losses, one stopped, a cut": Restoring(Budget(losses=3, launches=2, stops=1, cuts=1)),
    "four losses, three launches": Restoring(Budget(losses=4, launches=3)),
    "two members, a blind reboot, a cut": Restoring(
        Budget(losses=3, launches=2, reboots=1, blind=1, cuts=1), members=2
    ),
    "a founder alone, without a backup, rebooted and cut off": Restoring(
        Budget(losses=2, launches=2, reboots=1, cuts=1), members=1, backup=False
    ),
    "a founder alone, without a backup, that is to be terminated": Restoring(
        Budget(launches=2, leavings=1, cuts=1), members=1, backup=False
    ),
    "a founder alone, that is to be terminated, a loss, a stop": Restoring(
        Budget(losses=1, launches=2, stops=1, leavings=1), members=1
    ),
    "a founder alone, that is to be terminated and its follower, too": Restoring(
        Budget(launches=3, leavings=2, cuts=1), members=1, backup=False
    ),
    "one member, four places, a cut": Restoring(Budget(losses=1, launches=3, cuts=1), members=1, places=4),
}
MEMBERSHIP_QUICK = {
    "two terminated": Membership(Leaving(terminations=2)),
    "two terminated, no room before, an agent paused, a withdrawal": Membership(
        Leaving(terminations=2, pauses=1, withdrawals=1), room=1
    ),
    "two terminated, no room before, a pass of the function paused": Membership(
        Leaving(terminations=2, stale=1), room=1
    ),
    "two terminated, no room before, a hook ends": Membership(Leaving(terminations=2, hooks=1), room=1),
    "one hangs": Membership(Leaving(hangs=1)),
    "two hang, no room before": Membership(Leaving(hangs=2), room=1),
    "one detached, one hangs, no room before": Membership(Leaving(detachments=1, hangs=1), room=1),
    "one dies, one boot fails": Membership(Leaving(kills=1, failures=1)),
    "one terminated, an empty zone, no room before": Membership(Leaving(terminations=1), room=1, dry=1),
    "a size set by hand, a late raise": Membership(Leaving(sizes=1, raises=1)),
    "two terminated, no room before, one approved": Membership(Leaving(terminations=2, approvals=1), room=1),
    "two terminated, no room before, the last hour": Membership(Leaving(terminations=2, last_hours=1), room=1),
    "a second decrement": Membership(Leaving(decrements=1)),
    "a roll that stops, a late raise": Membership(Leaving(rolls=1, stops=1, raises=1)),
    "a roll that stops, the roll of another slot": Membership(Leaving(rolls=2, stops=1)),
}
MEMBERSHIP_LONG = {
    "one terminated, one hangs": Membership(Leaving(terminations=1, hangs=1)),
    "two terminated, one hangs, no room before, an agent paused, a withdrawal": Membership(
        Leaving(terminations=2, hangs=1, pauses=1, withdrawals=1), room=1
    ),
    "two terminated, room for two, a pass of the function paused": Membership(Leaving(terminations=2, stale=1), room=2),
    "two terminated, room for two, a joiner's late step": Membership(Leaving(terminations=2, late=1), room=2),
    "a joiner's late steps, one dies": Membership(Leaving(terminations=1, kills=1, late=2), room=2),
    "one terminated, one dies, one hangs, no room before": Membership(
        Leaving(terminations=1, kills=1, hangs=1), room=1
    ),
    "three terminated, one hangs, no room before": Membership(Leaving(terminations=3, hangs=1), room=1),
    "two terminated, one hangs, a hook ends, no room before": Membership(
        Leaving(terminations=2, hangs=1, hooks=1), room=1
    ),
    "one terminated, two boots fail, room for two": Membership(Leaving(terminations=1, failures=2), room=2),
    "one detached, one terminated": Membership(Leaving(detachments=1, terminations=1)),
    "two sizes set by hand, one terminated, no room before": Membership(Leaving(sizes=2, terminations=1), room=1),
    "a size set by hand, a second decrement, room for two": Membership(Leaving(sizes=1, decrements=1), room=2),
    "a roll that stops, one hangs, room for two": Membership(Leaving(rolls=1, stops=1, hangs=1), room=2),
    "two rolls, one terminated, a late raise": Membership(Leaving(rolls=2, terminations=1, raises=1), room=2),
    "a zone that runs dry, two terminated, one hangs, no room before": Membership(
        Leaving(droughts=1, terminations=2, hangs=1), room=1
    ),
    "a joiner that hangs inside of kubeadm, late steps, one terminated": Membership(
        Leaving(terminations=1, kills=1, hangs=1, late=1), room=1
    ),
    "five slots, two terminated, one hangs, an agent paused, no room before": Membership(
        Leaving(terminations=2, hangs=1, pauses=1), slots=5, room=1
    ),
    "two terminated, one hangs, no room before, an agent and a pass paused, a withdrawal": Membership(
        Leaving(terminations=2, hangs=1, pauses=1, withdrawals=1, stale=1), room=1
    ),
    "two terminated, one hangs, no room before, a pass paused": Membership(
        Leaving(terminations=2, hangs=1, stale=1), room=1
    ),
    "one dies, one terminated while it joins, a pass paused": Membership(
        Leaving(kills=1, terminations=1, stale=1, late=5), room=1
    ),
    "two terminated, one hangs, no room before, one approved, an agent and a pass paused": Membership(
        Leaving(terminations=2, hangs=1, approvals=1, pauses=1, stale=1), room=1
    ),
    "three terminated, a hook ends, room for two, two approved": Membership(
        Leaving(terminations=3, hooks=1, approvals=2), room=2
    ),
    "two terminated, one hangs, a zone that runs dry, the last hour, room for two": Membership(
        Leaving(terminations=2, hangs=1, droughts=1, last_hours=1), room=2
    ),
    "five slots, three terminated, no room before": Membership(Leaving(terminations=3), slots=5, room=1),
    "five slots, two hang, one terminated, no room before": Membership(
        Leaving(hangs=2, terminations=1), slots=5, room=1
    ),
}
EXCLUSION_QUICK = {
    "one of each, a withdrawal": Exclusion(
        Activity.JOIN, Activity.REMOVAL, Activity.RESTART, Activity.BACKUP, withdrawals=1
    ),
    "two restarts and a join, one dies": Exclusion(Activity.JOIN, Activity.RESTART, Activity.RESTART, deaths=1),
    "a removal, a restart and a backup, one dies": Exclusion(
        Activity.REMOVAL, Activity.RESTART, Activity.BACKUP, deaths=1
    ),
}
EXCLUSION_LONG = {
    "one of each, two restarts, one dies, a withdrawal": Exclusion(
        Activity.JOIN,
        Activity.REMOVAL,
        Activity.RESTART,
        Activity.RESTART,
        Activity.BACKUP,
        deaths=1,
        withdrawals=1,
    ),
}
