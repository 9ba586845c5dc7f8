"""Add-ons on a real control plane: kubeadm's run; the API server takes the image's own, whose programs are not here."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from coordination.names import Encryption
from coordination.outcomes import Done, Unknown
from rehearsal.machines.model import Image
from tests.machines.kubeadm.cluster import HOST, Run, found, harness_of, place_files, prepare
from tests.programs import MINORS
from tests.unit.userdata.kubeadm.examples import CLUSTER, CONTROL_PLANE
from tests.waiting import wait_for
from userdata.addons.content import Addons, Record, addons, read_record
from userdata.addons.filling import Values
from userdata.addons.installing import install, manifests
from userdata.addons.places import RECORD
from userdata.host.commands import Finished
from userdata.host.files import private
from userdata.kube.access import KUBECONFIG_FILE
from userdata.kube.kubectl import KubectlTarget
from userdata.kubeadm import addon_config, discovery, dns
from userdata.kubeadm.places import API_PORT
from userdata.kubeadm.tokens import new_token
from userdata.pki.issuing import new_pki

pytestmark = pytest.mark.slow

VALUES = Values("0b1c", "us-east-1", CLUSTER.endpoint, CLUSTER.pod_cidr, Encryption.WIREGUARD, ())
NOBODY = "10.0.0.250"


@dataclass
class Founded:
    """A control plane alone, whose endpoint's name leads nowhere at first."""

    run: Run
    image: Image
    outside: Path
    """A folder that is not the node's: what is written there does not reach it."""

    @property
    def here(self) -> KubectlTarget:
        return KubectlTarget(KUBECONFIG_FILE, self.execute)

    def execute(self, command: Sequence[str], seconds: float, *, stdin: str = "") -> Finished:
        """Run a program inside the instance, as the node program does."""
        script = f"{shlex.join(command)} <<'END_OF_INPUT'\n{stdin}\nEND_OF_INPUT\n"
        shell = self.run.harness.hypervisor.shell(self.run.founder.name)
        done = subprocess.run(shell, input=script, text=True, check=False, capture_output=True, timeout=seconds)
        return Finished(done.returncode, done.stdout + done.stderr)

    def kubectl(self, *arguments: str) -> str:
        done = self.execute(self.here.kubectl(*arguments), 30)
        assert done.succeeded, done.output
        return done.output

    def endpoint_leads_to(self, address: str) -> None:
        # Not moved over: an instance's hosts file may be a mount.
        script = (
            f"sed '/{CLUSTER.endpoint}/d' /etc/hosts > /tmp/hosts; echo '{address} {CLUSTER.endpoint}' >> /tmp/hosts"
        )
        self.run.harness.run(self.run.founder.name, f"{script}; cat /tmp/hosts > /etc/hosts")

    def addons(self, *, kube_proxy: bool) -> Addons:
        found = manifests(self.image.layer)
        return addons(found, VALUES, self.image.kubernetes, kube_proxy=kube_proxy)

    def install(self, *, kube_proxy: bool) -> Done | Unknown:
        """Install them as this control plane does, whatever its founder was told."""
        told = addon_config.configuration(self.run.cluster, self.run.founder.address, HOST, Path("/"))
        place_files(self.run.harness, self.run.founder.name, dns.PATCHES)
        return install(self.addons(kube_proxy=kube_proxy), self.here, self.outside, told)


@pytest.fixture(scope="module", params=MINORS)
def founded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Founded]:
    """A founded cluster of each minor, without add-ons."""
    with harness_of(request.param) as harness:
        instance_id = harness.launch()
        harness.wait_state(instance_id, "running")
        prepare(harness, instance_id)
        node = replace(
            CONTROL_PLANE, name=instance_id, address=harness.described(instance_id)["PrivateIpAddress"], taints=()
        )
        cluster = replace(CLUSTER, version=harness.image.kubernetes)
        run = Run(harness, cluster, new_pki(datetime.now(UTC)), new_token(), node, node, node, stranger=instance_id)
        made = Founded(run, harness.image, tmp_path_factory.mktemp("outside"))
        made.endpoint_leads_to(NOBODY)
        found(run)
        # As a control plane issues itself one; this one lasts for all tests.
        now, server = datetime.now(UTC), f"https://{node.address}:{API_PORT}"
        asking = discovery.for_control_plane(run.pki.cluster, server, node.name, now)
        place_files(harness, node.name, {KUBECONFIG_FILE: private(asking)})
        yield made


@pytest.fixture(scope="module")
def proxied(founded: Founded) -> Founded:
    """With kubeadm's add-ons, installed while nobody answered at the endpoint, which leads to the node now."""
    assert recorded(founded) is None
    assert founded.install(kube_proxy=True) == Done()
    founded.endpoint_leads_to(founded.run.founder.address)
    # A container keeps the hosts file of its start.
    founded.kubectl("delete", "pod", "-n", "kube-system", "-l", "k8s-app=kube-proxy")
    wait_for(lambda: asked_service(founded) == "ok", "the API by its Service", 30, 0.5)
    # Those that could not reach the API before try again after half a minute only.
    founded.kubectl("delete", "pod", "-n", "kube-system", "-l", "k8s-app=kube-dns")
    return founded


@pytest.fixture(scope="module")
def complete(proxied: Founded) -> Founded:
    """With the image's own add-ons too; what they run is not on this node."""
    wait_for(lambda: not unready(proxied), "every pod of kube-system", 60, 0.5)
    assert proxied.install(kube_proxy=False) == Done()
    return proxied


