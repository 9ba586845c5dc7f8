"""A real kube-apiserver refuses what our files tell it to refuse, and writes down who tried."""

from __future__ import annotations

import itertools
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.node.api_server import ApiServer
from tests.integration.node.etcd_cluster import EtcdCluster
from tests.programs import EACH_MINOR
from tests.unit.userdata.kubeadm.examples import CLUSTER
from tests.waiting import wait_for
from userdata.host.files import File, write
from userdata.kubeadm.places import ADMISSION_FILE, AUDIT_LOG_FILE
from userdata.pki.issuing import Leaf, Subject

ADMIN = Subject("admin", "system:masters")
EDITOR = Subject("alice", "team")
NODE = Subject("system:node:i-0123456789abcdef0", "system:nodes")
PRIVILEGED = "storage"
SHARE = 20
"""How many times fewer events at once than on a node this server takes: the machine of a test may be a slow one."""

HOST_NETWORK = {"hostNetwork": True}
HOST_FILES = {"volumes": [{"name": "pki", "hostPath": {"path": "/etc/kubernetes/pki"}}]}
HOST_PROCESSES = {"hostPID": True}


@pytest.fixture(scope="module", params=EACH_MINOR)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server of each minor; in two namespaces somebody has the rights of `edit`."""
    etcd = EtcdCluster(tmp_path_factory.mktemp("etcd"), request.param)
    api = ApiServer(tmp_path_factory.mktemp("control-plane"), etcd, CLUSTER, request.param, (PRIVILEGED,))
    take_fewer_events(api.root)
    try:
        etcd.found(["m1"])
        api.start()
        wait_for(lambda: api.get("/api/v1/namespaces/kube-system", api.user(ADMIN))[0] == 200, "kube-system")
        made(api, "namespaces", {"metadata": {"name": PRIVILEGED}})
        for namespace in ("default", "kube-system", PRIVILEGED):
            # No controller makes it here, and a pod needs one.
            made(api, f"namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "default"}})
        for namespace in ("default", PRIVILEGED):
            bound = {
                "metadata": {"name": "editors"},
                "subjects": [{"kind": "User", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}],
                # What a controller, which does not run here, makes `edit` of.
                "roleRef": {
                    "kind": "ClusterRole",
                    "name": "system:aggregate-to-edit",
                    "apiGroup": "rbac.authorization.k8s.io",
                },
            }
            path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
            assert api.ask("POST", path, api.user(ADMIN), bound)[0] == 201
        wait_for(lambda: pod(api, EDITOR, "default", {})[0] == 201, "the editor's rights", pause_seconds=0.5)
        yield api
    finally:
        api.stop()
        etcd.stop()


def take_fewer_events(root: Path) -> None:
    """Divide the limits by SHARE, and let them come back at one a second; what they are for stays as it is."""
    told = json.loads((root / ADMISSION_FILE.lstrip("/")).read_text())
    (events,) = [each["configuration"] for each in told["plugins"] if each["name"] == "EventRateLimit"]
    for limit in events["limits"]:
        limit["qps"], limit["burst"] = 1, limit["burst"] // SHARE
    write(root, {ADMISSION_FILE: File(json.dumps(told))})


def made(api: ApiServer, path: str, body: Any) -> None:
    status, said = api.ask("POST", f"/api/v1/{path}", api.user(ADMIN), body)
    assert status == 201, said


def pod(api: ApiServer, who: Subject, namespace: str, spec: dict[str, Any]) -> tuple[int, str]:
    """Somebody creates a pod; with what it is answered."""
    body = {
        "metadata": {"generateName": "probe-"},
        "spec": {"containers": [{"name": "probe", "image": "probe"}], **spec},
    }
    return api.ask("POST", f"/api/v1/namespaces/{namespace}/pods", api.user(who), body)


@pytest.mark.parametrize("spec", [HOST_NETWORK, HOST_FILES, HOST_PROCESSES], ids=str)
def test_who_may_create_pods_cannot_reach_the_node_by_one(server: ApiServer, spec: dict[str, Any]) -> None:
    # Wherever the pod wants to run.
    anywhere = {"tolerations": [{"operator": "Exists"}], "nodeSelector": {"node-role.kubernetes.io/control-plane": ""}}
    status, said = pod(server, EDITOR, "default", {**spec, **anywhere})
    assert status == 403
    assert 'violates PodSecurity \\"baseline:latest\\"' in said
    # It is the namespace that refuses, and not the rights: nobody may.
    assert pod(server, ADMIN, "default", spec)[0] == 403


@pytest.mark.parametrize(("who", "namespace"), [(ADMIN, "kube-system"), (EDITOR, PRIVILEGED)], ids=str)
def test_the_clusters_own_pods_and_those_of_a_namespace_that_is_named_may(
    server: ApiServer, who: Subject, namespace: str
) -> None:
    status, said = pod(server, who, namespace, {**HOST_NETWORK, **HOST_FILES})
    assert status == 201, said


def test_who_may_create_pods_cannot_open_the_namespace(server: ApiServer) -> None:
    labelled = {"metadata": {"name": "default", "labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
    assert server.ask("PUT", "/api/v1/namespaces/default", server.user(EDITOR), labelled)[0] == 403


def test_what_a_refused_pod_wanted_stands_in_the_audit_log(server: ApiServer) -> None:
    assert pod(server, EDITOR, "default", {**HOST_NETWORK, "hostname": "audited"})[0] == 403

    def logged() -> list[Any]:
        lines = Path(f"{server.root}{AUDIT_LOG_FILE}").read_text().rpartition("\n")[0].splitlines()
        asked = [event.get("requestObject", {}).get("spec", {}) for event in map(json.loads, lines)]
        return [spec for spec in asked if spec.get("hostname") == "audited"]

    assert wait_for(logged, "the event")[0]["hostNetwork"] is True


def test_a_service_takes_no_address_of_others(server: ApiServer) -> None:
    port = {"ports": [{"port": 53}]}
    services = "/api/v1/namespaces/default/services"
    body = {"metadata": {"name": "dns"}, "spec": {**port, "externalIPs": ["10.0.0.2"]}}
    for who in (EDITOR, ADMIN):
        status, said = server.ask("POST", services, server.user(who), body)
        assert status == 403
        assert "externalIPs" in said.replace("external IPs", "externalIPs")
    plain = {"metadata": {"name": "dns"}, "spec": port}
    assert server.ask("POST", services, server.user(EDITOR), plain)[0] == 201


def event(server: ApiServer, who: Leaf, name: str) -> int:
    """Somebody stores an event; the status of the answer."""
    about = {"kind": "Pod", "namespace": "default", "name": "probe"}
    body = {"metadata": {"name": name}, "involvedObject": about, "reason": "Probe", "message": "x", "type": "Normal"}
    return server.ask("POST", "/api/v1/namespaces/default/events", who, body)[0]


def test_one_nodes_events_are_limited_and_anothers_are_still_taken(server: ApiServer) -> None:
    node, admin = server.user(NODE), server.user(ADMIN)
    # The namespace's limit is twice as high.
    said = list(itertools.takewhile(lambda status: status == 201, (event(server, node, f"{n}") for n in range(45))))
    assert 25 <= len(said) < 45
    assert event(server, node, "refused") == 429
    assert event(server, admin, "another") == 201


@pytest.mark.parametrize(
    ("suites", "taken"),
    [
        ("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256", True),
        ("ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA", False),
    ],
)
def test_the_api_server_speaks_tls_with_authenticated_encryption_only(
    server: ApiServer, suites: str, *, taken: bool
) -> None:
    context = ssl.create_default_context(cadata=server.pki.cluster.bundle)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suites)
    assert shakes_hands(context, server.address, 6443) is taken


def test_etcd_speaks_tls_1_3_only(server: ApiServer) -> None:
    own = server.etcd.credentials
    for newest, taken in ((ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, False)):
        context = ssl.create_default_context(cafile=own.authority)
        context.load_cert_chain(own.certificate, own.key)
        context.maximum_version = newest
        assert shakes_hands(context, server.etcd.address("m1"), 2379) is taken


def shakes_hands(context: ssl.SSLContext, address: str, port: int) -> bool:
    """Whether a server agrees on how to talk."""
    with socket.create_connection((address, port), timeout=30) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=address):
                return True
        except ssl.SSLError:
            return False
