"""Pods whose image only the account's registry has: pushed there, named in a pod, and what becomes of the pull."""

from __future__ import annotations

import json
import platform
import secrets
from pathlib import Path
from typing import Any

from rehearsal.binaries.archive import ContainerImage, write
from tests.e2e.harness import ClusterHarness
from tests.programs import program
from tests.waiting import wait_for

PULL_SECONDS = 120.0
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def push(cluster: ClusterHarness, folder: Path, repository: str) -> str:
    """Make a repository with an image that no node has; the name by which it is pulled."""
    rehearsal = cluster.rehearsal
    rehearsal.local.client("ecr").create_repository(repositoryName=repository)
    own = folder / f"own-{secrets.token_hex(4)}"
    # The layer of every machine's own pause image would be there already.
    own.write_text(own.name, encoding="utf-8")
    files = {"/pause": program("pause"), "/own": own}
    archive = own.with_suffix(".tar")
    write(archive, [ContainerImage(repository, files, ("/pause",))], ARCHITECTURES[platform.machine()])
    return rehearsal.control.push(archive, repository, "v1")


def start(cluster: ClusterHarness, name: str, node: str, image: str) -> None:
    """Have a pod of an image on a node."""
    spec = {"nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [{"name": "own", "image": image}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    cluster.kubectl.text("create", "--filename=-", given=json.dumps(pod))


def delete(cluster: ClusterHarness, name: str) -> None:
    """Take a pod away."""
    cluster.kubectl.text("delete", "pod", name, "--wait=false")


def running_image(cluster: ClusterHarness, name: str) -> str:
    """Wait until a pod runs; the image that it runs, by its digest."""

    def running() -> dict[str, Any] | None:
        (status,) = _status(cluster, name).get("containerStatuses", [{}])
        return status if "running" in status.get("state", {}) else None

    found = wait_for(running, f"pod {name} runs", PULL_SECONDS, 1)
    assert found is not None
    return str(found["imageID"])


def failure(cluster: ClusterHarness, name: str) -> str:
    """Wait until the pull of a pod's image has failed; what its event says."""

    def failed() -> str:
        about = f"--field-selector=involvedObject.name={name},reason=Failed"
        said = [str(event["message"]) for event in cluster.kubectl.items("events", about)]
        return next((each for each in said if each.startswith("Failed to pull image")), "")

    return wait_for(failed, f"the pull of pod {name} fails", PULL_SECONDS, 1)


def _status(cluster: ClusterHarness, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cluster.kubectl.text("get", "pod", name, "--output=json"))["status"]
    return found
