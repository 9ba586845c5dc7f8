"""What is explored: small models in every `make check`, larger ones in `make model`."""

from __future__ import annotations

from tests.model.founding import Founding
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
