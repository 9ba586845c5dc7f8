"""One living local cloud of the full world, and the threads that look at it."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from coordination.fields import parsed
from coordination.names import OPERATION_ITEM, lease_item
from coordination.node_leases import LeaseName, node_lease
from coordination.operations import Operation, operation
from coordination.outcomes import Known
from rehearsal.local.steps import STACK
from tests.e2e import updating
from tests.e2e.harness import ClusterHarness, running
from tests.e2e.replacing import HEALTHY_SECONDS, SHORT
from tests.storm.full import account, settling
from tests.storm.full.account import IN_SERVICE, WAITS, Hooks, Look
from tests.storm.full.function import Function
from tests.storm.full.machines import Machines
from tests.storm.full.monitor import Monitor
from tests.storm.full.network import Network
from tests.storm.full.settling import Person
from tests.storm.full.storm_node import EVENTS, TRAPS
from tests.storm.full.traps import Traps
from tests.storm.trace import FaultHit, Life
from userdata.host.https import Credentials

PROGRAM = Path(__file__).parent / "storm_node.py"
BROKEN = Path(__file__).parents[2] / "e2e" / "broken_node.py"
PARAMETERS = {"GeneralMinSize": "0", "LaunchHookHeartbeatSeconds": "120"}
"""No workers, and boots that do not get on are ended after two minutes."""
PAUSE = "PT5M"
"""For how long an update waits for an instance."""
IMAGE_PARAMETER = "ControlPlaneImage"
_AWS_SECONDS = 0.7
_FILES_SECONDS = 0.2
_SERVICES = ("autoscaling", "cloudformation", "dynamodb", "ec2", "elbv2", "events", "lambda")
_PKI = Path("etc/kubernetes/pki/etcd")
_CREDENTIALS = ("ca.crt", "healthcheck-client.crt", "healthcheck-client.key")


class Cloud:
    """A cluster that is healthy when this is made. Raises AssertionError, ClientError, Refused, StepFailed, OSError."""

    def __init__(self, cluster: ClusterHarness, folder: Path, stack: ExitStack) -> None:
        self.cluster = cluster
        self.folder = folder
        local = cluster.rehearsal.local
        # Made before threads ask for them: the harness makes each when it is asked for first.
        for service in _SERVICES:
            local.client(service)
        self.client: Callable[[str], Any] = local.client
        self.control = cluster.rehearsal.control
        seen = cluster.healthy(HEALTHY_SECONDS)
        cluster.until(lambda _: self.status() == "CREATE_COMPLETE", "the stack is not complete", HEALTHY_SECONDS)
        self.machines = Machines(local.endpoint, self.control)
        self.traps = Traps()
        self.person = Person(cluster)
        self.passed: set[int] = set()
        """The timers of ten minutes that have been set back."""
        self.seen: Look = account.look(self.client, time.monotonic())
        described = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        self.function = Function(self.client, described["StackId"], self._waiting)
        stack.callback(self.function.end)
        self._images = (_image(described), self.control.register_image(PROGRAM, SHORT))
        self._bad_image = self.control.register_image(BROKEN, SHORT)
        one = min(seen.control_planes)
        self.network = Network(self.client, self.control, one)
        stack.callback(self.network.close)
        self.credentials = self._client_credentials(one)
        self.monitor = Monitor(lambda: self.seen, self.network.enter, self.credentials, self._told)
        stack.callback(self.monitor.close)
        self.hooks = Hooks()
        self.broken: list[str] = []
        """What a look at the local AWS, or at instances, has broken with."""
        self._read: dict[str, int] = {}
        self._stopping = threading.Event()
        threads = [
            threading.Thread(target=self._run, args=each, name=each[0].__name__, daemon=True)
            for each in ((self._look, _AWS_SECONDS), (self._exchange, _FILES_SECONDS))
        ]
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(self._stopping.set)

    # what faults and the world ask for

    def status(self) -> str:
        """The root stack's."""
        return updating.status(self.cluster)

    def groups(self) -> list[dict[str, Any]]:
        """The slots' groups, as Auto Scaling describes them."""
        found = self.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        return [each for each in found if any(tag["Key"] == "holdfast:slot" for tag in each["Tags"])]

    def group_of(self, instance: str) -> str:
        """The name of an instance's group; empty where it is in none."""
        found = self.client("autoscaling").describe_auto_scaling_instances(InstanceIds=[instance])
        return next((str(each["AutoScalingGroupName"]) for each in found["AutoScalingInstances"]), "")

    def operation(self) -> Operation | None:
        """The operation that is stored."""
        found = parsed(self.cluster.table.get(OPERATION_ITEM), operation)
        return found.value if isinstance(found, Known) else None

    def agent(self) -> str:
        """The instance whose agent leads; empty where nobody does."""
        found = parsed(self.cluster.table.get(lease_item(LeaseName.AGENT)), node_lease)
        return found.value.owner if isinstance(found, Known) and found.value is not None else ""

    def end_instance(self, instance: str) -> None:
        """What a person does who ends an instance in EC2."""
        settling.end_instance(self.cluster, instance)

    def update(self, *, bad: bool) -> bool:
        """Begin an update to another image, or to one that never serves; False while the stack is busy. StepFailed."""
        if self.status().endswith("_IN_PROGRESS"):
            return False
        described = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        other = self._images[_image(described) == self._images[0]]
        updating.update(self.cluster, **{IMAGE_PARAMETER: self._bad_image if bad else other})
        return True

    def is_moving(self) -> bool:
        """Whether instances come or go, an operation is stored, or the stack is busy: agents and boots have work."""
        states = {each.lifecycle_state for each in self.seen.instances.values() if each.runs}
        return states != {IN_SERVICE} or self.operation() is not None or self.status().endswith("_IN_PROGRESS")

    def listed(self) -> list[str]:
        """The instances that etcd lists."""
        return [] if self.monitor.listed is None else [each.name for each in self.monitor.listed.members]

    def answers(self, instance: str) -> bool:
        """Whether an instance's etcd has just answered."""
        return self.monitor.life(instance) is Life.ANSWERS

    def endpoints(self) -> Sequence[str]:
        """Where clients of etcd may ask now. A thread of theirs that asks this has entered their network then."""
        self.network.enter()
        instances = self.seen.instances
        return [instances[name].address for name in self.listed() if name in instances and instances[name].runs]

    def problems(self) -> list[str]:
        """What keeps the world from seeing what goes on."""
        broken = self.monitor.broken
        return [*self.broken, *([f"the monitor of etcd broke: {type(broken).__name__}: {broken}"] if broken else [])]

    # threads

    def _run(self, what: Callable[[], object], seconds: float) -> None:
        while not self._stopping.wait(seconds):
            try:
                what()
            except (BotoCoreError, ClientError) as error:
                # Busy; the next look is soon.
                print(f"{what.__name__}: {error}", file=sys.stderr, flush=True)
            except Exception as error:
                self.broken.append(f"{what.__name__} broke: {type(error).__name__}: {error}")
                return

    def _look(self) -> None:
        before, now = self.seen, account.look(self.client, time.monotonic())
        now = Look(time.monotonic(), now.instances)
        self.seen = now
        self.hooks.note(now)
        for name in now.ended_since(before):
            if self.monitor.life(name) is not Life.SILENT:
                self.monitor.lives(name, Life.SILENT)

    def _exchange(self) -> None:
        """Hear what programs of instances tell, and set their traps."""
        for name, instance in self.seen.instances.items():
            if not instance.runs:
                continue
            told, self._read[name] = self.machines.events(name, self._read.get(name, 0), EVENTS)
            for each in told:
                self.monitor.hears(name, each)
            self.machines.write(name, TRAPS, self.traps.content(instance))

    def _told(self, instance: str, told: Any) -> None:
        if told["kind"] == "trapped":
            fault = self.traps.caught(instance, told["number"])
            if fault:
                self.monitor.note(FaultHit(told["at"], fault, instance))

    def _waiting(self) -> list[tuple[str, str]]:
        """The instances that terminating hooks hold, each with its group."""
        waiting = [name for name, each in self.seen.instances.items() if each.lifecycle_state == WAITS]
        return [(name, group) for name in waiting if (group := self.group_of(name))]

    def _client_credentials(self, instance: str) -> Credentials:
        """A client's, kept apart from instances, which come and go."""
        root = self.machines.root(instance)
        if root is None:
            raise OSError(f"{instance} does not run any more")
        folder = self.folder / "credentials"
        folder.mkdir(mode=0o700)
        for name in _CREDENTIALS:
            shutil.copy(root / _PKI / name, folder / name)
        return Credentials(*(str(folder / name) for name in _CREDENTIALS))


def _image(stack: Mapping[str, Any]) -> str:
    """Which image a stack's control planes boot from."""
    (found,) = [each["ParameterValue"] for each in stack["Parameters"] if each["ParameterKey"] == IMAGE_PARAMETER]
    return str(found)


@contextmanager
def living(folder: Path) -> Iterator[Cloud]:
    """A local cloud whose cluster is healthy; all of it is ended afterwards. Raises as Cloud."""
    folder.mkdir(parents=True)
    with (
        running(folder, node_settings=SHORT, parameters=PARAMETERS, program=PROGRAM, pause=PAUSE) as cluster,
        ExitStack() as stack,
    ):
        yield Cloud(cluster, folder, stack)
