"""A rehearsal with machines: deploy, watch the instances boot, look at the cluster from outside, delete everything."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rehearsal.binaries import images
from rehearsal.cloud import client, cluster, encryption, table, unused
from rehearsal.cloud.control import Control
from rehearsal.cloud.operator import Operator
from rehearsal.local import stacks
from rehearsal.local.processes import Processes, StepFailed
from rehearsal.local.steps import Change, Rehearsal
from rehearsal.local.surroundings import OPERATOR, Facts
from rehearsal.machines.model import PodNetwork

LOOK_SECONDS = 1.0
"""How often the table is made anew."""
CLUSTER_SECONDS = 240.0
"""How long workers and pods may take, after the stack is complete, until all of them are ready."""
TUNNEL_PORTS = {"wireguard": 51871, "none": 8472}
"""The UDP port that Cilium's packets between nodes have, by how the cluster encrypts."""
FIRST_LINES = "\x1b[{lines}F\x1b[J"
"""Moves a terminal's cursor to the first of so many lines and clears what follows (ECMA-48: CPL, ED)."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl as a client outside the nodes runs it."""

    outside: client.Client
    program: Path
    kubeconfig: Path
    """An administrator's; it holds a key."""
    url: str
    """The API by the balancer's name, as the file has it, too."""

    @property
    def command(self) -> list[str]:
        """The program, with whom it asks as."""
        return [str(self.program), f"--kubeconfig={self.kubeconfig}"]

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run it, with `given` on its standard input, and wait for it; 124 when it took too long."""
        return self.outside.run([*self.command, "--request-timeout=10s", *arguments], given=given)

    def text(self, *arguments: str, given: str = "") -> str:
        """What it prints. Raises StepFailed, with what it said."""
        done = self.run(*arguments, given=given)
        if done.returncode:
            raise StepFailed(f"kubectl {' '.join(arguments)}: {done.stderr.strip()[-1000:]}")
        return done.stdout

    def items(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """The objects of a kind. Raises StepFailed."""
        found: list[dict[str, Any]] = json.loads(self.text("get", kind, *arguments, "--output", "json"))["items"]
        return found


class MachineRehearsal:
    """One cluster on one local cloud.

    `node_settings` go into the machines' image.json, `parameters` to the root template. Tests only: `program` stands in
    the place of the file that starts the node program, and `change` may alter the generated templates before they are
    deployed, to see what comes of it. Raises ConfigRefused.
    """

    def __init__(
        self,
        config: Path,
        folder: Path,
        processes: Processes,
        *,
        node_settings: Mapping[str, Any] | None = None,
        program: Path | None = None,
        minor: str | None = None,
        parameters: Mapping[str, str] | None = None,
        change: Change | None = None,
        network: PodNetwork = PodNetwork.BRIDGE,
    ) -> None:
        server = ["--network", network]
        if node_settings is not None:
            settings = folder / "node-settings.json"
            settings.write_text(json.dumps(node_settings), encoding="utf-8")
            server += ["--node-settings", str(settings)]
        if program is not None:
            server += ["--program", str(program.resolve())]
        replaced = network is PodNetwork.CILIUM and not encryption.kernel_has_wireguard()
        if replaced:
            config = encryption.without(config, folder)
        self.local = Rehearsal(
            config,
            folder,
            processes,
            server=lambda facts: ["rehearsal.cloud", "serve", *_bridge(facts), *server],
            stubbed=False,
            minor=minor,
            parameters=parameters,
            change=change,
        )
        self._folder = folder
        if network is PodNetwork.CILIUM:
            why = ": the kernel has no WireGuard; the configuration is played as it is but for that" if replaced else ""
            self.local.say(f"network of pods: Cilium, encryption: {self.local.facts.encryption}{why}")
        self._minor = minor
        self._network = network
        self._live = sys.stdout.isatty()
        self._lines_shown = 0
        self._said: dict[str, str] = {}

    @property
    def control(self) -> Control:
        """The local cloud's verbs."""
        return Control(self.local.endpoint)

    def deploy(self) -> None:
        """From the configuration to a complete stack, with the live table. Raises StepFailed, with what was refused."""
        self.local.create()
        self.complete()

    def complete(self, seen: Callable[[Sequence[table.Row]], object] = lambda _: None) -> None:
        """From a stack whose creation has begun to a complete one. Raises StepFailed, with what was refused.

        `seen` is called at every look.
        """

        def over(rows: Sequence[table.Row]) -> bool:
            seen(rows)
            return not self.local.status().endswith("_IN_PROGRESS")

        self.watch(over)
        if self.local.status() != "CREATE_COMPLETE":
            self._tell_failure()
        self.local.say("stack complete: the nodes themselves have signalled it")
        self.local.lint()

    def watch(self, until: Callable[[Sequence[table.Row]], bool]) -> None:
        """Show the table until something is so."""
        while True:
            rows = self.rows()
            self._show(rows)
            if until(rows):
                return
            time.sleep(LOOK_SECONDS)

    def say(self, what: str) -> None:
        """One step that is done, which stays above the table."""
        self._lines_shown = 0
        self.local.say(what)

    def check_cluster(self) -> None:
        """Ask for nodes and pods with kubectl, from a client in the VPC by the balancer's name, until all are ready.

        Prints both tables. Raises StepFailed, with what is not ready, what nodes say, and what was refused.
        """
        # What was said since is not the table, and stays.
        self._lines_shown = 0
        with self.kubectl() as kubectl:
            deadline = time.monotonic() + CLUSTER_SECONDS
            while missing := self._missing(kubectl):
                if time.monotonic() > deadline:
                    stages = [f"{row.instance_id} ({row.place}): {row.stage}" for row in self.rows()]
                    raise StepFailed("\n".join(["the cluster is not ready:", *missing, *stages, *self.refusals()]))
                self._show(self.rows())
                time.sleep(LOOK_SECONDS)
            self.local.say("every node is Ready and every pod of kube-system runs, says kubectl by the balancer's name")
            for what in (["nodes"], ["pods", "--namespace", cluster.SYSTEM]):
                print(kubectl.text("get", *what, "--output", "wide"), flush=True)

    @contextmanager
    def kubectl(self) -> Iterator[Kubectl]:
        """kubectl for tests and people outside the nodes, as an administrator with a certificate of his own.

        Raises StepFailed.
        """
        image = images.image_for(self._minor or images.names()[0].minor, self._network)
        outputs = stacks.outputs(self.local.client("cloudformation"), self.local.stack)
        if "ApiEndpoint" not in outputs:
            # Nodes may all be there before the stack says so.
            raise StepFailed(f"{self.local.stack} is not complete: it has no outputs yet")
        (balancer,) = self.local.client("elbv2").describe_load_balancers()["LoadBalancers"]
        place = (balancer["VpcId"], self.local.facts.client_cidr, self._folder / "client")
        with client.client(self.local.client, self.control, *place) as outside:
            file = place[2] / "kubeconfig"
            self._ask_for_certificate(file)
            yield Kubectl(outside, image.layer / "usr/local/bin/kubectl", file, outputs["ApiEndpoint"])

    def check_permissions(self) -> None:
        """Print what roles were granted and did not use, and why. Raises StepFailed when a call was denied, and when
        nobody has given a reason for such a grant."""
        self.check_calls()
        found = self.control.permissions()["unused"]
        print("permissions: no call was denied; granted and not used:", flush=True)
        for line in unused.explained(found):
            print(f"  {line}", flush=True)
        if unreasoned := unused.without_reason(found):
            raise StepFailed("\n".join(["granted and not used, and nobody says why:", *unreasoned]))

    def check_calls(self) -> None:
        """Raises StepFailed when a call was denied."""
        if denied := self.control.report()["calls"]:
            raise StepFailed("\n".join(["calls were denied:", *denied]))

    def _missing(self, kubectl: Kubectl) -> list[str]:
        """What the cluster still lacks."""
        try:
            nodes, pods = kubectl.items("nodes"), kubectl.items("pods", "--namespace", cluster.SYSTEM)
        except StepFailed as failed:
            return [str(failed)]
        instances = [row.instance_id for row in self.rows() if row.state in ("pending", "running")]
        return cluster.unready(instances, nodes, pods)

    @cached_property
    def operator(self) -> Operator:
        """The person whom the stack lists as administrator, with one access key: IAM gives a user no more than two."""
        return Operator.made(self.local.client("iam"), OPERATOR, self.local.environment)

    def _ask_for_certificate(self, target: Path) -> None:
        """Write an administrator's kubeconfig, as a person gets it. Raises StepFailed."""
        operator, iam = self.operator, self.local.client("iam")
        policy = stacks.outputs(self.local.client("cloudformation"), self.local.stack)["AdminOperatorPolicyArn"]
        iam.attach_user_policy(UserName=operator.name, PolicyArn=policy)
        try:
            self.local.say(operator.kubeconfig(self.local.stack, "admin", target).splitlines()[0])
        finally:
            # A policy that is attached to somebody cannot be deleted, and the stack with it.
            iam.detach_user_policy(UserName=operator.name, PolicyArn=policy)

    def rows(self) -> list[table.Row]:
        """The table's rows as they are now."""
        return table.rows(self.local.client)

    def refusals(self) -> list[str]:
        """What was refused so far, a line each: packets, services without an endpoint, calls without a permission."""
        return [f"refused: {line}" for lines in self.control.report().values() for line in lines]

    def _tell_failure(self) -> None:
        try:
            self.local.follow()
        except StepFailed as failed:
            raise StepFailed("\n".join([str(failed), *self.refusals()])) from failed

    def _show(self, rows: Sequence[table.Row]) -> None:
        """On a terminal the table in place; elsewhere a line for each instance that changed."""
        if self._live:
            lines = [line[: shutil.get_terminal_size().columns] for line in table.render(rows)]
            back = FIRST_LINES.format(lines=self._lines_shown) if self._lines_shown else ""
            print(back + "\n".join(lines), flush=True)
            self._lines_shown = len(lines)
            return
        for row in rows:
            states = "  ".join(row.cells[1:-1])
            if self._said.get(row.instance_id) != states:
                self._said[row.instance_id] = states
                self.local.say(f"{row.instance_id}  {states}")


def _bridge(facts: Facts) -> list[str]:
    """The pods' network: nodes let through what goes from pod to pod as they let Cilium's packets (docs/ports.md)."""
    return ["--pods", facts.pods, "--tunnel-port", str(TUNNEL_PORTS[facts.encryption])]
