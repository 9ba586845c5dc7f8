"""What is explored: small models in every `make check`, larger ones in `make model`."""

from __future__ import annotations

from tests.model.founding import Founding
from tests.model.world import Faults

FOUNDING_QUICK = {
    "three nodes, one lost": Founding(Faults(losses=1), nodes=3),
    "two nodes, one lost, one rebooted, a late write": Founding(Faults(losses=1, reboots=1, late=1), nodes=2),
    "two nodes, one lost, one hung, a renewal": Founding(Faults(losses=1, hangs=1, renewals=1), nodes=2),
    "two nodes, one lost, a lost reply": Founding(Faults(losses=1, doubts=1), nodes=2),
    "two nodes, one fails for good, one rebooted": Founding(Faults(failures=1, reboots=1), nodes=2),
    "two nodes, deleted, one rebooted, a late write": Founding(Faults(deletions=1, reboots=1, late=1), nodes=2),
}
