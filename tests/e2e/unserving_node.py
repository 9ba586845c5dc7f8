#!/usr/bin/python3 -I
"""The node program of an image whose nodes do not serve in slot 1: they join etcd as voters, and their API server is
never ready."""

from __future__ import annotations

import sys

sys.path.insert(0, "/opt/holdfast/lib")

from userdata.boot import activation, readiness
from userdata.boot.context import Context
from userdata.boot.failures import StepFailed
from userdata.boot.stages import RunningStage
from userdata.faults.fault import Fault
from userdata.program import main

SLOT = "1"


def wait_until_served(context: Context, told: RunningStage) -> None:
    """As it was, but for this slot."""
    readiness.wait_until_served(context, told)
    if context.node_file.place == SLOT:
        raise StepFailed(
            Fault(False, "this node's API server is not ready", "Look at the logs in /var/log/containers.")
        )


if __name__ == "__main__":
    vars(activation)[wait_until_served.__name__] = wait_until_served
    sys.exit(main(sys.argv[1:]))
