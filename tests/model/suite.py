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
    "three losses, a cut": Restoring(Budget(losses=3, launches=2, cuts=1)),
    "two losses, one stopped, one rebooted": Restoring(Budget(losses=2, launches=1, stops=1, reboots=1)),
    "a founder alone, without a backup": Restoring(Budget(losses=2, launches=2), members=1, backup=False),
    "two members, without a backup": Restoring(Budget(losses=3, launches=2), members=2, backup=False),
    "a node that cannot read the table": Restoring(Budget(losses=2, launches=2, reboots=1, blind=1), members=2),
}
