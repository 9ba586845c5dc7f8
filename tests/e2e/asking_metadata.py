"""Who gets something from the metadata service: pods, units and shells of a node, each as it is started there."""

from __future__ import annotations

import shlex

from tests.e2e import lent_pods
from tests.e2e.harness import ClusterHarness

SERVED, REFUSED = 0, 7
"""How curl ends (curl(1), "Exit codes")."""
ASKING = (
    *("/usr/bin/curl", "--silent", "--output", "/dev/null", "--fail", "--max-time", "10", "--request", "PUT"),
    *("--header", "X-aws-ec2-metadata-token-ttl-seconds: 60", "http://169.254.169.254/latest/api/token"),
)
# Where version 2 is: alone, or below the others.
_JOINED = (
    "tree=/sys/fs/cgroup; [ ! -d $tree/unified ] || tree=$tree/unified; "
    'cd "$tree/$1" && echo $$ >cgroup.procs; shift; "$@"; echo $?'
)


def by_pod(cluster: ClusterHarness, node: str, name: str, *, host_network: bool) -> int:
    """How the request of a pod of kube-system ends on a node. The pod is deleted."""
    return lent_pods.code_of(cluster, node, name, ASKING, host_network=host_network)


def by_group(cluster: ClusterHarness, node: str, group: str) -> int:
    """How a request ends of a program in a control group of a node, such as system.slice/kubelet.service."""
    done = cluster.shell(node, f"sh -c {shlex.quote(_JOINED)} sh {group} {shlex.join(ASKING)}")
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])
