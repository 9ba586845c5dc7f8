"""The agent as a program: its log, its tasks, and how it ends."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

from coordination.adapters.clients import client
from coordination.node_leases import LeaseName
from userdata import notify
from userdata.agent.ground import Ground, ground_of
from userdata.agent.leasing import Leasing
from userdata.agent.loop import Loop, serve
from userdata.agent.pulse import Pulse
from userdata.agent.task_list import tasks
from userdata.agent.tasks import Task
from userdata.cloud.logs import Mirror, stream_name
from userdata.log import Log
from userdata.outputs import outputs


def agent(root: Path) -> int:
    """Run the agent until SIGTERM; the exit code."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with outputs("agent", root) as out:
        with out.log.stage("start"):
            ground = ground_of(root)
        stream = f"{stream_name(ground.node.role, ground.identity.instance_id)}/agent"
        out.mirror(Mirror(client("logs"), ground.settings.node_log_group, stream))
        return _run(ground, out.log, stop)


def _run(ground: Ground, log: Log, stop: threading.Event) -> int:
    tell = notify.notifier()
    pulse = Pulse(tell)
    timings = ground.image.pace.leases
    leadership = Leasing(ground.table, LeaseName.AGENT, ground.identity.instance_id, timings)
    lead = Task("lead", timings.renew, leadership.contend, leader_only=False)
    loop = Loop([lead, *tasks(ground, pulse)], leadership, log, pulse)
    tell(notify.READY)
    return serve(loop, pulse, leadership.let_go, stop)
