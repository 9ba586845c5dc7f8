"""A cluster whose network is Cilium, as a leader installs it: what it carries and refuses, also during a replacement.

The agents are Cilium's own, and so are the manifests, but for what `rehearsal/binaries/imaging/manifests.py` says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from imagebuilder import places
from rehearsal.local.processes import StepFailed
from rehearsal.machines.model import PodNetwork
from tests.e2e import lent_pods
from tests.e2e.asking_metadata import ASKING, REFUSED
from tests.e2e.asking_metadata import SERVED as ANSWERED
from tests.e2e.cilium_rights import OWN_NODE, RIGHTS, may_operator, rights_hold, token_of_agent, written
from tests.e2e.harness import ClusterHarness, Json, Seen, running
from tests.e2e.replacing import SHORT, replaced, terminate
from tests.waiting import wait_for

NETWORK = PodNetwork.CILIUM
SYSTEM = "--namespace=kube-system"
READY_SECONDS = 420.0
PORT = 8080
SERVING = (lent_pods.PYTHON, "-m", "http.server", str(PORT))
NAME = f"served.kube-system.svc.cluster.local:{PORT}"
"""The Service of the pod that is served."""
SERVED = {"app": "served"}
ADMITTED = {"app": "admitted"}
UNANSWERED = 28
"""How curl ends where packets are dropped (curl(1), "Exit codes")."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHarness]:
    """A cluster with two workers."""
    folder, workers = tmp_path_factory.mktemp("cilium"), {"GeneralMinSize": "2"}
    with running(folder, node_settings=SHORT, parameters=workers, network=NETWORK) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def served(cluster: ClusterHarness) -> Iterator[str]:
    """The address of a pod on a worker that answers, behind a Service."""
    whole = all_ready(cluster)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "served"},
        "spec": {"selector": SERVED, "ports": [{"port": PORT}]},
    }
    cluster.kubectl.text("create", SYSTEM, "--filename=-", given=json.dumps(service))
    with lent_pods.running(cluster, max(whole.workers), "served", SERVING, labels=SERVED) as address:
        yield address


def test_every_node_is_ready_through_cilium_and_none_has_kube_proxy(cluster: ClusterHarness) -> None:
    whole = all_ready(cluster)
    for name in sorted(whole.running):
        assert cluster.shell(name, f"ls {places.NETWORK_FOLDER}").stdout.split() == ["05-cilium.conflist"]
    pods = cluster.kubectl.items("pods", SYSTEM)
    assert not [pod["metadata"]["name"] for pod in pods if "kube-proxy" in pod["metadata"]["name"]]
    operators = [pod for pod in pods if pod["metadata"]["labels"].get("io.cilium/app") == "operator"]
    assert {pod["spec"]["nodeName"] for pod in operators} <= whole.control_planes


def test_what_runs_is_what_the_image_has(cluster: ClusterHarness) -> None:
    whole = all_ready(cluster)
    text = cluster.shell(min(whole.control_planes), f"cat {places.ADDON_FOLDER}/20-cilium.json").stdout
    for item in json.loads(text)["items"]:
        if item["kind"] in ("DaemonSet", "Deployment"):
            named = (item["kind"], item["metadata"]["name"])
            live = json.loads(cluster.kubectl.text("get", *named, SYSTEM, "--output=json"))
            assert not list(differing(item["spec"], live["spec"])), named


def test_pods_reach_each_other_across_nodes_by_address_and_by_name(cluster: ClusterHarness, served: str) -> None:
    whole = all_ready(cluster)
    for node in (min(whole.workers), min(whole.control_planes)):
        assert reaches(cluster, node, f"{served}:{PORT}")
        assert reaches(cluster, node, NAME)


def test_a_policy_lets_in_whom_it_names_and_nobody_else(cluster: ClusterHarness, served: str) -> None:
    node = min(all_ready(cluster).workers)
    with policed(cluster):
        assert reaches(cluster, node, f"{served}:{PORT}", ADMITTED)
        assert not reaches(cluster, node, f"{served}:{PORT}")
        assert not reaches(cluster, node, NAME)
    assert reaches(cluster, node, NAME)


