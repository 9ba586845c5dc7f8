"""Who does what, and how much of it the audit log holds."""

from __future__ import annotations

import json

import pytest

from tests.unit.userdata.kubeadm.audit_levels import Request, level
from userdata.kubeadm import api_server
from userdata.kubeadm.places import AUDIT_POLICY_FILE

POLICY = json.loads(api_server.files((), (), ())[AUDIT_POLICY_FILE].content)

# Who: a user with its groups.
PERSON = ("alice", ("team", "system:authenticated"))
NODE = ("system:node:i-1", ("system:nodes", "system:authenticated"))
CONTROLLERS = ("system:kube-controller-manager", ("system:authenticated",))
SCHEDULER = ("system:kube-scheduler", ("system:authenticated",))
API_SERVER = ("system:apiserver", ("system:masters", "system:authenticated"))
CONTROLLER = (
    "system:serviceaccount:kube-system:deployment-controller",
    ("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"),
)
APP = ("system:serviceaccount:shop:app", ("system:serviceaccounts", "system:serviceaccounts:shop"))
STRANGER = ("system:anonymous", ("system:unauthenticated",))
EVERYBODY = (PERSON, NODE, CONTROLLERS, SCHEDULER, CONTROLLER, APP)

READS = ("get", "list", "watch")
CHANGES = ("create", "update", "patch", "delete", "deletecollection")
RBAC, LEASES = "rbac.authorization.k8s.io", "coordination.k8s.io"


def levels(who: tuple[tuple[str, tuple[str, ...]], ...], verbs: tuple[str, ...], resource: str, **of: str) -> set[str]:
    """The levels of all these requests."""
    return {level(POLICY, Request(user, groups, verb, resource, **of)) for user, groups in who for verb in verbs}


@pytest.mark.parametrize("resource", ["secrets", "configmaps"])
def test_whoever_touches_a_secret_stands_in_the_log_and_never_what_it_held(resource: str) -> None:
    assert levels(EVERYBODY, READS + CHANGES, resource) == {"Metadata"}
    assert levels(EVERYBODY, ("create",), "tokenreviews", api_group="authentication.k8s.io") == {"Metadata"}


@pytest.mark.parametrize("resource", ["pods", "namespaces"])
def test_what_a_new_pod_may_do_stands_in_the_log(resource: str) -> None:
    assert levels(EVERYBODY, CHANGES, resource, namespace="shop") == {"Request"}
    assert levels((PERSON, APP), READS, resource, namespace="shop") == {"Metadata"}


@pytest.mark.parametrize(
    "resource",
    ["pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy", "nodes/proxy"],
)
def test_every_way_into_a_pod_or_node_is_written_down_though_it_is_asked_for_as_a_read(resource: str) -> None:
    assert levels(EVERYBODY, ("get", "create", "patch"), resource, namespace="shop") == {"Request"}


@pytest.mark.parametrize("resource", ["pods/ephemeralcontainers", "serviceaccounts/token"])
def test_a_token_or_a_container_that_is_added_is_written_down_with_what_was_asked(resource: str) -> None:
    assert levels(EVERYBODY, ("create", "update", "patch"), resource, namespace="shop") == {"Request"}


@pytest.mark.parametrize("group", [RBAC, "certificates.k8s.io"])
def test_changed_rights_stand_in_the_log_in_full(group: str) -> None:
    assert levels((*EVERYBODY, API_SERVER), CHANGES, "anything", api_group=group) == {"RequestResponse"}


@pytest.mark.parametrize("group", ["admissionregistration.k8s.io", "apiregistration.k8s.io"])
def test_where_requests_are_sent_on_to_stands_in_the_log(group: str) -> None:
    assert levels(EVERYBODY, CHANGES, "anything", api_group=group) == {"Request"}


def test_who_takes_the_lease_of_another_is_written_down() -> None:
    for name, holder in (("kube-controller-manager", CONTROLLERS), ("kube-scheduler", SCHEDULER)):
        thieves = tuple(each for each in EVERYBODY if each is not holder)
        of = {"api_group": LEASES, "namespace": "kube-system", "name": name}
        assert levels(thieves, CHANGES, "leases", **of) == {"Metadata"}
        assert levels((holder,), ("delete",), "leases", **of) == {"Metadata"}


def test_heartbeats_fill_no_log() -> None:
    nodes = {"api_group": LEASES, "namespace": "kube-node-lease", "name": "i-1"}
    assert levels((NODE,), ("get", "update", "patch"), "leases", **nodes) == {"None"}
    for name, holder in (("kube-controller-manager", CONTROLLERS), ("kube-scheduler", SCHEDULER)):
        own = {"api_group": LEASES, "namespace": "kube-system", "name": name}
        assert levels((holder,), ("get", "update"), "leases", **own) == {"None"}
    own = {"api_group": LEASES, "namespace": "kube-system", "name": "apiserver-x"}
    assert levels((API_SERVER,), ("update",), "leases", **own) == {"None"}
    assert levels(EVERYBODY, READS, "leases", api_group=LEASES) == {"None"}


def test_what_the_cluster_reads_for_its_own_working_is_left_out() -> None:
    for resource in ("pods", "nodes", "services"):
        assert levels((NODE, CONTROLLERS, SCHEDULER, API_SERVER, CONTROLLER), READS, resource) == {"None"}
        assert levels((PERSON, APP, STRANGER), READS, resource) == {"Metadata"}


def test_events_and_health_are_left_out() -> None:
    assert levels(EVERYBODY, READS + CHANGES, "events") == {"None"}
    assert levels(EVERYBODY, READS + CHANGES, "events", api_group="events.k8s.io") == {"None"}
    for path, said in (("/livez/etcd", "None"), ("/readyz", "None"), ("/version", "None"), ("/metrics", "Metadata")):
        assert level(POLICY, Request(*STRANGER, "get", path=path)) == said


def test_all_else_is_written_down_at_least_by_who_and_what() -> None:
    for resource in ("deployments", "daemonsets", "cronjobs", "pods/eviction", "nodes", "services"):
        assert levels(EVERYBODY, CHANGES, resource, api_group="" if "/" in resource else "apps") == {"Metadata"}
