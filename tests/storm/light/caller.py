"""EventBridge and Lambda of the light world: when the function is called, and what faults make of that.

It is called by a schedule, by events of terminating hooks, and by changes of the table. While it is away what would
call it is lost; while it is throttled it is kept, and comes at once afterwards, as Lambda keeps events. Each call may
begin late, or be made twice at the same time. A function that has ended is started again by the next call.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from coordination.names import TABLE_KEY, terminating_hook
from tests.forged_deletion import NOWHERE, forged_deletion
from tests.storm.light import pace
from tests.storm.light.account import ClusterStack
from tests.storm.light.node import alive

_LATE_SECONDS = 0.7
_MOST_KEPT = 10


class Caller:
    """Calls the function through its pipe; `start` starts it, and returns its process id."""

    def __init__(self, pipe: Path, start: Callable[[], int], cluster: Callable[[], ClusterStack | None]) -> None:
        # Read, too: so what is written stays there, and nothing breaks, while the function has ended.
        self._file = os.fdopen(os.open(pipe, os.O_RDWR), "w")
        self._start = start
        self._process = start()
        self._cluster = cluster
        self._lock = threading.Lock()
        self._kept: list[dict[str, Any]] = []
        self.away = False
        self.late = False
        self.twice = False
        self._throttled = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)
        self._thread.start()

    @property
    def throttled(self) -> bool:
        """Whether calls wait."""
        return self._throttled

    @throttled.setter
    def throttled(self, value: bool) -> None:
        with self._lock:
            self._throttled = value
            kept, self._kept = self._kept, []
        for event in [] if value else kept:
            self.call(event)

    def call(self, event: Mapping[str, Any]) -> None:
        """Call the function, as things are."""
        with self._lock:
            if self.away:
                return
            if self._throttled:
                self._kept = [*self._kept, dict(event)][-_MOST_KEPT:]
                return
        if self.late:
            threading.Timer(_LATE_SECONDS, self._send, (event,)).start()
        else:
            self._send(event)
        if self.twice:
            self._send(event)

    def hook_waits(self, instance_id: str, group: str) -> None:
        """An instance has come to its terminating hook."""
        cluster = self._cluster()
        if cluster is not None:
            detail = {
                "LifecycleHookName": terminating_hook(cluster.uuid),
                "EC2InstanceId": instance_id,
                "AutoScalingGroupName": group,
            }
            kind = "EC2 Instance-terminate Lifecycle Action"
            self.call({"source": "aws.autoscaling", "detail-type": kind, "detail": detail})

    def table_changed(self, keys: list[str]) -> None:
        """Items have changed; the stream tells of their keys."""
        cluster = self._cluster()
        if cluster is not None:
            arn = f"arn:aws:dynamodb:us-east-1:123456789012:table/{cluster.table}/stream/now"
            self.call(
                {
                    "Records": [
                        {
                            "eventSource": "aws:dynamodb",
                            "eventSourceARN": arn,
                            "dynamodb": {"Keys": {TABLE_KEY: {"S": key}}},
                        }
                        for key in keys
                    ]
                }
            )

    def forge_delete(self) -> None:
        """Ask for the deletion, as CloudFormation does; its address leads nowhere."""
        cluster = self._cluster()
        if cluster is not None:
            self._send(forged_deletion(cluster.stack_id, NOWHERE, ResourceProperties={"ClusterId": cluster.stack_id}))

    def close(self) -> None:
        """Call no more."""
        self._stopping.set()
        self._thread.join()
        self._file.close()

    def _run(self) -> None:
        while not self._stopping.wait(pace.SCHEDULE_SECONDS):
            self.call({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}})

    def _send(self, event: Mapping[str, Any]) -> None:
        cluster = self._cluster()
        if cluster is None or self._stopping.is_set():
            return
        asked = {"event": event, "cluster_id": cluster.stack_id, "uuid": cluster.uuid, "table": cluster.table}
        with self._lock:
            if not alive(self._process):
                self._process = self._start()
            self._file.write(f"{json.dumps(asked)}\n")
            self._file.flush()
