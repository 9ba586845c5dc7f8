"""Add-ons that a cluster chooses on a real kube-apiserver of each minor: it takes them, and their programs' rights are
enough for what these are documented to do, and for nothing else. Their programs are not here, but for kubeadm's DNS."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from coordination.names import Addon, Encryption
from coordination.outcomes import Done, Known
from imagebuilder import addons as images
from imagebuilder import versions
from imagebuilder.addons.ebs_csi_rights import POLICIES
from imagebuilder.addons.manifests import text
from tests.integration.node.kube import Kube, serving
from tests.programs import EACH_MINOR, program
from tests.unit.userdata.kubeadm.examples import CLUSTER, CONTROL_PLANE
from tests.waiting import wait_for
from userdata.addons.content import Addons, Record, added, addons
from userdata.addons.filling import Values
from userdata.addons.installing import install, install_more, installed
from userdata.host import commands
from userdata.host.commands import Finished
from userdata.kube.resources import ACCESS_REVIEWS, PODS, Resource
from userdata.kubeadm import addon_config, dns
from userdata.kubeadm.node import Host
from userdata.pki.issuing import Subject

KNOWN = versions.read()
SYSTEM, CHOSEN = "kube-system", frozenset(Addon)
VALUES = Values(
    "0b1c",
    "us-east-1",
    "api.holdfast.internal",
    "100.64.0.0/16",
    Encryption.WIREGUARD,
    (),
    CHOSEN,
    {"owner": "platform"},
    "arn:aws:kms:us-east-1:123456789012:key/1",
)
CONTROLLER, NODE, METRICS = "ebs-csi-controller", "ebs-csi-node", "metrics-server"
VOLUMES = Resource("v1", "persistentvolumes")
CLAIMS = Resource("v1", "persistentvolumeclaims")
ATTACHMENTS = Resource("storage.k8s.io/v1", "volumeattachments")
CLASSES = Resource("storage.k8s.io/v1", "storageclasses")
API_SERVICES = Resource("apiregistration.k8s.io/v1", "apiservices")
BUDGETS = Resource("policy/v1", "poddisruptionbudgets")
DEPLOYMENTS, DAEMON_SETS = Resource("apps/v1", "deployments"), Resource("apps/v1", "daemonsets")
SERVICE_ACCOUNTS = Resource("v1", "serviceaccounts")
PLACES = {CONTROLLER: DEPLOYMENTS, METRICS: DEPLOYMENTS, NODE: DAEMON_SETS}

# What the programs are documented to need, as "verbs group/resource": deploy/kubernetes/rbac.yaml of external-
# provisioner 6.3, -attacher 4.13 and -resizer 2.2, without snapshots; docs of the driver's node part; metrics-server's
# manifests/base/rbac.yaml.
NEEDED: dict[str, Sequence[str]] = {
    CONTROLLER: (
        "get,list,watch,create,patch,delete /persistentvolumes",
        "get,list,watch,update /persistentvolumeclaims",
        "patch /persistentvolumeclaims/status",
        "get,list,watch /nodes",
        "get,list,watch /pods",
        "list,watch,create,update,patch /events",
        "get,list,watch storage.k8s.io/storageclasses",
        "get,list,watch storage.k8s.io/csinodes",
        "get,list,watch storage.k8s.io/volumeattributesclasses",
        "get,list,watch,patch storage.k8s.io/volumeattachments",
        "patch storage.k8s.io/volumeattachments/status",
        "create coordination.k8s.io/leases@kube-system",
        "get,update coordination.k8s.io/leases@kube-system=ebs-csi-aws-com",
        "get,update coordination.k8s.io/leases@kube-system=external-attacher-leader-ebs-csi-aws-com",
        "get,update coordination.k8s.io/leases@kube-system=external-resizer-ebs-csi-aws-com",
    ),
    NODE: ("get /nodes", "get storage.k8s.io/csinodes", "get,list,watch storage.k8s.io/volumeattachments"),
    METRICS: (
        "get /nodes/metrics",
        "get,list,watch /nodes",
        "get,list,watch /pods",
        "create authentication.k8s.io/tokenreviews",
        "create authorization.k8s.io/subjectaccessreviews",
        "get,list,watch /configmaps@kube-system=extension-apiserver-authentication",
    ),
}
_NEVER = (
    "get,list,watch,create,update,patch /secrets",
    "get,list /secrets@kube-system",
    "create,update,patch,delete /pods",
    "create /pods/exec",
    "create,update,patch,delete /nodes",
    "patch /nodes/status",
    "get,create /nodes/proxy",
    "create,update,patch,delete apps/daemonsets",
    "create,update,patch,delete apps/deployments@kube-system",
    "create /serviceaccounts/token@kube-system",
    "create,update,patch,bind,escalate rbac.authorization.k8s.io/clusterroles",
    "create,update,patch rbac.authorization.k8s.io/clusterrolebindings",
    "update,patch,delete storage.k8s.io/storageclasses",
    "update,patch,delete storage.k8s.io/csidrivers",
    "update,patch,delete admissionregistration.k8s.io/validatingadmissionpolicies",
    "update coordination.k8s.io/leases@kube-system=kube-scheduler",
    "create coordination.k8s.io/leases@default",
    "update /configmaps@kube-system",
)
REFUSED: dict[str, Sequence[str]] = {
    CONTROLLER: (*_NEVER, "create,delete storage.k8s.io/volumeattachments", "create,delete /persistentvolumeclaims"),
    NODE: (
        *_NEVER,
        "list,watch /nodes",
        "get,list,create,update,patch,delete /persistentvolumes",
        "get,list,update /persistentvolumeclaims",
        "create,update,patch,delete storage.k8s.io/volumeattachments",
        "update,patch storage.k8s.io/csinodes",
    ),
    METRICS: (*_NEVER, "get,list /configmaps@default", "get,list /persistentvolumeclaims"),
}


@dataclass
class Chosen:
    """An API server with the add-ons, installed as an agent adds them to a cluster."""

    kube: Kube
    minor: str

    def run(self, command: Sequence[str], seconds: float, *, stdin: str = "") -> Finished:
        """kubectl or kubeadm of the API server's minor; kubectl keeps nothing."""
        name, *given = command
        kept = given[:-2] if name == "kubectl" else given
        return commands.run((str(program(name, self.minor)), *kept), seconds, stdin=stdin)

    def wanted(self) -> Addons:
        """Everything that an image of the minor would install."""
        made = images.documents(KNOWN, KNOWN.release(self.minor))
        whole = Values(**{**vars(VALUES), "authority": self.kube.server.pki.cluster.bundle})
        return addons({name: text(each) for name, each in made.items()}, whole, "v1.37.0", kube_proxy=False)

    def add(self) -> Done | object:
        """What an agent does that finds them missing."""
        more = added(Record("v1.37.0", "before"), self.wanted())
        assert more is not None
        with self.kube.access.kubectl(self.kube.server.address, self.run) as here:
            return install_more(more, here)

    def add_dns(self, root: Path) -> Done | object:
        """What a founder does, but for the image's own add-ons; `root` is where kubeadm's patches are below."""
        release = KNOWN.release(self.minor)
        cluster = replace(CLUSTER, version=release.version)
        # kubeadm takes no address of loopback; which server it asks the kubeconfig says.
        told = addon_config.configuration(cluster, CONTROL_PLANE.address, Host(), root)
        with self.kube.access.kubectl(self.kube.server.address, self.run) as here:
            return install(replace(self.wanted(), documents={}), here, root, told)

    def read(self, resource: Resource, name: str, namespace: str = "") -> Any:
        found = self.kube.master.get(resource, name, namespace)
        assert isinstance(found, Known), found
        return found.value

    def token(self, account: str) -> str:
        """A token of a service account."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
        path = f"{SERVICE_ACCOUNTS.path(account, SYSTEM)}/token"
        master = self.kube.server.user(Subject("master", "system:masters"))
        status, said = self.kube.server.ask("POST", path, master, body)
        assert status == 201, said
        return str(json.loads(said)["status"]["token"])

    def refused(self, token: str, method: str, path: str, body: Any = None) -> str:
        """What the API server says to a change; empty where it makes it."""
        status, said = self.kube.server.ask(method, path, token, body)
        assert status in (200, 201, 403, 422), said
        return str(json.loads(said)["message"]) if status >= 400 else ""


@pytest.fixture(scope="module", params=EACH_MINOR)
def chosen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chosen]:
    """An API server of each minor with both add-ons."""
    with serving(tmp_path_factory, request.param) as kube:
        made = Chosen(kube, request.param)
        assert made.add() == Done()
        yield made


def test_the_api_server_takes_every_object_and_taking_them_again_changes_nothing(chosen: Chosen) -> None:
    def versions_of() -> list[Any]:
        return [chosen.read(resource, name, SYSTEM)["metadata"]["generation"] for name, resource in PLACES.items()] + [
            chosen.read(CLASSES, "gp3")["metadata"]["resourceVersion"]
        ]

    before = versions_of()
    assert chosen.add() == Done()
    assert versions_of() == before
    assert installed(chosen.kube.agent) == Known(Record("v1.37.0", "before", CHOSEN))


def test_what_differs_from_cluster_to_cluster_is_filled_in(chosen: Chosen) -> None:
    parameters = chosen.read(CLASSES, "gp3")["parameters"]
    assert (parameters["encrypted"], parameters["kmsKeyId"]) == ("true", VALUES.key_arn)
    service = chosen.read(API_SERVICES, "v1beta1.metrics.k8s.io")["spec"]
    assert service["caBundle"]
    assert not service.get("insecureSkipTLSVerify")


def pod_of(chosen: Chosen, name: str) -> dict[str, Any]:
    spec = chosen.read(PLACES[name], name, SYSTEM)["spec"]["template"]["spec"]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"tried-{name}"}, "spec": spec}


@pytest.mark.parametrize("name", PLACES)
def test_pods_are_admitted_to_the_systems_namespace(chosen: Chosen, name: str) -> None:
    assert chosen.kube.master.create(PODS, pod_of(chosen, name), SYSTEM) == Done()
    chosen.kube.master.delete(PODS, f"tried-{name}", SYSTEM)


def test_the_same_pod_that_mounts_is_admitted_nowhere_else(chosen: Chosen) -> None:
    pod = pod_of(chosen, NODE)
    pod["spec"] = {key: value for key, value in pod["spec"].items() if not key.startswith("serviceAccount")}
    pod["spec"]["priorityClassName"] = ""
    pod["spec"].pop("priority", None)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    assert chosen.kube.master.create(SERVICE_ACCOUNTS, account, "default") == Done()
    said = chosen.kube.master.create(PODS, pod, "default")
    assert "violates PodSecurity" in str(getattr(said, "reason", said))


# rights


def questions(lines: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each verb on what stands behind it: group/resource/subresource@namespace=name."""
    for line in lines:
        verbs, _, what = line.partition(" ")
        what, _, name = what.partition("=")
        what, _, namespace = what.partition("@")
        group, _, resource = what.partition("/")
        resource, _, subresource = resource.partition("/")
        for verb in verbs.split(","):
            asked = {"group": group, "resource": resource, "subresource": subresource}
            yield f"{verb} {line}", {**asked, "verb": verb, "namespace": namespace, "name": name}


