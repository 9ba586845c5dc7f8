"""What tests of deletions have in common: a local cloud in which a stack of one name is created again and again, how a
person deletes it, and that nothing of it is left, neither in the account nor on this computer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rehearsal.cloud.rehearse import MachineRehearsal
from rehearsal.local.steps import STACK, local_environment
from rehearsal.machines import leftovers
from tests.e2e.harness import LOOK_SECONDS, ROOT, ClusterHarness, created

DELETE_SECONDS = 300.0
"""Minutes of a busy computer: what waits for a hook or for CloudFormation's own time-out takes longer."""
UPDATE_ENDS_SECONDS = 300.0
"""Of an update that is cancelled: it goes back, node by node, and `aws … wait` looks every half a minute."""
SETTLE_SECONDS = 20.0
KEPT = "costs"
OF_AN_INSTANCE = "/instances/i-"
INTERFACES = ("eth", "eni")
"""The owner's end of a network interface, and the router's."""
OF_MAKE = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
REFUSED = 2
"""The exit code of a command that has done nothing."""


@dataclass(frozen=True)
class Gone:
    """A deletion that is over: what was said, and how long it took."""

    said: str
    seconds: float


class Deletions:
    """One local cloud, and what there was in it before the cluster that is there now."""

    def __init__(self, rehearsal: MachineRehearsal) -> None:
        self.rehearsal = rehearsal
        self._cluster: ClusterHarness | None = None

    def create(self, **parameters: str) -> ClusterHarness:
        """Begin a creation under the one name."""
        assert not machine_parts(self.rehearsal.local.cloud_id)
        self._cluster = created(self.rehearsal, **parameters)
        return self._cluster

    def make_delete(self) -> Gone:
        """Type `make delete`, which has to succeed, and see that nothing is left but what it says is kept."""
        kept, begun = self._begun()
        done = self.rehearsal.local.command("delete", "--stack", STACK, "--yes")
        return self._over(kept, begun, done)

    def aws_delete(self) -> Gone:
        """Type the plain AWS CLI's command, wait, and see that nothing is left but what is to be kept."""
        kept, begun = self._begun()
        local = self.rehearsal.local
        stack_id = local.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["StackId"]
        local.aws("cloudformation", "delete-stack", "--stack-name", STACK)
        local.aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", stack_id)
        return self._over(kept, begun, subprocess.CompletedProcess([], 0, "", ""))

    def pasted(self, line: str, cluster: ClusterHarness) -> Gone:
        """Paste the commands that a refusal has printed into a shell, with `YES=1` for the question.

        The cluster is looked at meanwhile, since its instances wait for the first look after their start.
        """
        kept, begun = self._begun()
        facts = self.rehearsal.local.facts
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = local_environment(self.rehearsal.local.endpoint, facts.region) | {"PATH": path, "YES": "1"}
        # A shell of a person is no part of the make that these tests may run under, which would add lines of its own.
        environment = {name: value for name, value in environment.items() if name not in OF_MAKE}
        with subprocess.Popen(
            ["sh", "-c", line], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running:
            while running.poll() is None:
                cluster.look()
                time.sleep(LOOK_SECONDS)
            assert running.stdout is not None
            done = subprocess.CompletedProcess(line, running.returncode, running.stdout.read(), "")
        return self._over(kept, begun, done, UPDATE_ENDS_SECONDS + DELETE_SECONDS)

    def refused(self) -> str:
        """Type `make delete`, which has to be refused; its one line."""
        done = self.rehearsal.local.command("delete", "--stack", STACK, "--yes")
        assert (done.returncode, done.stdout) == (REFUSED, ""), done.stdout + done.stderr
        _, line = done.stderr.splitlines()
        return line

    def check_left(self, kept: set[str]) -> None:
        """See that nothing is left but this, in the account and on this computer. Raises StepFailed."""
        self.rehearsal.local.check_left(kept)
        deadline = time.monotonic() + SETTLE_SECONDS
        while left := machine_parts(self.rehearsal.local.cloud_id):
            assert time.monotonic() < deadline, f"left on this computer: {left}"
            time.sleep(LOOK_SECONDS)

    def end(self) -> None:
        """Delete what a test that failed has left, so that the next one finds the name free."""
        self._leave()
        if STACK in self.rehearsal.local.present("stack"):
            self.rehearsal.local.command("delete", "--stack", STACK, "--yes")

    def _begun(self) -> tuple[set[str], float]:
        """What a deletion that begins now has to keep, and the moment."""
        self._leave()
        return self.rehearsal.local.kept(), time.monotonic()

    def _leave(self) -> None:
        """Take out of the VPC what the tests have brought there: as long as a client is in it, it cannot be deleted."""
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    def _over(
        self, kept: set[str], begun: float, done: subprocess.CompletedProcess[str], most: float = DELETE_SECONDS
    ) -> Gone:
        seconds = time.monotonic() - begun
        assert done.returncode == 0, done.stdout + done.stderr
        self.rehearsal.local.say(f"deleted within {seconds:.0f} s; {len(kept)} things are kept")
        self.check_left(kept)
        assert seconds < most
        return Gone(done.stdout + done.stderr, seconds)


def machine_parts(cloud_id: str) -> list[str]:
    """The processes, disks and network interfaces of a local cloud's instances and balancers.

    What they share stays for as long as the local cloud: the layers of disks, and routers of deleted VPCs, to which
    nothing is attached any more.
    """
    found = leftovers.find(cloud_id)
    parts = [f"process {pid}" for pid in found.pids]
    parts += [f"disk {path}" for path in found.mounts if OF_AN_INSTANCE in path]
    for namespace in found.namespaces:
        said = subprocess.run(["ip", "-n", namespace, "-o", "link"], capture_output=True, text=True, check=False).stdout
        names = [line.split(": ")[1].partition("@")[0] for line in said.splitlines()]
        parts += [f"interface {name} of {namespace}" for name in names if name.startswith(INTERFACES)]
    return parts


def tells_what_stays(gone: Gone) -> bool:
    """Whether the key, the table and the bucket are told with their prices, and how to remove them."""
    lines = [line.split() for line in gone.said.splitlines()]
    kinds = {words[0] for words in lines if KEPT in words}
    return {"key", "table", "bucket"} <= kinds and lines[-1][:6] == "to remove it for good: make".split()