def asked_service(founded: Founded) -> str:
    """What the API says by the address of its Service, which kube-proxy makes."""
    script = "curl --silent --insecure --max-time 2 https://172.20.0.1/readyz || true"
    return founded.run.harness.run(founded.run.founder.name, script)


def read(founded: Founded, *arguments: str) -> Any:
    said = founded.execute(founded.here.kubectl("get", *arguments, "-n", "kube-system", "-o", "json"), 30)
    assert said.succeeded, said.output
    return json.loads(said.output)


def recorded(founded: Founded) -> Record | None:
    """The record of add-ons. By which right an agent reads it is shown on an API server (tests/integration/node)."""
    said = founded.kubectl("get", "configmap", RECORD, "-n", "kube-system", "--ignore-not-found", "-o", "json")
    return read_record(json.loads(said)) if said.strip() else None


def unready(founded: Founded) -> list[str]:
    """The pods of kube-system that are not ready, and `nothing` where there is none at all.

    One of DNS waits for a second node.
    """
    items = [each for each in read(founded, "pods")["items"] if each["metadata"]["name"] not in second_of_dns(founded)]
    ready = [
        any(each["type"] == "Ready" and each["status"] == "True" for each in item["status"].get("conditions", []))
        for item in items
    ]
    return [item["metadata"]["name"] for item, is_ready in zip(items, ready, strict=True) if not is_ready] or (
        [] if items else ["nothing"]
    )


def second_of_dns(founded: Founded) -> list[str]:
    """The pods of DNS that no node is found for, because the one node has another."""
    return [
        item["metadata"]["name"]
        for item in read(founded, "pods", "-l", "k8s-app=kube-dns")["items"]
        for each in item["status"].get("conditions", [])
        if each["type"] == "PodScheduled" and "anti-affinity" in each.get("message", "")
    ]


# with kube-proxy


def test_kubeadms_add_ons_become_ready_on_the_bridge(proxied: Founded) -> None:
    wait_for(lambda: not unready(proxied), "every pod of kube-system", 60, 0.5)
    running = {item["metadata"]["labels"].get("k8s-app") for item in read(proxied, "pods")["items"]}
    assert {"kube-dns", "kube-proxy"} <= running
    assert len(second_of_dns(proxied)) == 1


def test_while_one_pod_of_dns_waits_for_a_node_no_drain_takes_the_other(proxied: Founded) -> None:
    wait_for(lambda: not unready(proxied), "every pod of kube-system", 60, 0.5)

    def allowed() -> tuple[int, int]:
        status = read(proxied, "poddisruptionbudget", "coredns")["status"]
        return status["currentHealthy"], status["disruptionsAllowed"]

    wait_for(lambda: allowed() == (1, 0), "what the budget allows", 30, 0.5)


def test_it_is_recorded_what_was_installed(proxied: Founded) -> None:
    assert recorded(proxied) == proxied.addons(kube_proxy=True).record


# the image's own


def test_the_api_server_takes_every_manifest_and_taking_it_again_changes_nothing(complete: Founded) -> None:
    # kubeadm writes DNS anew each time, which changes the number of the Deployment and no pod.
    kinds = "daemonsets,deployments,configmaps,roles,replicasets"

    def versions() -> dict[str, str]:
        return {
            f"{item['kind']} {item['metadata']['name']}": item["metadata"].get("generation", item.get("data"))
            for item in read(complete, kinds)["items"]
            if (item["kind"], item["metadata"]["name"]) != ("Deployment", "coredns")
        }

    before = versions()
    assert {"DaemonSet cilium", "Deployment cilium-operator", "Deployment cluster-autoscaler"} <= before.keys()
    assert complete.install(kube_proxy=False) == Done()
    assert versions() == before
    assert recorded(complete) == complete.addons(kube_proxy=False).record


def test_the_clusters_own_values_are_in_their_config_maps(complete: Founded) -> None:
    assert read(complete, "configmap", "kubernetes-endpoint")["data"]["host"] == CLUSTER.endpoint
    assert read(complete, "configmap", "cluster-autoscaler")["data"] == {"cluster": "0b1c", "region": "us-east-1"}
    settings = read(complete, "configmap", "cilium-config")["data"]
    assert settings["cluster-pool-ipv4-cidr"] == settings["encryption-strict-egress-cidr"] == CLUSTER.pod_cidr
    assert settings["enable-wireguard"] == "true"


def test_what_somebody_changed_by_hand_is_put_back(complete: Founded) -> None:
    patch = '{"data": {"host": "elsewhere"}}'
    complete.kubectl("patch", "configmap", "kubernetes-endpoint", "-n", "kube-system", "--patch", patch)
    assert complete.install(kube_proxy=False) == Done()
    assert read(complete, "configmap", "kubernetes-endpoint")["data"]["host"] == CLUSTER.endpoint


@pytest.mark.parametrize(
    "label", ["k8s-app=cilium", "name=cilium-operator", "app.kubernetes.io/name=cluster-autoscaler"]
)
def test_pods_are_admitted_and_placed_on_the_control_plane(complete: Founded, label: str) -> None:
    def placed() -> list[str]:
        return [item["spec"].get("nodeName", "") for item in read(complete, "pods", "-l", label)["items"]]

    wait_for(lambda: complete.run.founder.name in placed(), f"a pod of {label} on the node", 30, 0.5)
