"""The cluster-autoscaler may do, at a real API server of each minor, what its release needs, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coordination.outcomes import Done
from imagebuilder.addons import autoscaler
from tests.integration.node.kube import Kube, serving
from tests.programs import EACH_MINOR, program
from tests.waiting import wait_for
from userdata.host.files import private, write
from userdata.kube.resources import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    ROLE_BINDINGS,
    ROLES,
    SYSTEM,
    Object,
    Resource,
)
from userdata.pki.issuing import Subject

GRANTING = {
    "ServiceAccount": Resource("v1", "serviceaccounts"),
    "ClusterRole": CLUSTER_ROLES,
    "ClusterRoleBinding": CLUSTER_ROLE_BINDINGS,
    "Role": ROLES,
    "RoleBinding": ROLE_BINDINGS,
}
REVIEWS = "/apis/authorization.k8s.io/v1/{}"
ELSEWHERE, NOBODY = "default", "nobody"


@dataclass(frozen=True)
class Right:
    """What may be done to a kind of object."""

    group: str
    resource: str
    """With its subresource: `pods/status`."""
    verb: str
    name: str = ""
    """Of the one object; empty for all of them."""


# What the autoscaler needs, by its sources at 1.36 and 1.37 (cluster-autoscaler/ of kubernetes/autoscaler, the core of
# which moved to kubernetes-sigs/cluster-autoscaler). Its chart's ClusterRole and Role name each of these.
READ = ("get", "list", "watch")
NEEDED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # simulator/framework/handle.go hands its informers to the scheduler's framework, with every plugin that is there by
    # default. It waits for all of them before it scales anything (builder/autoscaler.go, WaitForCacheSync).
    *(("", kind, READ) for kind in ("pods", "namespaces", "services", "replicationcontrollers")),
    *(("", kind, READ) for kind in ("persistentvolumes", "persistentvolumeclaims")),
    *(("apps", kind, READ) for kind in ("replicasets", "statefulsets")),
    *(("storage.k8s.io", kind, READ) for kind in ("storageclasses", "csinodes", "csidrivers", "csistoragecapacities")),
    ("storage.k8s.io", "volumeattachments", READ),
    # config/flags/flags.go: enable-dynamic-resource-allocation is "locked to true" from 1.35 on.
    *(("resource.k8s.io", kind, READ) for kind in ("deviceclasses", "resourceslices", "resourceclaims")),
    # utils/kubernetes/listers.go; the chart alone has cronjobs.
    ("apps", "daemonsets", READ),
    *(("batch", kind, READ) for kind in ("jobs", "cronjobs")),
    ("policy", "poddisruptionbudgets", ("list", "watch")),
    # utils/taints/taints.go: what leaves is tainted by Get and Update of the whole Node, not by a patch.
    ("", "nodes", (*READ, "update")),
    # core/scaledown/actuation/drain.go, and events of everything that it decides.
    ("", "pods/eviction", ("create",)),
    ("", "events", ("create", "patch")),
    # Only the chart has it.
    ("", "pods/status", ("update",)),
)
# In its own namespace: main.go's lease, clusterstate/utils/status.go, and the expander `priority`, which may be chosen.
NEEDED_AT_HOME: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("coordination.k8s.io", "leases", ("create",), ("",)),
    ("coordination.k8s.io", "leases", ("get", "update"), ("cluster-autoscaler",)),
    ("", "configmaps", ("create", "list", "watch"), ("",)),
    (
        "",
        "configmaps",
        ("get", "update", "delete"),
        ("cluster-autoscaler-status", "cluster-autoscaler-priority-expander"),
    ),
)
# What the chart grants beyond that and is not granted here: endpoints (the lock of releases before 1.20), the group
# extensions (gone since 1.22), configmaps of every namespace and patches of jobs (nothing asks for them), podtemplates,
# provisioningrequests and capacityquotas (behind flags that are off).
EVERYWHERE = {Right(group, kind, verb) for group, kind, verbs in NEEDED for verb in verbs}
AT_HOME = {
    Right(group, kind, verb, name) for group, kind, verbs, names in NEEDED_AT_HOME for verb in verbs for name in names
}
# Whose holder has the cluster, or another's part of it.
REFUSED = (
    *(
        Right("", kind, verb)
        for kind, verb in (("secrets", "get"), ("secrets", "list"), ("serviceaccounts/token", "create"))
    ),
    *(Right("", kind, verb) for kind, verb in (("pods", "create"), ("pods", "delete"), ("pods/exec", "create"))),
    *(Right("", kind, verb) for kind, verb in (("nodes", "create"), ("nodes", "delete"), ("nodes/proxy", "get"))),
    Right("", "configmaps", "update", "cilium-config"),
    Right("coordination.k8s.io", "leases", "update", "kube-scheduler"),
    Right("apps", "deployments", "update"),
    Right("rbac.authorization.k8s.io", "clusterroles", "bind"),
)


@dataclass(frozen=True)
class Account:
    """A ServiceAccount of kube-system, by a token of it."""

    kube: Kube
    minor: str
    token: str

    def may(self, right: Right, namespace: str) -> bool:
        """What `kubectl auth can-i` asks, as the account itself."""
        resource, _, subresource = right.resource.partition("/")
        asked = {"group": right.group, "resource": resource, "subresource": subresource, "verb": right.verb}
        spec = {"resourceAttributes": {**asked, "name": right.name, "namespace": namespace}}
        return bool(self._ask("selfsubjectaccessreviews", spec)["allowed"])

    def rights(self, namespace: str) -> set[Right]:
        """All that the account may do to objects of a namespace, and of none, by the API server's word."""
        found = self._ask("selfsubjectrulesreviews", {"namespace": namespace})
        assert not found["incomplete"], found
        return {
            Right(group, kind, verb, name)
            for rule in found["resourceRules"]
            for group in rule["apiGroups"]
            for kind in rule["resources"]
            for verb in rule["verbs"]
            for name in rule.get("resourceNames", [""])
        }

    def _ask(self, kind: str, spec: Object) -> Any:
        status, answer = self.kube.server.ask("POST", REVIEWS.format(kind), self.token, {"spec": spec})
        assert status == 201, answer
        return json.loads(answer)["status"]


