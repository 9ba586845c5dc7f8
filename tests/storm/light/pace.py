"""What programs wait for longest, shortened for rounds of seconds; all in seconds of the fast clock.

The relations that the protocol stands on stay: a lease is longer than three renewals, and an operation counts as in
doubt for longer than an agent's last look may be old and its call may take.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

CONSTANTS: Mapping[tuple[str, str], float] = {
    ("coordination.members", "SILENT_SECONDS"): 20,
    ("coordination.operations", "LONGEST_SECONDS"): 50,
    ("coordination.operations", "DOUBT_SECONDS"): 22,
    ("coordination.observed_state", "FRESH_SECONDS"): 30,
    ("coordination.boot_failures", "FAILURES_SECONDS"): 240,
    ("functions.reconcile.endings", "_HOUR_SECONDS"): 120,
    ("functions.reconcile.removals", "SUCCESSOR_SECONDS"): 30,
    ("functions.reconcile.removals", "LAUNCH_SECONDS"): 8,
    ("functions.reconcile.removals", "VETO_SECONDS"): 8,
    ("functions.reconcile.processes", "LEFT_SECONDS"): 24,
}
"""By the module that defines each. Every module that has imported one gets the new value."""
PACE: Mapping[str, Mapping[str, float]] = {
    "leases": {"lease": 12, "renew": 2.5, "found": 100, "join": 80},
    "pace": {"look": 2, "gate": 1.2, "heartbeat": 24, "serve": 60, "drain": 8, "clients": 4},
}
"""What an image's own file says (userdata.config.image)."""
PERIODS: Mapping[str, float] = {
    "observe": 3,
    "sight": 3,
    "removal": 1,
    "still-restart": 8,
    "stale-nodes": 60,
    "cordons": 60,
}
"""Of tasks of the agent that have longer ones."""
NETWORK = 1.0
"""By how much time-outs of requests are longer than the fast clock would have them: etcd and the network are not
faster than ever, and a look at three members has to fit into CALL_SECONDS."""
SCHEDULE_SECONDS = 1.0
"""Between two calls of the function by its schedule; real ones."""
PAUSE_TIME = "PT2M"
"""For how long CloudFormation waits for an instance's signal."""
LAUNCH_HOOK_SECONDS = 160
"""The time-out of the launch hook."""
ROOMS = ("coordination", "functions", "userdata")


def shorten() -> None:
    """Put the short values into every module that is loaded. Raises LookupError for one that no module has."""
    for (home, name), seconds in CONSTANTS.items():
        before = getattr(sys.modules[home], name)
        for module in list(sys.modules.values()):
            mine = getattr(module, "__name__", "").partition(".")[0] in ROOMS
            if mine and module.__dict__.get(name) == before:
                setattr(module, name, type(before)(seconds))