def answers(chosen: Chosen, account: str, lines: Sequence[str]) -> dict[str, bool]:
    """What the API server's authorizer says of a service account."""
    found = {}
    master = chosen.kube.server.user(Subject("master", "system:masters"))
    for label, asked in questions(lines):
        body: dict[str, Any] = {
            "apiVersion": ACCESS_REVIEWS.api,
            "kind": "SubjectAccessReview",
            "spec": {"user": f"system:serviceaccount:{SYSTEM}:{account}", "resourceAttributes": asked},
        }
        body["spec"]["groups"] = ["system:serviceaccounts", f"system:serviceaccounts:{SYSTEM}", "system:authenticated"]
        status, said = chosen.kube.server.ask("POST", ACCESS_REVIEWS.path(), master, body)
        assert status == 201, said
        found[label] = json.loads(said)["status"]["allowed"]
    return found


@pytest.mark.parametrize("account", PLACES)
def test_an_account_may_do_what_its_programs_are_documented_to_and_nothing_more(chosen: Chosen, account: str) -> None:
    wait_for(lambda: all(answers(chosen, account, NEEDED[account]).values()), "the rights", pause_seconds=0.2)
    refused = answers(chosen, account, REFUSED[account])
    assert [label for label, allowed in refused.items() if allowed] == []