@pytest.fixture(scope="module", params=EACH_MINOR)
def kube(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kube, str]]:
    """An API server of each minor with what the manifests grant, and an account that nothing is granted to."""
    with serving(tmp_path_factory, request.param) as made:
        nobody = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NOBODY, "namespace": SYSTEM}}
        for each in [*autoscaler.objects("v0.0.0"), nobody]:
            if each["kind"] in GRANTING:
                namespace = each["metadata"].get("namespace", "")
                assert made.master.create(GRANTING[each["kind"]], each, namespace) == Done()
        yield made, request.param


def account_of(kube: tuple[Kube, str], name: str) -> Account:
    """An account with a token that is good for ten minutes."""
    made, minor = kube
    master = made.server.user(Subject("master", "system:masters"))
    path = f"{GRANTING['ServiceAccount'].path(name, SYSTEM)}/token"
    status, answer = made.server.ask("POST", path, master, {"spec": {"expirationSeconds": 600}})
    assert status == 201, answer
    return Account(made, minor, json.loads(answer)["status"]["token"])


@pytest.fixture(scope="module")
def account(kube: tuple[Kube, str]) -> Account:
    """The autoscaler's."""
    return account_of(kube, autoscaler.NAME)


def test_it_may_do_what_it_needs_in_every_namespace_and_of_its_own_objects(account: Account) -> None:
    needed = [(right, place) for right in EVERYWHERE for place in (SYSTEM, ELSEWHERE)]
    needed += [(right, SYSTEM) for right in AT_HOME]
    assert [each for each in needed if not account.may(*each)] == []


def test_it_may_do_nothing_else_but_what_every_account_may(kube: tuple[Kube, str], account: Account) -> None:
    nobody = account_of(kube, NOBODY)
    assert account.rights(ELSEWHERE) == EVERYWHERE | nobody.rights(ELSEWHERE)
    assert account.rights(SYSTEM) == EVERYWHERE | AT_HOME | nobody.rights(SYSTEM)


def test_it_reads_no_secret_makes_no_pod_and_deletes_no_node(account: Account) -> None:
    assert [each for each in REFUSED for place in (SYSTEM, ELSEWHERE) if account.may(each, place)] == []
    assert [each for each in AT_HOME if account.may(each, ELSEWHERE)] == []


def test_the_schedulers_framework_of_the_minor_reads_all_that_it_wants_with_these_rights(
    account: Account, tmp_path: Path
) -> None:
    """The autoscaler's program cannot be had here, and what of it reads the most is a part of kube-scheduler: the real
    one starts with the account's token. Releases that read a kind more scaled nothing with the old ClusterRole
    (kubernetes/autoscaler issue 7663: volumeattachments in 1.32; 9244: resourceslices in 1.35)."""
    server = {
        "server": f"https://{account.kube.server.address}:6443",
        "certificate-authority": str(account.kube.authority),
    }
    asking = {
        "clusters": [{"name": "c", "cluster": server}],
        "users": [{"name": "u", "user": {"token": account.token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    write(tmp_path, {"/kubeconfig": private(json.dumps({"apiVersion": "v1", "kind": "Config", **asking}))})
    # The scheduler itself reads these rules, and its framework does not (pkg/scheduler/scheduler.go of 1.37).
    arguments = ("--feature-gates=DRADeviceTaintRules=false", "--leader-elect=false", "--secure-port=0", "--v=3")
    log = tmp_path / "kube-scheduler.log"
    command = [str(program("kube-scheduler", account.minor)), f"--kubeconfig={tmp_path}/kubeconfig", *arguments]
    with log.open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as scheduler:
        try:
            wait_for(lambda: re.search("Handlers synced|is forbidden", log.read_text()), "an answer for each kind", 60)
        finally:
            scheduler.kill()
    assert re.findall(r"\S+ is forbidden", log.read_text()) == []
    assert '"Handlers synced"' in log.read_text()
