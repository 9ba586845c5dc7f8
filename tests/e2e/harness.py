"""A cluster of instances that boot by the real node program, which can be held at a stage and broken there."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from coordination import rows as table_rows
from coordination.adapters.table import ClusterTable
from coordination.boots import Boot
from coordination.conditions import Condition
from coordination.members import Member, MemberState
from coordination.names import (
    BOOT_ITEM_PREFIX,
    CLUSTER_ITEM,
    CONDITION_ITEM_PREFIX,
    LEASE_ITEM_PREFIX,
    MEMBER_ITEM_PREFIX,
    OPERATION_ITEM,
)
from coordination.node_leases import LeaseName, NodeLease
from coordination.operations import Operation
from coordination.outcomes import Known
from coordination.record import ClusterRecord, Phase
from coordination.rows import all_of, understood
from rehearsal.cloud import table
from rehearsal.cloud.control import Done, Refused
from rehearsal.cloud.rehearse import Kubectl, MachineRehearsal
from rehearsal.local.processes import Processes, StepFailed
from rehearsal.machines.model import PodNetwork
from tests.e2e.holding_node import AGENT, FOUND, HOLD_FILE, JOIN, RESUME, broken_off

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).parent / "holding_node.py"
LOOK_SECONDS = 0.5
TABLE_SECONDS = 60.0
ETCD_FOLDER = "/etc/kubernetes/pki/etcd"
DEFAULT = ROOT / "examples" / "default.yaml"
"""The configuration of a cluster where none is given."""

T = TypeVar("T")
Json = dict[str, Any]

_READ = (
    CLUSTER_ITEM,
    OPERATION_ITEM,
    BOOT_ITEM_PREFIX,
    MEMBER_ITEM_PREFIX,
    CONDITION_ITEM_PREFIX,
    LEASE_ITEM_PREFIX,
)


@dataclass(frozen=True)
class Seen:
    """One look at the table and at EC2."""

    record: ClusterRecord | None
    members: Mapping[str, Member]
    boots: Mapping[str, Boot]
    conditions: Mapping[str, Condition]
    operation: Operation | None
    joining: NodeLease | None
    """The lease under which control planes join, one at a time."""
    rows: tuple[table.Row, ...]

    @property
    def running(self) -> frozenset[str]:
        """The instances that EC2 calls running."""
        return frozenset(row.instance_id for row in self.rows if row.state == "running")

    @property
    def control_planes(self) -> frozenset[str]:
        """Those of the slots among them."""
        return frozenset(row.instance_id for row in self.rows if row.state == "running" and row.place[:4] == "slot")

    @property
    def workers(self) -> frozenset[str]:
        """Those that are none of a slot."""
        return self.running - self.control_planes

    def stage(self, instance_id: str) -> str:
        """How far a boot has come."""
        return self.boots[instance_id].stage if instance_id in self.boots else ""

    def state(self, instance_id: str) -> str:
        """What EC2 says of an instance."""
        return next((row.state for row in self.rows if row.instance_id == instance_id), "unknown")

    def lifecycle_state(self, instance_id: str) -> str:
        """What Auto Scaling says of an instance; empty where it does not know it."""
        return next((row.lifecycle_state for row in self.rows if row.instance_id == instance_id), "")

    def place(self, instance_id: str) -> str:
        """The slot or the pool of an instance."""
        return next(row.place for row in self.rows if row.instance_id == instance_id)

    def __str__(self) -> str:
        lines = [f"record: {self.record}"]
        for row in self.rows:
            told = self.boots.get(row.instance_id)
            lines.append(f"{'  '.join(row.cells[:4])}  {told.stage if told else '-'}  {told.reason if told else ''}")
        lines += [str(each) for each in self.members.values()]
        lines += [str(each) for each in self.conditions.values()]
        lines.append(f"operation: {self.operation}")
        return "\n".join(lines)


@dataclass
class Holding:
    """Where boots are held: each by the way it goes, and those of `own` instances at their own stages on every way."""

    found: tuple[str, ...] = ()
    join: tuple[str, ...] = ()
    resume: tuple[str, ...] = ()
    own: dict[str, tuple[str, ...]] = field(default_factory=dict)
    agent: dict[str, float] = field(default_factory=dict)
    """The steps of a removal after which agents are paused for so many seconds, or killed with 0; once on each."""

    def text(self, instance_id: str) -> str:
        """What stands in the file of an instance."""
        ways = {FOUND: self.found, JOIN: self.join, RESUME: self.resume}
        if instance_id in self.own:
            ways = dict.fromkeys(ways, self.own[instance_id])
        return json.dumps({AGENT: self.agent, **{way: list(stages) for way, stages in ways.items()}})


class ClusterHarness:
    """One running cluster. Every look delivers what the instances are to be held at.

    Its kubectl has an interface in the cluster's VPC, which cannot be deleted before `close`.
    """

    def __init__(self, rehearsal: MachineRehearsal) -> None:
        self.rehearsal = rehearsal
        self.slots = rehearsal.local.facts.slots
        self.holding = Holding()
        self._delivered: dict[str, str] = {}
        self._hung: set[str] = set()
        self._outside = ExitStack()
        self._kubectl: Kubectl | None = None
        # Of a cluster that was deleted before, under the same name, the table stays.
        (name,) = rehearsal.local.present("table") & {*table.cluster_tables(rehearsal.local.client("dynamodb"))}
        self.table = ClusterTable(rehearsal.local.client("dynamodb"), name)

    def look(self) -> Seen:
        """Look once, and deliver."""
        read = table_rows.read(self.table, _READ)
        assert isinstance(read, Known), read
        found = read.value
        # What a worker has written into its own row may be anything; everything else is the project's.
        assert isinstance(found.record, Known), found.record
        members, conditions = all_of(found.members), all_of(found.conditions)
        assert isinstance(members, Known), members
        assert isinstance(conditions, Known), conditions
        boots = understood(found.boots).values()
        assert isinstance(found.operation, Known), found.operation
        joining = understood(found.leases).get(LeaseName.JOIN)
        rows = tuple(self.rehearsal.rows())
        self._deliver([row.instance_id for row in rows if row.state == "running" and row.instance_id not in self._hung])
        return Seen(
            found.record.value,
            {each.instance_id: each for each in members.value},
            {each.instance_id: each for each in boots},
            {each.name: each for each in conditions.value},
            found.operation.value,
            joining,
            rows,
        )

    def until(self, wanted: Callable[[Seen], T | None], what: str, seconds: float) -> T:
        """Look until something is so (true), and return it."""
        deadline = time.monotonic() + seconds
        while True:
            seen = self.look()
            found = wanted(seen)
            if found:
                return found
            assert time.monotonic() < deadline, "\n".join([f"{what}: not within {seconds:.0f} s", str(seen)])
            time.sleep(LOOK_SECONDS)

    def act(self, verb: str, instance_id: str) -> None:
        """Break an instance."""
        self.rehearsal.local.say(f"{verb} {instance_id}")
        self.rehearsal.control.act(verb, instance_id)
        if verb == "hang":
            # Nothing can be delivered to it any more, and trying takes its time.
            self._hung.add(instance_id)

    def shell(self, instance_id: str, script: str, seconds: float = 60.0) -> Done:
        """Run a script inside an instance. Raises Refused."""
        return self.rehearsal.control.execute(instance_id, ["sh", "-c", script], seconds)

    def etcd(self, instance_id: str) -> Json:
        """etcd's list of members as an instance's etcd knows it; AssertionError where it does not answer."""
        return self._json(instance_id, f"{etcdctl()} member list --write-out json")

    def etcd_leader(self, through: str) -> str:
        """The instance whose member leads, by the word of one member; AssertionError where it knows none."""
        status: Any = self._json(through, f"{etcdctl()} endpoint status --write-out json")
        leads = status[0]["Status"]["leader"]
        (name,) = [each["name"] for each in self.etcd(through)["members"] if each["ID"] == leads]
        return str(name)

    @property
    def kubectl(self) -> Kubectl:
        """An administrator's kubectl outside the nodes, which asks by the balancer's name: one for all calls until
        `close`. Raises StepFailed."""
        if self._kubectl is None:
            self._kubectl = self._outside.enter_context(self.rehearsal.kubectl())
        return self._kubectl

    def close(self) -> None:
        """Take the kubectl out of the VPC, before that is deleted; whoever asks for it afterwards gets another one."""
        self._kubectl = None
        self._outside.close()

    def address(self, instance_id: str) -> str:
        """An instance's private address."""
        found = self.rehearsal.local.client("ec2").describe_instances(InstanceIds=[instance_id])
        return str(found["Reservations"][0]["Instances"][0]["PrivateIpAddress"])

    def nodes(self) -> dict[str, bool]:
        """The cluster's Nodes, and whether each is Ready; AssertionError where no API server says so."""
        try:
            return {node["metadata"]["name"]: _is_ready(node) for node in self.kubectl.items("nodes")}
        except StepFailed as failed:
            raise AssertionError(str(failed)) from failed

    def broken_off(self, instances: Iterable[str], step: str) -> frozenset[str]:
        """Those of the instances whose agent was broken off after a step of a removal."""
        asked = f"test -e {broken_off(step)}"
        return frozenset(each for each in instances if self.shell(each, asked).returncode == 0)

    def log(self, instance_id: str) -> list[Json]:
        """The lines of an instance's boots, oldest first."""
        done = self.shell(instance_id, "cat /var/log/holdfast/boot.log")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def healthy(self, seconds: float, *, without: frozenset[str] = frozenset()) -> Seen:
        """Wait for a cluster in which all that is told agrees; `without` are instances that no longer count."""
        why = ["nothing was looked at"]

        def wanted(seen: Seen) -> Seen | None:
            why[:] = self.unhealthy(seen, without)
            return None if why else seen

        try:
            return self.until(wanted, "the cluster is not healthy", seconds)
        except AssertionError as error:
            raise AssertionError("\n".join([*why, str(error)])) from error

    def unhealthy(self, seen: Seen, without: frozenset[str] = frozenset()) -> list[str]:
        """What contradicts a cluster that was founded once and that every slot has joined; empty where nothing does."""
        record, nodes = seen.record, seen.control_planes - without
        if record is None or record.phase is not Phase.READY:
            return [f"the record is {record}"]
        if len(nodes) != self.slots:
            return [f"{len(nodes)} control planes run"]
        wrong = [
            f"{row.instance_id} is {row.lifecycle_state} at {seen.stage(row.instance_id)}"
            for row in seen.rows
            if row.instance_id in nodes
            and (row.lifecycle_state, seen.stage(row.instance_id)) != ("InService", "start-agent")
        ]
        present = {
            name: row
            for name, row in seen.members.items()
            if (row.epoch, row.state) == (record.epoch, MemberState.VOTER) and name not in without
        }
        if present.keys() != nodes:
            wrong.append(f"rows of voters: {sorted(present)}")
        return wrong or self._unhealthy_inside(record, present)

    def _unhealthy_inside(self, record: ClusterRecord, rows: Mapping[str, Member]) -> list[str]:
        wrong = []
        for name in sorted(rows):
            try:
                found = self.etcd(name)
            except (AssertionError, Refused) as error:
                return [f"{name}: {error}"]
            if f"{found['header']['cluster_id']:x}".zfill(16) != record.etcd_cluster_id.zfill(16):
                wrong.append(f"{name} is of another etcd cluster than {record.etcd_cluster_id}: {found['header']}")
            listed = {each.get("name", ""): f"{each['ID']:x}" for each in found["members"] if not each.get("isLearner")}
            told = {each.instance_id: each.etcd_member_id for each in rows.values()}
            if len(found["members"]) != len(listed) or listed != told:
                wrong.append(f"etcd lists {found['members']}, and the rows say {told}")
        try:
            ready = self.nodes()
        except AssertionError as error:
            return [*wrong, str(error)]
        if missing := [each for each in rows if not ready.get(each)]:
            wrong.append(f"these nodes are not Ready: {missing}")
        return wrong

    def _json(self, instance_id: str, script: str) -> Json:
        done = self.shell(instance_id, script)
        assert done.returncode == 0, f"{script}: {done.stderr}"
        answer: Json = json.loads(done.stdout)
        return answer

    def _deliver(self, instances: Sequence[str]) -> None:
        for instance_id in instances:
            text = self.holding.text(instance_id)
            if self._delivered.get(instance_id) == text:
                continue
            file = shlex.quote(str(HOLD_FILE))
            write = f"mkdir -p {HOLD_FILE.parent} && printf %s {shlex.quote(text)} > {file}.new && mv {file}.new {file}"
            try:
                done = self.shell(instance_id, write, 10)
            except (Refused, TimeoutError):
                # It does not run yet, or does not any more; the next look tries again.
                continue
            if done.returncode == 0:
                self._delivered[instance_id] = text


