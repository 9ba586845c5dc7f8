"""What Cilium's agents and its operator may not do in a cluster, asked of its API servers."""

from __future__ import annotations

import json
import subprocess

from tests.e2e.harness import ClusterHarness

_SYSTEM = "--namespace=kube-system"
OWN_NODE = "an agent of Cilium writes the CiliumNode of its own node"
RIGHTS = ("get secrets", "delete pods", "patch nodes", "update leases")
"""What an operator of Cilium's chart may do, and ours may not."""


def token_of_agent(cluster: ClusterHarness, node: str) -> str:
    """A token of the agent's pod on a node, as whoever has the node finds it there."""
    agents = cluster.kubectl.items("pods", _SYSTEM, "--selector=k8s-app=cilium")
    pod = next(each["metadata"]["name"] for each in agents if each["spec"]["nodeName"] == node)
    bound = ("--bound-object-kind=Pod", f"--bound-object-name={pod}")
    return cluster.kubectl.text("create", "token", "cilium", _SYSTEM, *bound).strip()


def may_operator(cluster: ClusterHarness, right: str) -> subprocess.CompletedProcess[str]:
    """What the API server says of a right of Cilium's operator."""
    account = "--as=system:serviceaccount:kube-system:cilium-operator"
    return cluster.kubectl.run("auth", "can-i", *right.split(), "--namespace=default", account)


def written(cluster: ClusterHarness, token: str, node: str) -> str:
    """What the API server says to whoever has this token and writes a CiliumNode; nothing where it takes it."""
    kubectl = cluster.kubectl
    found = json.loads(kubectl.text("get", "ciliumnode", node, "--output=json"))
    found["metadata"].setdefault("annotations", {})["tried"] = "yes"
    command = [str(kubectl.program), "--kubeconfig=/dev/null", f"--server={kubectl.url}", f"--token={token}"]
    # Whether the server is the right one is not what is asked here.
    put = ["--insecure-skip-tls-verify", "replace", f"--raw=/apis/cilium.io/v2/ciliumnodes/{node}", "--filename=-"]
    done = kubectl.outside.run([*command, *put], given=json.dumps(found))
    return done.stderr if done.returncode else ""


def rights_hold(cluster: ClusterHarness, token: str, other: str) -> bool:
    """Whether an API server refuses what an agent and the operator may not do; AssertionError where it allows any."""
    refused = written(cluster, token, other)
    told = [may_operator(cluster, right).stdout.strip() for right in RIGHTS]
    assert refused
    assert "yes" not in told
    return OWN_NODE in refused and told == ["no"] * len(RIGHTS)