@pytest.mark.parametrize(("host_network", "code"), [(False, UNANSWERED), (True, REFUSED)])
def test_no_pod_is_served_by_the_metadata_service(cluster: ClusterHarness, host_network: bool, code: int) -> None:
    node = min(all_ready(cluster).workers)
    assert lent_pods.code_of(cluster, node, "metadata", ASKING, host_network=host_network) == code


def test_nothing_is_lost_while_agents_restart(cluster: ClusterHarness, served: str) -> None:
    whole = all_ready(cluster)
    addresses = (f"{served}:{PORT}", cluster_ip(cluster), NAME)
    with asking_on(cluster, min(whole.workers), addresses) as answers:
        before = answers()
        cluster.kubectl.text("delete", "pods", SYSTEM, "--selector=k8s-app=cilium", "--wait=true")
        all_ready(cluster)
        after = answers()
    for address in addresses:
        assert after[address]["failed"] == []
        assert after[address]["answered"] > before[address]["answered"]


def test_an_agent_writes_of_its_own_node_alone(cluster: ClusterHarness) -> None:
    mine, other = sorted(all_ready(cluster).workers)
    token = token_of_agent(cluster, mine)
    assert written(cluster, token, mine) == ""
    assert OWN_NODE in written(cluster, token, other)


@pytest.mark.parametrize("right", RIGHTS)
def test_the_operator_has_no_rights_over_the_cluster(cluster: ClusterHarness, right: str) -> None:
    done = may_operator(cluster, right)
    assert done.stdout.strip() == "no", done.stderr


def test_all_of_it_holds_while_a_control_plane_is_replaced(cluster: ClusterHarness, served: str) -> None:
    before = all_ready(cluster)
    # One that has a pod of CoreDNS, so that names are asked for while it moves.
    leaving, worker = min(before.control_planes & named_on(cluster)), min(before.workers)
    addresses = (f"{served}:{PORT}", cluster_ip(cluster), NAME)
    with asking_on(cluster, worker, addresses) as answers, policed(cluster):
        first, token = answers(), token_of_agent(cluster, worker)
        terminate(cluster, leaving)
        other = max(before.workers)
        wait_for(asked_again(lambda: rights_hold(cluster, token, other)), "no right is told")
        chosen = ("--selector=k8s-app=cilium", f"--field-selector=spec.nodeName={worker}")
        wait_for(
            asked_again(lambda: bool(cluster.kubectl.text("delete", "pods", SYSTEM, "--wait=false", *chosen))),
            "no new agent",
        )
        wait_for(asked_again(lambda: nothing_served(cluster, worker)), "no pod asks the metadata service")
        after = replaced(cluster, before, leaving)
        all_ready(cluster)
        (arrived,) = after.control_planes - before.control_planes
        for node in (arrived, worker):
            assert reaches(cluster, node, NAME, ADMITTED)
            assert not reaches(cluster, node, NAME)
            assert nothing_served(cluster, node)
        last = answers()
    for address in addresses:
        assert last[address]["failed"] == []
        assert last[address]["answered"] > first[address]["answered"]
    assert leaving not in named_on(cluster)


def named_on(cluster: ClusterHarness) -> set[str]:
    """The nodes of CoreDNS's two pods, which are two, once both are Ready."""

    def found(_: Seen) -> set[str] | None:
        pods = cluster.kubectl.items("pods", SYSTEM, "--selector=k8s-app=kube-dns")
        ready = [pod["spec"]["nodeName"] for pod in pods if is_ready(pod)]
        return {*ready} if len(pods) == len(ready) == 2 else None

    nodes: set[str] = cluster.until(found, "CoreDNS has no two Ready pods", READY_SECONDS)
    assert len(nodes) == 2
    return nodes


def nothing_served(cluster: ClusterHarness, node: str) -> bool:
    """Whether pods on a node, with its network and with their own, get nothing of the metadata service."""
    codes = [lent_pods.code_of(cluster, node, "metadata", ASKING, host_network=each) for each in (False, True)]
    assert ANSWERED not in codes
    return codes == [UNANSWERED, REFUSED]


def asked_again(look: Callable[[], bool]) -> Callable[[], bool]:
    """A look that an API server which is about to end may not answer."""

    def asked() -> bool:
        try:
            return look()
        except StepFailed:
            return False

    return asked


