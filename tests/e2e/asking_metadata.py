"""Who gets something from the metadata service: pods, units and shells of a node, each as it is started there."""

from __future__ import annotations

import json
import shlex
from typing import Any

from tests.e2e.harness import ClusterHarness
from tests.waiting import wait_for

SERVED, REFUSED = 0, 7
"""How curl ends (curl(1), "Exit codes")."""
ASKING = (
    *("/usr/bin/curl", "--silent", "--output", "/dev/null", "--fail", "--max-time", "10", "--request", "PUT"),
    *("--header", "X-aws-ec2-metadata-token-ttl-seconds: 60", "http://169.254.169.254/latest/api/token"),
)
# The images of a rehearsal hold no program that could ask, so the pod is lent the node's.
_LENT = {"/usr": "/usr", "/usr/lib": "/lib", "/usr/lib64": "/lib64"}
# Where version 2 is: alone, or below the others.
_JOINED = (
    "tree=/sys/fs/cgroup; [ ! -d $tree/unified ] || tree=$tree/unified; "
    'cd "$tree/$1" && echo $$ >cgroup.procs; shift; "$@"; echo $?'
)
POD_SECONDS = 120.0


def by_pod(cluster: ClusterHarness, node: str, name: str, *, host_network: bool) -> int:
    """How the request of a pod of kube-system ends on a node. The pod is deleted."""
    kubectl, system = cluster.kubectl, "--namespace=kube-system"
    pods = kubectl.items("pods", system)
    image = next(each["image"] for pod in pods for each in pod["spec"]["containers"] if "kube-proxy" in each["image"])
    pod = _pod(name, node, image, host_network=host_network)
    kubectl.text("create", system, "--filename=-", given=json.dumps(pod))

    def ended() -> dict[str, Any] | None:
        found = json.loads(kubectl.text("get", "pod", name, system, "--output=json"))
        for status in found["status"].get("containerStatuses", []):
            if "terminated" in status["state"]:
                state: dict[str, Any] = status["state"]["terminated"]
                return state
        return None

    try:
        state = wait_for(ended, f"the end of pod {name}", POD_SECONDS, 1)
    finally:
        kubectl.text("delete", "pod", name, system, "--wait=false")
    assert state is not None
    return int(state["exitCode"])


def by_group(cluster: ClusterHarness, node: str, group: str) -> int:
    """How a request ends of a program in a control group of a node, such as system.slice/kubelet.service."""
    done = cluster.shell(node, f"sh -c {shlex.quote(_JOINED)} sh {group} {shlex.join(ASKING)}")
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def _pod(name: str, node: str, image: str, *, host_network: bool) -> dict[str, Any]:
    volumes = {f"lent-{number}": places for number, places in enumerate(_LENT.items())}
    asking = {
        "name": "asking",
        "image": image,
        "command": list(ASKING),
        "volumeMounts": [{"name": each, "mountPath": there, "readOnly": True} for each, (_, there) in volumes.items()],
    }
    spec = {
        "nodeName": node,
        "hostNetwork": host_network,
        "restartPolicy": "Never",
        "containers": [asking],
        "volumes": [{"name": each, "hostPath": {"path": here}} for each, (here, _) in volumes.items()],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