# what rights cannot say


def volume(name: str, **source: Any) -> dict[str, Any]:
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], **source}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}


def of_driver(name: str, driver: str = "ebs.csi.aws.com") -> dict[str, Any]:
    return volume(name, csi={"driver": driver, "volumeHandle": f"vol-{name}"})


FOLDER = volume("folder", hostPath={"path": "/etc"})
SAID = "the EBS CSI driver writes PersistentVolumes of its own kind only"


def test_the_driver_makes_and_deletes_volumes_of_its_own_kind_only(chosen: Chosen) -> None:
    token, path = chosen.token(CONTROLLER), VOLUMES.path()

    def made() -> str:
        said = chosen.refused(token, "POST", path, FOLDER)
        chosen.kube.master.delete(VOLUMES, "folder")
        return said

    wait_for(made, "the policy is in force", pause_seconds=0.2)
    assert SAID in made()
    assert SAID in chosen.refused(token, "POST", path, of_driver("other", "efs.csi.aws.com"))
    assert chosen.refused(token, "POST", path, of_driver("own")) == ""
    for each in (FOLDER, of_driver("another", "efs.csi.aws.com")):
        name = each["metadata"]["name"]
        assert chosen.kube.master.create(VOLUMES, each) == Done()
        assert SAID in chosen.refused(token, "DELETE", VOLUMES.path(name))
        assert chosen.kube.master.delete(VOLUMES, name) == Done()
    assert chosen.refused(token, "DELETE", VOLUMES.path("own")) == ""


