"""`make status` while every API server is frozen: it says what was seen last, how old that is, and what to do."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from coordination.observed_state import OLD_SECONDS
from rehearsal.local.steps import STACK, local_environment
from tests.e2e.harness import ROOT, ClusterHarness, Seen, running

SHORT = {
    "pace": {"heartbeat": 5, "look": 1},
    "leases": {"lease": 6, "renew": 1.5},
}
HEALTHY_SECONDS = 420.0
ANSWER_SECONDS = 30.0
"""How long the command may take on a computer that is busy; on an idle one it takes two."""


def test_status_answers_while_every_api_server_is_frozen_and_is_well_again_after(tmp_path: Path) -> None:
    with running(tmp_path, node_settings=SHORT, parameters={"GeneralMinSize": "1"}) as cluster:
        whole = cluster.healthy(HEALTHY_SECONDS)
        cluster.until(lambda _: status(cluster)[0] == 0, "status finds something", HEALTHY_SECONDS)
        members = document(cluster)["members"]["found"]
        assert {each["name"] for each in members} == whole.control_planes
        assert not [each for each in members if each["problem"] or each["learner"]]
        inside = cluster.shell(min(whole.control_planes), "holdfast-node status")
        # A node says the same of the same rows, with the same exit codes.
        assert inside.returncode == 0, inside
        assert [line for line in inside.stdout.splitlines() if line in status(cluster)[1].splitlines()], inside.stdout
        for name in sorted(whole.control_planes):
            cluster.act("freeze", name)
        code, said = aged(cluster)
        assert code == 1, said
        told_what_to_do(whole, said)
        typed = make(cluster, "status", f"STACK={STACK}")
        # make ends with 2 whatever its command ends with, and says that.
        assert (typed.returncode, typed.stdout.splitlines()[0]) == (2, said.splitlines()[0]), typed
        assert "Error 1" in typed.stderr
        for name in sorted(whole.control_planes):
            cluster.act("thaw", name)
        cluster.until(lambda _: status(cluster)[0] == 0, "status is not well again", HEALTHY_SECONDS)
        assert cluster.healthy(HEALTHY_SECONDS).control_planes == whole.control_planes
        assert make(cluster, "status", f"STACK={STACK}").returncode == 0


def status(cluster: ClusterHarness) -> tuple[int, str]:
    """What the command behind `make status` ends with and says; it has to be quick."""
    begun = time.monotonic()
    done = cluster.rehearsal.local.command("status", "--stack", STACK)
    took = time.monotonic() - begun
    assert took < ANSWER_SECONDS, f"{took:.0f} s: {done.stdout}{done.stderr}"
    return done.returncode, done.stdout + done.stderr


def aged(cluster: ClusterHarness) -> tuple[int, str]:
    """What it says once the last observation is old."""
    deadline = time.monotonic() + OLD_SECONDS + HEALTHY_SECONDS
    while True:
        code, said = status(cluster)
        if "no agent has looked at the cluster since" in said:
            return code, said
        # Nothing that was seen before is missing meanwhile.
        assert said.count("  serve") == 3, said
        assert time.monotonic() < deadline, said
        time.sleep(5)


def told_what_to_do(whole: Seen, said: str) -> None:
    """Whether everything is there that a person needs: how members were, since when nobody knows, and the next step."""
    for name in whole.control_planes:
        (line,) = [line for line in said.splitlines() if line.startswith(f"  {name} ") and "voter" in line]
        assert line.endswith("served 5 min ago"), said
    (step,) = {line for line in said.splitlines() if line.startswith("      next: ") and "reboot-instances" in line}
    reboots = [each.split("--instance-ids ")[1] for each in step.split(" ; or: ")]
    assert reboots == sorted(whole.control_planes)
    assert "one that does not respond, one at a time: " in step
    assert "docs/how-to/recover-from-lost-quorum.md" in step


def document(cluster: ClusterHarness) -> dict[str, dict[str, list[dict[str, str]]]]:
    """The parts as programs read them: on standard output alone, for the line of account and region is for people."""
    done = cluster.rehearsal.local.command("status", "--stack", STACK, "--json")
    parts: dict[str, dict[str, list[dict[str, str]]]] = json.loads(done.stdout)["parts"]
    return parts


def make(cluster: ClusterHarness, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as it is typed; the environment of Python is there, and is not made anew."""
    environment = local_environment(cluster.rehearsal.local.endpoint, "us-east-1")
    return subprocess.run(
        ["make", *arguments, "CHECK="], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