@contextmanager
def running(
    folder: Path,
    *,
    node_settings: Mapping[str, Any],
    parameters: Mapping[str, str],
    program: Path | None = PROGRAM,
    pause: str | None = None,
    config: Path = DEFAULT,
    network: PodNetwork = PodNetwork.BRIDGE,
) -> Iterator[ClusterHarness]:
    """A cluster of a configuration whose creation has begun."""
    with prepared(
        folder,
        node_settings=node_settings,
        parameters=parameters,
        program=program,
        pause=pause,
        config=config,
        network=network,
    ) as found:
        cluster = created(found)
        try:
            yield cluster
        finally:
            cluster.close()


@contextmanager
def prepared(
    folder: Path,
    *,
    node_settings: Mapping[str, Any],
    parameters: Mapping[str, str],
    program: Path | None = PROGRAM,
    pause: str | None = None,
    config: Path = DEFAULT,
    network: PodNetwork = PodNetwork.BRIDGE,
) -> Iterator[MachineRehearsal]:
    """A local cloud with the templates of a configuration; `parameters` are defaults of the root template.

    With `pause`, an ISO 8601 duration, an update waits so long for an instance and not the template's hour.
    """

    def change(templates: Path) -> None:
        file = templates / "root.json"
        root = json.loads(file.read_text(encoding="utf-8"))
        for name, value in parameters.items():
            root["Parameters"][name]["Default"] = value
        file.write_text(json.dumps(root), encoding="utf-8")
        if pause is not None:
            _shorten(templates, pause)

    with Processes(folder) as processes:
        rehearsal = MachineRehearsal(
            config,
            folder,
            processes,
            node_settings=node_settings,
            program=program,
            change=change,
            network=network,
        )
        rehearsal.local.upload()
        yield rehearsal