def attachment(name: str, attacher: str) -> dict[str, Any]:
    spec = {"attacher": attacher, "nodeName": "i-1", "source": {"persistentVolumeName": "own"}}
    return {"apiVersion": ATTACHMENTS.api, "kind": "VolumeAttachment", "metadata": {"name": name}, "spec": spec}


def test_the_driver_changes_attachments_of_its_own_kind_only(chosen: Chosen) -> None:
    for name, attacher in (("own", "ebs.csi.aws.com"), ("other", "efs.csi.aws.com")):
        assert chosen.kube.master.create(ATTACHMENTS, attachment(name, attacher)) == Done()

    def changed(name: str, part: str = "") -> str:
        body = {"metadata": {"annotations": {"tried": part or "it"}}}
        return patched(chosen, CONTROLLER, f"{ATTACHMENTS.path(name)}{part}", body)

    wait_for(lambda: changed("other"), "the policy is in force", pause_seconds=0.2)
    assert "VolumeAttachments of its own kind only" in changed("other")
    assert "VolumeAttachments of its own kind only" in changed("other", "/status")
    assert changed("own") == ""


def patched(chosen: Chosen, account: str, path: str, body: Any) -> str:
    """What is said to a merge patch, as the attacher sends it."""
    server = chosen.kube.server
    status, said = server.ask("PATCH", path, chosen.token(account), body, "application/merge-patch+json")
    assert status in (200, 403, 422), said
    return str(json.loads(said)["message"]) if status >= 400 else ""


def test_nobody_else_is_judged_by_the_drivers_policies(chosen: Chosen) -> None:
    assert len(POLICIES) == 2
    assert chosen.kube.master.create(VOLUMES, volume("anybodys", hostPath={"path": "/srv"})) == Done()


# DNS


def test_kubeadm_spreads_dns_over_nodes_and_a_drain_takes_one_pod_at_a_time(chosen: Chosen, tmp_path: Path) -> None:
    assert chosen.add_dns(tmp_path) == Done()
    template = chosen.read(DEPLOYMENTS, "coredns", SYSTEM)["spec"]["template"]
    (by_node,), (by_zone,) = template["spec"]["affinity"]["podAntiAffinity"].values()
    by_zone = by_zone["podAffinityTerm"]
    assert [each["topologyKey"] for each in (by_node, by_zone)] == [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]
    budget = chosen.read(BUDGETS, "coredns", SYSTEM)["spec"]
    for selector in (by_node["labelSelector"], by_zone["labelSelector"], budget["selector"]):
        assert selector["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert budget == dns.BUDGET["spec"]
    # Installing it again rolls no pod out.
    assert chosen.add_dns(tmp_path) == Done()
    assert chosen.read(DEPLOYMENTS, "coredns", SYSTEM)["spec"]["template"] == template
