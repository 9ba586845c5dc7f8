"""A real kube-apiserver takes our keys and files, and does with them what they are for."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.node.api_server import ApiServer
from tests.integration.node.etcd_cluster import EtcdCluster
from tests.programs import EACH_MINOR
from tests.unit.userdata.secrecy import all_files, leaks, pki_secrets, process_arguments, readable_files
from tests.waiting import wait_for
from userdata.kubeadm import discovery
from userdata.kubeadm.cluster import Cluster
from userdata.kubeadm.places import AUDIT_LOG_FILE
from userdata.pki.issuing import Leaf, Subject, issue

SECRET = "what nobody may read in etcd"
ADMIN = Subject("admin", "system:masters")


@pytest.fixture(scope="module", params=EACH_MINOR)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server of each minor, its etcd, and a Secret in it."""
    cluster = Cluster(
        name="holdfast",
        version="",
        endpoint="api.holdfast.internal",
        pod_cidr="100.64.0.0/16",
        service_cidr="172.20.0.0/16",
        etcd_token="uuid-1",
        etcd_volume_gib=20,
    )
    etcd = EtcdCluster(tmp_path_factory.mktemp("etcd"), request.param)
    api = ApiServer(tmp_path_factory.mktemp("control-plane"), etcd, cluster, request.param)
    try:
        etcd.found(["m1"])
        api.start()
        created = api.ask(
            "POST",
            "/api/v1/namespaces/default/secrets",
            api.user(ADMIN),
            {"metadata": {"name": "probe"}, "data": {"text": base64.b64encode(SECRET.encode()).decode()}},
        )
        assert created[0] == 201, created
        stored = etcd.control("m1", "get", "/registry/secrets/default/probe")
        (api.root / "stored").write_text(stored)
        yield api
    finally:
        api.stop()
        etcd.stop()


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/readyz?verbose"])
def test_health_is_told_to_those_without_a_name(server: ApiServer, path: str) -> None:
    assert server.get(path)[0] == 200


@pytest.mark.parametrize(
    "path", ["/version", "/readyz/etcd", "/api", "/api/v1/namespaces/kube-public/configmaps/cluster-info"]
)
def test_nothing_else_is(server: ApiServer, path: str) -> None:
    assert server.get(path)[0] == 401


def test_a_secret_is_encrypted_in_etcd_and_comes_back_in_clear(server: ApiServer) -> None:
    stored = (server.root / "stored").read_text()
    assert "k8s:enc:secretbox:v1:key1:" in stored
    assert SECRET not in stored
    status, body = server.get("/api/v1/namespaces/default/secrets/probe", server.user(ADMIN))
    assert status == 200
    assert base64.b64decode(json.loads(body)["data"]["text"]).decode() == SECRET


def test_a_secret_that_was_put_into_etcd_in_clear_is_not_believed(server: ApiServer) -> None:
    etcd = server.etcd
    planted = '{"kind":"Secret","apiVersion":"v1","metadata":{"name":"planted","namespace":"default"}}'
    etcd.control("m1", "put", "/registry/secrets/default/planted", planted)
    try:
        assert server.get("/api/v1/namespaces/default/secrets/planted", server.user(ADMIN))[0] == 500
    finally:
        etcd.control("m1", "del", "/registry/secrets/default/planted")


def test_tokens_of_service_accounts_are_signed_and_believed(server: ApiServer) -> None:
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    admin = server.user(ADMIN)
    assert server.ask("POST", accounts, admin, {"metadata": {"name": "someone"}})[0] == 201
    status, body = server.ask("POST", f"{accounts}/someone/token", admin, {"spec": {}})
    assert status == 201, body
    token = json.loads(body)["status"]["token"]
    assert json.loads(base64.urlsafe_b64decode(f"{token.partition('.')[0]}==="))["alg"] == "ES256"
    assert who_is(server, token)["username"] == "system:serviceaccount:default:someone"


def test_the_certificate_of_a_joiner_is_known_by_its_name_and_group(server: ApiServer) -> None:
    file = discovery.for_control_plane(server.pki.cluster, "https://x:6443", "i-0123456789abcdef0", datetime.now(UTC))
    user = json.loads(file)["users"][0]["user"]
    certificate, key = (base64.b64decode(user[f"client-{part}-data"]).decode() for part in ("certificate", "key"))
    joiner = who_is(server, Leaf(certificate, key))
    assert joiner["username"] == "holdfast:joiner:i-0123456789abcdef0"
    assert joiner["groups"] == ["kubeadm:cluster-admins", "system:authenticated"]


def who_is(server: ApiServer, user: Leaf | str) -> dict[str, Any]:
    """Who somebody is in the eyes of the API server."""
    question = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    status, answer = server.ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", user, question)
    assert status == 201, answer
    found: dict[str, Any] = json.loads(answer)["status"]["userInfo"]
    return found


def test_a_certificate_that_has_ended_is_nobodys(server: ApiServer) -> None:
    ended = issue(server.pki.cluster, ADMIN, ["clientAuth"], datetime.now(UTC), timedelta(seconds=-30))
    assert server.get("/version", ended)[0] == 401


def audited(server: ApiServer) -> list[dict[str, Any]]:
    """The events of the audit log; its last line may not be finished yet."""
    return [json.loads(line) for line in audit_log(server).rpartition("\n")[0].splitlines()]


def audit_log(server: ApiServer) -> str:
    return Path(f"{server.root}{AUDIT_LOG_FILE}").read_text()


def first(server: ApiServer, user: str, verb: str, resource: str) -> dict[str, Any]:
    """The first event of a user's request of this kind, once it is written."""

    def look() -> list[dict[str, Any]]:
        return [
            event
            for event in audited(server)
            if (event["user"].get("username"), event["verb"]) == (user, verb)
            and event.get("objectRef", {}).get("resource") == resource
        ]

    return wait_for(look, f"the event of {user}")[0]


def test_the_audit_log_says_who_stored_a_secret_and_not_which(server: ApiServer) -> None:
    event = first(server, "admin", "create", "secrets")
    assert (event["objectRef"]["name"], event["level"]) == ("probe", "Metadata")
    assert "requestObject" not in event
    assert base64.b64encode(SECRET.encode()).decode() not in audit_log(server)


def test_the_audit_log_says_which_secrets_a_node_asked_for(server: ApiServer) -> None:
    name = "system:node:i-0123456789abcdef0"
    assert server.get("/api/v1/namespaces/default/secrets/probe", server.user(Subject(name, "system:nodes")))[0] == 403
    assert first(server, name, "get", "secrets")["responseStatus"]["code"] == 403


def test_the_audit_log_says_in_full_which_rights_were_given(server: ApiServer) -> None:
    role = {"metadata": {"name": "probe"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}
    roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles"
    assert server.ask("POST", roles, server.user(ADMIN), role)[0] == 201
    assert first(server, "admin", "create", "roles")["requestObject"]["rules"] == role["rules"]


def test_the_audit_log_is_not_filled_by_health_checks(server: ApiServer) -> None:
    first(server, "admin", "create", "secrets")
    assert not [event for event in audited(server) if event["requestURI"].startswith(("/readyz", "/livez", "/healthz"))]


def test_no_key_is_anywhere_but_in_files_of_root(server: ApiServer) -> None:
    secrets = pki_secrets(server.pki)
    assert leaks(secrets, readable_files(server.root)) == []
    assert leaks(secrets, all_files(Path(f"{server.root}{AUDIT_LOG_FILE}").parent)) == []
    assert leaks(secrets, [("the server's log", (server.root / "api-server.log").read_bytes())]) == []
    assert leaks(secrets, process_arguments()) == []
