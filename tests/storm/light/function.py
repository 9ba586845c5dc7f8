"""The reconcile function of the light world: the real handler with its real wiring, called by lines of a pipe.

It plays Lambda's warm process. Several calls run at the same time, as in Lambda several processes would; what they
share are clients, which is all that the handler keeps. Changes of the table come as from a stream of one shard: one
call at a time, and what has changed meanwhile is the next one's. A call that has taken longer than its time-out goes
on, which Lambda would not allow; nothing in the light world takes that long.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

from botocore.httpsession import URLLib3Session

from coordination.adapters.instances import ClusterGroups
from functions.reconcile import handler, wiring
from functions.reconcile.settings import Settings
from tests.storm.light import clock, faulty, traps
from tests.storm.light.shared import Places

TIMEOUT_SECONDS = 60


def serve(places: Places, pipe: str) -> None:
    """Call the function for every line of a named pipe, for ever."""
    faulty.install(places)
    _watch(places)
    _may_end(places)
    changes: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_follow, args=(places, changes), daemon=True).start()
    while True:
        with open(pipe, encoding="utf-8") as lines:
            for line in lines:
                asked = json.loads(line)
                if "Records" in asked["event"]:
                    changes.put(asked)
                else:
                    threading.Thread(target=_call, args=(places, asked), daemon=True).start()


def _follow(places: Places, changes: SimpleQueue[dict[str, Any]]) -> None:
    """Call with a batch of changes, and then with what has come meanwhile."""
    while True:
        asked = changes.get()
        while not changes.empty():
            more = changes.get()
            before = asked["event"]["Records"] if more["uuid"] == asked["uuid"] else []
            asked = more | {"event": {"Records": before + more["event"]["Records"]}}
        _call(places, asked)


def _call(places: Places, asked: dict[str, Any]) -> None:
    settings = Settings(asked["cluster_id"], asked["uuid"], asked["table"], TIMEOUT_SECONDS, plain_http=True)
    began = clock.real()

    def left() -> float:
        return max(0.0, TIMEOUT_SECONDS - (clock.real() - began) * clock.SPEED) * 1000

    context = SimpleNamespace(get_remaining_time_in_millis=left)
    try:
        handler.respond(asked["event"], settings, lambda: wiring.connect(settings, context))
    except handler.PassFailed as failed:
        # Lambda would call again; the schedule does.
        places.tell("pass-failed", reason=str(failed)[:400])
    except Exception as error:
        places.tell("broke", program="function", error=f"{type(error).__name__}: {error}"[:400])


def _may_end(places: Places) -> None:
    """A trap: once it is walked into, so many requests are made, and of one more the answer is not read any more."""
    session: Any = URLLib3Session
    send, lock = session.send, threading.Lock()
    left: list[int] = []

    def counted(self: Any, request: Any) -> Any:
        with lock:
            found = None if left else places.take(traps.FUNCTION)
            if found is not None:
                left.append(found["requests"])
            ends = left == [0]
            left[:] = [each - 1 for each in left]
        answer = send(self, request)
        if ends:
            places.tell("function-ended", asked=f"{request.method} {request.url}")
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    session.send = counted


def _watch(places: Places) -> None:
    """An event before each call that completes a hook."""
    groups: Any = ClusterGroups
    complete = groups.complete

    def told(self: Any, instance: Any) -> Any:
        # Of an instance that waits to launch this is not about leaving.
        if not instance.waits_to_launch:
            places.tell("hook", instance=instance.instance_id)
        return complete(self, instance)

    groups.complete = told
