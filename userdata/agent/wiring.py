"""The agent as a program: its log, its tasks, and how it ends."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

from coordination.adapters.clients import client
from coordination.node_leases import LeaseName
from userdata.agent.addon_tasks import handing_over
from userdata.agent.context import AgentContext, agent_context
from userdata.agent.loop import Loop, serve
from userdata.agent.task_list import access, approvals, departures, draining, renewal, sign_in, tasks
from userdata.agent.tasks import Task
from userdata.agent.watchdog import Heart
from userdata.host import notify
from userdata.leases.holder import LeaseHolder
from userdata.logs.cloudwatch import Mirror, stream_name
from userdata.logs.outputs import Outputs, outputs


def agent(root: Path) -> int:
    """Run the agent until SIGTERM; the exit code."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with outputs("agent", root) as out:
        with out.log.stage("start"):
            context = agent_context(root)
        stream = f"{stream_name(context.node.role, context.identity.instance_id)}/agent"
        out.mirror(Mirror(client("logs"), context.settings.control_plane_log_group, stream))
        return _run(context, out, stop)


def _run(context: AgentContext, out: Outputs, stop: threading.Event) -> int:
    tell = notify.notifier()
    heart = Heart(tell)
    often, rarely = heart.pulse("tasks"), heart.pulse("certificates")
    members, workers, requests = heart.pulse("members"), heart.pulse("drains"), heart.pulse("approvals")
    people = heart.pulse("access")
    # What a task has computed is what its own thread has: the other loop's goes on meanwhile.
    log = replace(out.log, clocks=replace(out.log.clocks, computed=time.thread_time))
    timings = context.image.pace.leases
    leadership = LeaseHolder(
        context.table, LeaseName.AGENT, context.identity.instance_id, timings, states=context.groups.states
    )
    lead = Task("lead", timings.renew, leadership.contend, leader_only=False)
    # Restarting what has new certificates takes minutes, and so do drains; workers that join wait for neither, a member
    # that leaves waits for no worker's drain, and nothing waits while thousands of requests are judged, or people's.
    loops = [
        Loop([lead, *tasks(context, leadership, out.send)], leadership, log, often),
        Loop(approvals(context, requests), leadership, log, requests),
        Loop([renewal(context, rarely), *handing_over(context), sign_in(context)], leadership, log, rarely),
        Loop(departures(context, leadership, members), leadership, log, members),
        Loop([draining(context, workers)], leadership, log, workers),
        Loop([access(context, people)], leadership, log, people),
    ]
    tell(notify.READY)
    return serve(loops, heart, leadership.release, stop)
