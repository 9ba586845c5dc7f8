"""The reconcile function of the full world: what keeps it from being called, how it is called too often, its log."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from coordination.names import terminating_hook
from rehearsal.cloud.table import Clients
from tests.forged_deletion import NOWHERE, forged_deletion

LATE_SECONDS = 8.0
_AGAIN_SECONDS = 3.0
_SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}

Waiting = Callable[[], Iterable[tuple[str, str]]]
"""The instances that terminating hooks hold now, each with its group."""


class Function:
    """`stack_id` is the root stack's."""

    def __init__(self, clients: Clients, stack_id: str, waiting: Waiting) -> None:
        self._clients = clients
        self._lambda = clients("lambda")
        self._stack_id = stack_id
        self._waiting = waiting
        found = [each for each in self._lambda.list_functions()["Functions"] if "econcile" in each["FunctionName"]]
        (described,) = found
        self.name: str = described["FunctionName"]
        self._arn: str = described["FunctionArn"]
        self._calling: list[threading.Event] = []

    @property
    def _uuid(self) -> str:
        return self._stack_id.rsplit("/", 1)[1]

    def throttle(self) -> None:
        """Let no call begin; those of events wait."""
        self._lambda.put_function_concurrency(FunctionName=self.name, ReservedConcurrentExecutions=0)

    def let_through(self) -> None:
        """The opposite."""
        self._lambda.delete_function_concurrency(FunctionName=self.name)

    def go_away(self) -> None:
        """Lose its events: no rule fires, and the table's stream is not read, and is read on later."""
        self._rules("disable_rule")
        self._read_stream(False)

    def come_back(self) -> None:
        """The opposite."""
        self._rules("enable_rule")
        self._read_stream(True)

    def call_late(self) -> Callable[[], None]:
        """Away, but that its events come late, from here. Returns what ends it."""
        self.go_away()
        stop = self._call_again_and_again(LATE_SECONDS, 1)

        def end() -> None:
            stop()
            self.come_back()

        return end

    def call_twice(self) -> Callable[[], None]:
        """Beside its own events, repeat them, each twice at the same time. Returns what ends it."""
        return self._call_again_and_again(_AGAIN_SECONDS, 2)

    def kill_in_call(self, seconds: float) -> bool:
        """Call it, and so long after that end all its processes, with the calls that go on; False where it has none.

        Lambda makes calls of events that have failed once more, two times.
        """
        self._call(_SCHEDULED)
        time.sleep(seconds)
        found = processes_of(self.name, self._clients("lambda").meta.endpoint_url)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(found)

    def forge_delete(self) -> None:
        """Ask for the deletion, as CloudFormation does; the answer's address leads nowhere."""
        self._call(forged_deletion(self._stack_id, NOWHERE, ResourceProperties={"ClusterId": self._stack_id}))

    def end(self) -> None:
        """Call no more."""
        for each in self._calling:
            each.set()

    def _call_again_and_again(self, seconds: float, times: int) -> Callable[[], None]:
        stopping = threading.Event()
        self._calling.append(stopping)

        def run() -> None:
            # What is known now is called when it is old.
            events = [_SCHEDULED, *(notice(self._uuid, *each) for each in self._waiting())]
            while not stopping.wait(seconds):
                for event in events:
                    for _ in range(times):
                        self._call(event)
                events = [_SCHEDULED, *(notice(self._uuid, *each) for each in self._waiting())]

        thread = threading.Thread(target=run, name="events", daemon=True)
        thread.start()

        def stop() -> None:
            stopping.set()
            thread.join()

        return stop

    def _call(self, event: Mapping[str, Any]) -> None:
        self._lambda.invoke(FunctionName=self.name, InvocationType="Event", Payload=json.dumps(event))

    def _rules(self, verb: str) -> None:
        events = self._clients("events")
        for name in events.list_rule_names_by_target(TargetArn=self._arn)["RuleNames"]:
            getattr(events, verb)(Name=name)

    def _read_stream(self, wanted: bool) -> None:
        for each in self._lambda.list_event_source_mappings(FunctionName=self.name)["EventSourceMappings"]:
            self._lambda.update_event_source_mapping(UUID=each["UUID"], Enabled=wanted)


def notice(cluster_uuid: str, instance: str, group: str) -> dict[str, Any]:
    """Auto Scaling's event that a hook holds an instance.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html
    """
    detail = {
        "LifecycleHookName": terminating_hook(cluster_uuid),
        "EC2InstanceId": instance,
        "AutoScalingGroupName": group,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
    }
    return {"source": "aws.autoscaling", "detail-type": "EC2 Instance-terminate Lifecycle Action", "detail": detail}


def processes_of(function: str, endpoint: str, proc: Path = Path("/proc")) -> list[int]:
    """The processes in which the local AWS at an endpoint runs a function, by the environment that it gives them."""
    marks = {f"AWS_LAMBDA_FUNCTION_NAME={function}".encode(), f"AWS_ENDPOINT_URL={endpoint}".encode()}
    found = []
    for each in proc.iterdir():
        # Processes end meanwhile.
        with suppress(OSError):
            if each.name.isdecimal() and marks <= set((each / "environ").read_bytes().split(b"\0")):
                found.append(int(each.name))
    return found


def completed(log: Iterable[str]) -> Iterator[str]:
    """The instances whose hooks the function's log says that it has called for, whatever was answered."""
    for line in log:
        if not line.startswith("{"):
            continue
        try:
            decisions = json.loads(line).get("decisions", [])
        except ValueError:
            # A line of its own kind, or one that is being written.
            continue
        for each in decisions:
            if each["action"] == "CompleteHook" and each["outcome"] != "Postponed":
                yield each["subject"]


def log_of(folder: Path, name: str) -> list[str]:
    """The lines that the local AWS has kept of a function's log."""
    file = folder / f"{name}.log"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