def created(rehearsal: MachineRehearsal, **parameters: str) -> ClusterHarness:
    """A cluster whose creation begins now, with these values for parameters."""
    rehearsal.local.begin(**parameters)
    return begun(rehearsal)


def begun(rehearsal: MachineRehearsal) -> ClusterHarness:
    """The cluster of a creation that has begun, once it has a table."""
    deadline = time.monotonic() + TABLE_SECONDS
    while not rehearsal.local.present("table") & {*table.cluster_tables(rehearsal.local.client("dynamodb"))}:
        assert time.monotonic() < deadline, "the stack makes no table"
        time.sleep(LOOK_SECONDS)
    return ClusterHarness(rehearsal)


def _shorten(templates: Path, pause: str) -> None:
    """Have updates of groups wait for less than an hour."""
    for file in templates.glob("*.json"):
        template = json.loads(file.read_text(encoding="utf-8"))
        for resource in template["Resources"].values():
            policy = resource.get("UpdatePolicy", {}).get("AutoScalingRollingUpdate")
            if policy is not None:
                policy["PauseTime"] = pause
        file.write_text(json.dumps(template), encoding="utf-8")


def etcdctl() -> str:
    """The beginning of a command inside a control plane that asks its own etcd."""
    files = f"--cacert {ETCD_FOLDER}/ca.crt --cert {ETCD_FOLDER}/peer.crt --key {ETCD_FOLDER}/peer.key"
    return f"ETCDCTL_API=3 etcdctl --endpoints https://127.0.0.1:2379 --command-timeout 10s {files}"


def _is_ready(node: Json) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