def all_ready(cluster: ClusterHarness) -> Seen:
    """Wait until every running instance is a Ready node with a Ready agent, and nothing else is a node."""
    whole = cluster.healthy(READY_SECONDS)

    def ready(seen: Seen) -> Seen | None:
        agents = cluster.kubectl.items("pods", SYSTEM, "--selector=k8s-app=cilium")
        up = {pod["spec"]["nodeName"] for pod in agents if is_ready(pod)}
        return seen if cluster.nodes() == dict.fromkeys(seen.running, True) and up == seen.running else None

    found: Seen = cluster.until(ready, "not every node is Ready through Cilium", READY_SECONDS)
    assert found.control_planes == whole.control_planes
    return found


def is_ready(pod: Json) -> bool:
    """Whether a pod is Ready, and stays."""
    conditions = pod["status"].get("conditions", [])
    return "deletionTimestamp" not in pod["metadata"] and any(
        (each["type"], each["status"]) == ("Ready", "True") for each in conditions
    )


def reaches(cluster: ClusterHarness, node: str, address: str, labels: Mapping[str, str] = {}) -> bool:
    """Whether a pod on a node gets an answer."""
    asking = f"import urllib.request as u; u.urlopen('http://{address}', timeout=5)"
    return lent_pods.code_of(cluster, node, "asking", (lent_pods.PYTHON, "-c", asking), labels=labels) == 0


_ASKING_ON = """
import json, sys, threading, time
import urllib.request as request
told = {address: {"answered": 0, "failed": []} for address in sys.argv[1:]}
def ask(address):
    while True:
        began = time.time()
        try:
            request.urlopen(f"http://{address}", timeout=5).read()
            told[address]["answered"] += 1
        except OSError as error:
            told[address]["failed"].append([began, time.time(), str(error)])
        time.sleep(0.1)
for address in told:
    threading.Thread(target=ask, args=(address,)).start()
while True:
    print(json.dumps(told), flush=True)
    time.sleep(0.5)
"""


@contextmanager
def asking_on(cluster: ClusterHarness, node: str, addresses: Sequence[str]) -> Iterator[Callable[[], Json]]:
    """A pod on a node asks every address ten times a second; what was answered, and what failed from when to when."""
    command = (lent_pods.PYTHON, "-c", _ASKING_ON, *addresses)
    with lent_pods.running(cluster, node, "asking-on", command, labels=ADMITTED):

        def told() -> Json:
            lines = lent_pods.said(cluster, "asking-on")
            return json.loads(lines[-1]) if lines else {}

        def answered(_: Seen) -> bool:
            return {each for each, found in told().items() if found["answered"]} == {*addresses}

        cluster.until(answered, "not every address answers", READY_SECONDS)
        yield told


def cluster_ip(cluster: ClusterHarness) -> str:
    """The address of the Service, with its port."""
    found = json.loads(cluster.kubectl.text("get", "service", "served", SYSTEM, "--output=json"))
    return f"{found['spec']['clusterIP']}:{PORT}"


@contextmanager
def policed(cluster: ClusterHarness) -> Iterator[None]:
    """A policy by which only pods with the labels ADMITTED reach the one that is served."""
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "admitted"},
        "spec": {
            "podSelector": {"matchLabels": SERVED},
            "ingress": [{"from": [{"podSelector": {"matchLabels": ADMITTED}}]}],
        },
    }
    cluster.kubectl.text("create", SYSTEM, "--filename=-", given=json.dumps(policy))
    try:
        yield
    finally:
        cluster.kubectl.text("delete", "networkpolicy", "admitted", SYSTEM)


def differing(wanted: Any, found: Any, path: str = "") -> Iterator[str]:
    """Where an object lacks what a manifest says; what the API server adds is no difference."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, each in wanted.items():
            yield from differing(each, found.get(key), f"{path}/{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (each, other) in enumerate(zip(wanted, found, strict=True)):
            yield from differing(each, other, f"{path}/{number}")
    # What is empty or zero the API server leaves out, and a quantity that is a number it makes a text.
    elif wanted != found and str(wanted) != found and (wanted or found is not None):
        yield f"{path}: {wanted!r}, and not {found!r}"
