"""Our client of the API, whom it asks as, what the agents may do, and what they approve: on a real API server."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from coordination.outcomes import Done, Known, NoOp, Unknown
from tests.integration.node.kube import INSTANCE, Cloud, Kube, binding, serving
from tests.programs import EACH_MINOR, program
from tests.unit.userdata.requests import of_node, signing_request
from tests.unit.userdata.secrecy import leaks, process_arguments
from userdata.addons.content import Record, record_document
from userdata.addons.installing import installed
from userdata.agent.csr_approver import CsrApprover, tasks
from userdata.agent.csr_policy import GRACE_SECONDS
from userdata.host import https, network
from userdata.host.commands import run
from userdata.host.https import Credentials, NoAnswer
from userdata.kube import client, rights
from userdata.kube.access import ADMINISTRATOR_FILE, AGENT_FILE, AGENTS, KUBECONFIG_FILE, Access
from userdata.kube.client import Api
from userdata.kube.kubectl import printed
from userdata.kube.outcomes import ApiConflict, ApiInvalid, Exists, Forbidden, NotFound
from userdata.kube.probe import probe
from userdata.kube.resources import (
    CLUSTER_ROLE_BINDINGS,
    CONFIG_MAPS,
    DAEMON_SETS,
    NODES,
    PODS,
    SECRETS,
    SELF_REVIEWS,
    SIGNING_REQUESTS,
    SYSTEM,
    Object,
    Resource,
)
from userdata.kube.rights import AUTO_APPROVALS, SERVING_SIGNER
from userdata.kubeadm.tokens import GROUP
from userdata.logs.lines import StageFailed
from userdata.pki.inspecting import key_fingerprint
from userdata.pki.issuing import Subject, new_authority, new_key

WORKER, MASTER, OTHER = "i-0fedcba9876543210", "i-0aaaaaaaaaaaaaaa0", "i-0bbbbbbbbbbbbbbb0"
KEY, FOREIGN_KEY = new_key(), new_key()


@pytest.fixture(scope="module", params=EACH_MINOR)
def kube(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """An API server of each minor, on which a founder has given the agents their rights."""
    with serving(tmp_path_factory, request.param) as made:
        yield made


def config_map(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def data(kube: Kube, name: str) -> dict[str, str]:
    answer = kube.master.get(CONFIG_MAPS, name, "default")
    assert isinstance(answer, Known)
    found: dict[str, str] = answer.value["data"]
    return found


def test_an_object_is_created_changed_and_deleted_once(kube: Kube) -> None:
    api, name = kube.master, "thing"
    assert isinstance(api.get(CONFIG_MAPS, name, "default"), NotFound)
    assert api.create(CONFIG_MAPS, config_map(name, a="1", b="1"), "default") == Done()
    assert isinstance(api.create(CONFIG_MAPS, config_map(name), "default"), Exists)
    assert api.merge(CONFIG_MAPS, name, {"data": {"a": "2", "b": None}}, "default") == Done()
    assert data(kube, name) == {"a": "2"}
    assert api.delete(CONFIG_MAPS, name, "default") == Done()
    assert isinstance(api.delete(CONFIG_MAPS, name, "default"), NotFound)
    assert isinstance(api.merge(CONFIG_MAPS, name, {}, "default"), NotFound)


def test_fields_are_applied_over_what_others_set_and_the_rest_stays(kube: Kube) -> None:
    kube.master.create(CONFIG_MAPS, config_map("applied", a="theirs", b="theirs"), "default")
    for _ in range(2):
        assert kube.master.apply(CONFIG_MAPS, config_map("applied", a="ours"), "default") == Done()
        assert data(kube, "applied") == {"a": "ours", "b": "theirs"}


def test_a_list_is_read_to_its_last_page(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PAGE", 2)
    names = {f"page-{number}" for number in range(5)}
    for name in names:
        labelled: dict[str, Any] = {**config_map(name), "metadata": {"name": name, "labels": {"of": "pages"}}}
        kube.master.create(CONFIG_MAPS, labelled, "default")
    listed = kube.master.list(CONFIG_MAPS, "default", labelSelector="of=pages")
    assert isinstance(listed, Known)
    assert {each["metadata"]["name"] for each in listed.value} == names
    assert len(listed.value) == len(names)


def test_an_empty_list_is_known_and_empty(kube: Kube) -> None:
    assert kube.master.list(NODES) == Known(())


def test_what_the_api_server_cannot_take_is_invalid(kube: Kube) -> None:
    assert isinstance(kube.master.create(CONFIG_MAPS, config_map("Not a name"), "default"), ApiInvalid)


def test_a_name_cannot_lead_to_another_path(kube: Kube) -> None:
    assert not isinstance(kube.master.get(CONFIG_MAPS, "../secrets", "default"), Known)


def test_nobody_of_the_cluster_is_forbidden(kube: Kube, tmp_path: Path) -> None:
    place_authority(kube, tmp_path, foreign_key=True)
    stranger = Api(kube.server.address, Access(INSTANCE, tmp_path).agent)
    assert isinstance(stranger.list(NODES), Forbidden)


def place_authority(kube: Kube, root: Path, *, foreign_key: bool) -> None:
    """Keys of another cluster, whose certificates this API server does not believe."""
    other = new_authority("kubernetes", datetime.now(UTC))
    folder = root / "etc/kubernetes/pki"
    folder.mkdir(parents=True)
    # What is trusted is this cluster's, and comes second; what signs comes first.
    (folder / "ca.crt").write_text(other.bundle + kube.authority.read_text())
    if foreign_key:
        (folder / "ca.key").write_text(other.keys[0])


def test_without_a_key_to_sign_with_the_answer_is_unknown(kube: Kube, tmp_path: Path) -> None:
    place_authority(kube, tmp_path, foreign_key=False)
    answer = Api(kube.server.address, Access(INSTANCE, tmp_path).agent).list(NODES)
    assert isinstance(answer, Unknown)
    assert "ca.key" in answer.reason


def test_an_api_server_of_another_authority_is_not_asked(kube: Kube, tmp_path: Path) -> None:
    other = tmp_path / "other.crt"
    other.write_text(new_authority("kubernetes", datetime.now(UTC)).bundle)
    credentials = replace(kube.access.agent(), authority=str(other))
    answer = Api(kube.server.address, lambda: credentials).list(NODES)
    assert isinstance(answer, Unknown)
    assert "CERTIFICATE_VERIFY_FAILED" in answer.reason


def test_who_does_not_answer_is_unknown(kube: Kube) -> None:
    nobody = Api(kube.server.address, kube.access.agent, port=6444)
    for outcome in (nobody.list(NODES), nobody.delete(NODES, "x"), nobody.create(NODES, config_map("x"))):
        assert isinstance(outcome, Unknown)


def test_credentials_that_are_not_there_are_unknown(kube: Kube) -> None:
    missing = Credentials(str(kube.authority), "/nowhere", "/nowhere")
    assert isinstance(Api(kube.server.address, lambda: missing).list(NODES), Unknown)


def test_an_api_server_is_ready_to_whoever_trusts_its_authority_and_has_no_name(kube: Kube) -> None:
    address, trust = kube.server.address, partial(https.trusting_file, str(kube.authority))
    assert probe("kube-apiserver", address, trust) == Done()
    stranger = partial(https.trusting, new_authority("kubernetes", datetime.now(UTC)).bundle)
    refused = probe("kube-apiserver", address, stranger)
    assert isinstance(refused, NoAnswer)
    assert (refused.code, "certificate verify failed" in refused.reason) == (network.UNTRUSTED, True)
    secret = probe("kube-apiserver", address, trust, path="/api/v1/nodes")
    assert secret == Unknown(f"kube-apiserver at {address} answers /api/v1/nodes with status 401", "HTTP 401")


def who_is(api: Api) -> dict[str, Any]:
    answer = api.review(SELF_REVIEWS, {"apiVersion": SELF_REVIEWS.api, "kind": "SelfSubjectReview"})
    assert isinstance(answer, Known), answer
    found: dict[str, Any] = answer.value["status"]["userInfo"]
    return found


def test_an_agent_is_known_by_its_instance_and_its_group(kube: Kube) -> None:
    user = who_is(kube.agent)
    assert user["username"] == f"holdfast:agent:{INSTANCE}"
    assert user["groups"] == [AGENTS, "system:authenticated"]


def test_an_agents_certificate_is_made_anew_when_a_third_of_its_life_is_left(kube: Kube, tmp_path: Path) -> None:
    shutil.copytree(kube.authority.parent, tmp_path / "etc/kubernetes/pki")
    clock = [datetime.now(UTC)]
    access = Access(INSTANCE, tmp_path, timedelta(hours=3), lambda: clock[0])
    file = Path(access.agent().certificate)
    first = file.read_text()
    clock[0] += timedelta(minutes=119)
    access.agent()
    assert file.read_text() == first
    clock[0] += timedelta(minutes=1)
    access.agent()
    assert file.read_text() != first


def test_certificates_with_keys_are_for_root_alone_and_an_administrators_goes_after_use(kube: Kube) -> None:
    kube.access.agent()
    agent = kube.server.root / AGENT_FILE.lstrip("/")
    administrator = kube.server.root / ADMINISTRATOR_FILE.lstrip("/")
    with kube.access.administrator() as credentials:
        assert who_is(Api(kube.server.address, credentials))["groups"][0] == "kubeadm:cluster-admins"
        for file in (agent, administrator):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert leaks({"a key": administrator.read_text().partition("-----BEGIN PRIVATE")[2]}, process_arguments()) == []
    assert not administrator.exists()


def test_kubectl_asks_the_nodes_own_api_server_as_an_administrator_by_a_file_that_goes_after_use(kube: Kube) -> None:
    file = kube.server.root / KUBECONFIG_FILE.lstrip("/")
    with kube.access.kubectl(kube.server.address, run) as here:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        asked = here.kubectl("auth", "whoami", "--output=json")
        done = here.run((str(program("kubectl")), *asked[1:]), 30)
        assert done.succeeded, done.output
    said = printed(done.output)
    assert said is not None
    assert said["status"]["userInfo"]["username"] == f"holdfast:administrator:{INSTANCE}"
    assert "kubeadm:cluster-admins" in said["status"]["userInfo"]["groups"]
    assert not file.exists()


@pytest.mark.parametrize(
    ("verb", "resource", "namespace", "name"),
    [
        ("list", SECRETS, "", ""),
        ("list", SECRETS, SYSTEM, ""),
        ("get", SECRETS, "default", "any"),
        ("get", CONFIG_MAPS, "default", "any"),
        # Without a name: all of them.
        ("delete", NODES, "", ""),
        ("get", PODS, "default", "any"),
        ("delete", PODS, "default", ""),
        ("list", DAEMON_SETS, "", ""),
        ("delete", DAEMON_SETS, SYSTEM, "any"),
        ("delete", SIGNING_REQUESTS, "", "any"),
        ("delete", CLUSTER_ROLE_BINDINGS, "", "cluster-admin"),
        ("get", CLUSTER_ROLE_BINDINGS, "", AUTO_APPROVALS[0]),
    ],
)
def test_an_agent_may_do_nothing_that_no_task_needs(
    kube: Kube, verb: str, resource: Resource, namespace: str, name: str
) -> None:
    asked = {"verb": verb, "resource": resource, "namespace": namespace, "name": name}
    if verb == "list":
        assert isinstance(kube.agent.list(resource, namespace), Forbidden), asked
    else:
        assert isinstance(getattr(kube.agent, verb)(resource, name, namespace), Forbidden), asked


def test_an_agent_reads_by_its_own_right_which_add_ons_are_installed(kube: Kube) -> None:
    assert installed(kube.agent) == Known(None)
    record = Record("v1.37.2", "a hash")
    assert kube.master.apply(CONFIG_MAPS, record_document(record), SYSTEM) == Done()
    assert installed(kube.agent) == Known(record)
    assert isinstance(kube.agent.get(CONFIG_MAPS, "extension-apiserver-authentication", SYSTEM), Forbidden)


def test_an_agent_cannot_give_itself_more(kube: Kube) -> None:
    more = binding("more", "cluster-admin", AGENTS)
    assert isinstance(kube.agent.create(CLUSTER_ROLE_BINDINGS, more), Forbidden)


def test_an_agent_approves_for_kubelets_and_people_only(kube: Kube) -> None:
    name = kube.ask(kube.master, of_node(WORKER), "example.com/anything")
    stored = kube.agent.get(SIGNING_REQUESTS, name)
    assert isinstance(stored, Known)
    condition = {"type": "Approved", "status": "True", "reason": "Test", "message": "test"}
    assert isinstance(kube.agent.judge(stored.value, condition), Forbidden)


@pytest.mark.parametrize("name", AUTO_APPROVALS)
def test_an_automatic_approval_is_withheld_as_often_as_it_comes_back(kube: Kube, name: str) -> None:
    assert isinstance(rights.withhold_auto_approvals(kube.agent), NoOp)
    made = binding(name, "system:certificates.k8s.io:certificatesigningrequests:nodeclient", GROUP)
    assert kube.master.create(CLUSTER_ROLE_BINDINGS, made) == Done()
    _, withholding = tasks(approvals(kube, Cloud()))
    assert withholding.run() == "deleted an automatic approval, which somebody had made"
    assert withholding.run() == ""
    assert isinstance(kube.master.get(CLUSTER_ROLE_BINDINGS, name), NotFound)


def approvals(kube: Kube, cloud: Cloud, later_seconds: float = 0) -> CsrApprover:
    return CsrApprover(
        kube.agent, cloud, cloud, cloud.arn_of, now=lambda: datetime.now(UTC).timestamp() + later_seconds
    )


@pytest.fixture
def cloud(kube: Kube) -> Iterator[Cloud]:
    """A worker that speaks of its key, and a control plane; no request is left behind."""
    made = Cloud()
    made.launch(WORKER, "worker", "10.0.64.7", fingerprint=key_fingerprint(KEY))
    made.launch(MASTER, "control-plane", "10.0.0.5", fingerprint=key_fingerprint(KEY))
    yield made
    listed = kube.master.list(SIGNING_REQUESTS)
    assert isinstance(listed, Known)
    for each in listed.value:
        kube.master.delete(SIGNING_REQUESTS, each["metadata"]["name"])


def test_a_workers_request_with_its_own_key_is_approved(kube: Kube, cloud: Cloud) -> None:
    name = kube.ask(kube.holder, of_node(WORKER, key=KEY))
    assert approvals(kube, cloud).run().startswith(f"approved {name}: {WORKER} is a worker that joins")
    assert kube.judged(name).keys() == {"Approved"}
    assert approvals(kube, cloud).run() == ""


def test_the_same_name_with_another_key_waits_and_is_denied_in_the_end(kube: Kube, cloud: Cloud) -> None:
    name = kube.ask(kube.holder, of_node(WORKER, key=FOREIGN_KEY))
    assert approvals(kube, cloud).run() == ""
    assert kube.judged(name) == {}
    assert "denied" in approvals(kube, cloud, GRACE_SECONDS + 5).run()
    assert kube.judged(name) == {"Denied": f"the key is not the one that {WORKER} names in its boot row"}


def test_a_control_planes_name_is_denied_even_with_a_key_that_its_row_speaks_of(kube: Kube, cloud: Cloud) -> None:
    name = kube.ask(kube.holder, of_node(MASTER, key=KEY))
    approvals(kube, cloud).run()
    assert kube.judged(name) == {"Denied": f"{MASTER} is a control plane, which joins without a token"}


def test_a_worker_with_a_node_gets_no_second_certificate(kube: Kube, cloud: Cloud) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": WORKER}}
    assert kube.master.create(NODES, node) == Done()
    try:
        name = kube.ask(kube.holder, of_node(WORKER, key=KEY))
        assert approvals(kube, cloud).run() == ""
        assert kube.judged(name) == {}
    finally:
        kube.master.delete(NODES, WORKER)


def test_once_a_key_was_approved_no_other_one_is(kube: Kube, cloud: Cloud) -> None:
    kube.ask(kube.holder, of_node(WORKER, key=KEY))
    approvals(kube, cloud).run()
    cloud.launch(WORKER, "worker", fingerprint=key_fingerprint(FOREIGN_KEY))
    name = kube.ask(kube.holder, of_node(WORKER, key=FOREIGN_KEY))
    assert approvals(kube, cloud).run() == ""
    assert kube.judged(name) == {}


def test_requests_of_instances_that_are_gone_are_denied(kube: Kube, cloud: Cloud) -> None:
    cloud.running[WORKER] = "terminated"
    name = kube.ask(kube.holder, of_node(WORKER, key=KEY))
    approvals(kube, cloud).run()
    assert kube.judged(name) == {"Denied": f"{WORKER} is gone"}


def test_odd_requests_are_denied_and_hold_no_other_up(kube: Kube, cloud: Cloud) -> None:
    odd = kube.ask(kube.holder, signing_request(["O = system:nodes", "O = any", f"CN = system:node:{WORKER}"], key=KEY))
    wild = kube.ask(kube.holder, of_node("*", key=KEY))
    good = kube.ask(kube.holder, of_node(WORKER, key=KEY))
    approvals(kube, cloud).run()
    assert [[*kube.judged(name)] for name in (odd, wild, good)] == [["Denied"], ["Denied"], ["Approved"]]


def test_names_of_no_instance_of_ours_cost_no_look_at_the_table(kube: Kube, cloud: Cloud) -> None:
    for _ in range(3):
        kube.ask(kube.holder, of_node(OTHER, key=FOREIGN_KEY))
    approvals(kube, cloud).run()
    assert cloud.asked == []


def test_what_a_controller_judges_by_itself_is_left_to_it(kube: Kube, cloud: Cloud) -> None:
    joiner = kube.ask(
        kube.user(Subject(f"holdfast:joiner:{MASTER}", "kubeadm:cluster-admins")), of_node(MASTER, key=KEY)
    )
    assert approvals(kube, cloud).run() == ""
    assert kube.judged(joiner) == {}


@pytest.mark.parametrize("name", [WORKER, MASTER])
def test_a_node_renews_its_certificate_while_its_instance_lives(kube: Kube, cloud: Cloud, name: str) -> None:
    node = kube.user(Subject(f"system:node:{name}", "system:nodes"))
    renewal = kube.ask(node, of_node(name, key=FOREIGN_KEY))
    approvals(kube, cloud).run()
    assert kube.judged(renewal) == {"Approved": f"{name} lives, and is of this cluster"}
    cloud.running[name] = "terminated"
    stolen = kube.ask(node, of_node(name, key=KEY))
    approvals(kube, cloud).run()
    assert kube.judged(stolen) == {"Denied": f"{name} is gone"}


def test_requests_of_a_megabyte_hold_no_other_up(kube: Kube, cloud: Cloud) -> None:
    # The API server takes a block of PEM for as long as it is: what stands before it is of no meaning.
    padding = "x" * 700_000
    large = [kube.ask(kube.holder, f"{padding}\n{of_node(WORKER, key=FOREIGN_KEY)}") for _ in range(12)]
    good = kube.ask(kube.holder, of_node(WORKER, key=KEY))
    said = approvals(kube, cloud).run()
    assert said.startswith(f"approved {good}"), said
    assert {*map(str, (kube.judged(name).keys() for name in large))} == {"dict_keys(['Denied'])"}


@pytest.mark.parametrize(
    ("alternatives", "kind"),
    [
        (f"DNS:{WORKER},IP:10.0.64.7", "Approved"),
        ("IP:10.0.64.7", "Approved"),
        (f"DNS:{WORKER},IP:10.0.0.5", "Denied"),
        (f"DNS:{MASTER},IP:10.0.64.7", "Denied"),
        (f"DNS:{WORKER},DNS:api.holdfast.internal", "Denied"),
    ],
)
def test_a_node_serves_only_as_itself(kube: Kube, cloud: Cloud, alternatives: str, kind: str) -> None:
    node = kube.user(Subject(f"system:node:{WORKER}", "system:nodes"))
    name = kube.ask(node, of_node(WORKER, alternatives), SERVING_SIGNER, ("server auth",))
    approvals(kube, cloud).run()
    assert [*kube.judged(name)] == [kind]


def test_nobody_is_judged_while_aws_does_not_answer(kube: Kube, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    name = kube.ask(kube.holder, of_node(WORKER, key=KEY))
    monkeypatch.setattr(cloud, "states", lambda names: Unknown("DescribeInstances: busy"))
    with pytest.raises(StageFailed, match="DescribeInstances: busy"):
        approvals(kube, cloud).run()
    assert kube.judged(name) == {}


def test_a_request_that_was_judged_meanwhile_is_left_alone(kube: Kube, cloud: Cloud) -> None:
    name = kube.ask(kube.holder, of_node(WORKER, key=KEY))
    stored = kube.agent.get(SIGNING_REQUESTS, name)
    assert isinstance(stored, Known)
    approvals(kube, cloud).run()
    condition = {"type": "Denied", "status": "True", "reason": "Test", "message": "test"}
    assert isinstance(kube.agent.judge(stored.value, condition), ApiConflict)
    assert kube.judged(name).keys() == {"Approved"}
