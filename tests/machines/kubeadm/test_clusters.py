"""kubeadm founds and joins on real machines with what our values tell it, and what it says when it fails."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.machines.kubeadm.cluster import HOST, ISSUERS, Run, by_token, clustered, harness_of
from tests.programs import MINORS
from tests.unit.userdata.secrecy import leaks, pki_secrets, process_arguments
from tests.waiting import wait_for
from userdata.faults.fault import Fault
from userdata.faults.output import of_output
from userdata.host.files import private
from userdata.kubeadm import join_config
from userdata.kubeadm.documents import Timeouts
from userdata.kubeadm.places import AUTHENTICATION_FILE, DISCOVERY_FILE, JOIN_FILE
from userdata.kubeadm.tokens import new_token
from userdata.pki.issuing import new_authority

pytestmark = pytest.mark.slow

# A join that cannot succeed gives up soon.
IMPATIENT = Timeouts(discovery=6, tls_bootstrap=6)


@pytest.fixture(scope="module", params=MINORS)
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """A cluster of each minor: founded, joined by a control plane and by a worker."""
    with harness_of(request.param) as harness:
        yield clustered(harness, harness.image.kubernetes)


def nodes(run: Run) -> dict[str, Any]:
    return {each["metadata"]["name"]: each for each in run.kubectl("get", "nodes")["items"]}


def test_all_three_are_nodes_by_their_instances_names(run: Run) -> None:
    assert nodes(run).keys() == {run.founder.name, run.joiner.name, run.worker.name}


def test_a_node_says_which_instance_it_is_and_where(run: Run) -> None:
    for node in (run.founder, run.joiner, run.worker):
        found = nodes(run)[node.name]
        labels = found["metadata"]["labels"]
        assert found["spec"]["providerID"] == node.provider_id
        assert labels["topology.kubernetes.io/zone"] == node.zone
        assert labels["topology.kubernetes.io/region"] == node.region
        assert labels["node.kubernetes.io/instance-type"] == node.instance_type
        assert {"type": "InternalIP", "address": node.address} in found["status"]["addresses"]


def test_a_worker_has_its_pools_labels_and_taints_and_reserves_what_it_was_told(run: Run) -> None:
    found = nodes(run)[run.worker.name]
    assert {"example.com/disk": "ssd", "tier": ""}.items() <= found["metadata"]["labels"].items()
    taints = {(taint["key"], taint.get("value", ""), taint["effect"]) for taint in found["spec"]["taints"]}
    assert {(taint.key, taint.value, taint.effect) for taint in run.worker.taints} <= taints
    capacity, allocatable = (int(found["status"][each]["memory"].rstrip("Ki")) for each in ("capacity", "allocatable"))
    # The kubelet keeps 100 MiB more before it evicts.
    assert capacity - allocatable == (2662 + 100) * 1024


def test_only_control_planes_keep_pods_away(run: Run) -> None:
    key = "node-role.kubernetes.io/control-plane"
    tainted = {name for name, node in nodes(run).items() if key in {each["key"] for each in node["spec"]["taints"]}}
    assert tainted == {run.founder.name, run.joiner.name}


def test_kubelets_ask_for_serving_certificates(run: Run) -> None:
    wanted = {f"system:node:{node.name}" for node in (run.founder, run.joiner, run.worker)}

    def asked() -> bool:
        requests = [each["spec"] for each in run.kubectl("get", "certificatesigningrequests")["items"]]
        return wanted == {
            each["username"] for each in requests if each["signerName"] == "kubernetes.io/kubelet-serving"
        }

    wait_for(asked, "every kubelet's request for a serving certificate")


def test_an_api_server_serves_with_issuers_that_do_not_answer_and_with_none(run: Run) -> None:
    token = f"{_encoded({'alg': 'RS256'})}.{_encoded({'iss': ISSUERS[0].url, 'aud': 'kubernetes'})}.AAAA"
    for node, issuers in ((run.founder, 2), (run.joiner, 0)):
        configuration = run.harness.run(node.name, f"cat {AUTHENTICATION_FILE}")
        assert configuration.count('"audiences"') == issuers
        server = f"curl -sk -o /dev/null -w '%{{http_code}}' https://{node.address}:6443"
        assert run.harness.run(node.name, f"{server}/readyz") == "200"
        assert run.harness.run(node.name, f"{server}/version -H 'Authorization: Bearer {token}'") == "401"


def _encoded(part: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_no_addon_was_installed(run: Run) -> None:
    kinds = run.kubectl("get", "deployments,daemonsets", "--all-namespaces")["items"]
    assert kinds == []


def test_the_token_may_authenticate_and_sign_nothing(run: Run) -> None:
    secret = run.kubectl("get", "secret", "-n", "kube-system", f"bootstrap-token-{run.token.token_id}")["data"]
    assert "usage-bootstrap-authentication" in secret
    assert "usage-bootstrap-signing" not in secret


def test_nothing_secret_was_printed_or_is_on_a_command_line(run: Run) -> None:
    held = {**pki_secrets(run.pki), "token": run.token.secret}
    assert leaks(held, [("what kubeadm printed", run.printed.encode())]) == []
    assert leaks(held, process_arguments()) == []


def test_nothing_secret_can_be_read_by_others_than_root(run: Run) -> None:
    folders = "/etc /var/lib/kubelet /var/lib/etcd /var/log /run/containerd /tmp"
    for node in (run.founder, run.joiner, run.worker):
        found = run.harness.run(node.name, f"find {folders} -xdev -type f -perm /077 -print0 | xargs -0 cat", 60)
        held = {**pki_secrets(run.pki), "token": run.token.secret}
        assert leaks(held, [(f"files of {node.name}", found.encode())]) == []


def failing_join(run: Run, found_by: str) -> Fault:
    """What becomes of a join by this discovery file on an instance that belongs to no cluster yet."""
    files = {
        DISCOVERY_FILE: private(found_by),
        JOIN_FILE: private(join_config.worker(replace(run.worker, name=run.stranger), HOST, IMPATIENT)),
    }
    status, said = run.try_kubeadm(run.stranger, files, join_config.COMMAND)
    assert status != 0, said
    return of_output(said)


def test_a_cluster_of_another_authority_is_not_joined_and_never_will_be(run: Run) -> None:
    other = new_authority("kubernetes", datetime.now(UTC))
    fault = failing_join(run, by_token(other.bundle, run.cluster.server, run.token))
    assert fault.permanent
    assert fault.reason.startswith("the server at the API's name has a certificate of another CA")


def test_an_unknown_token_is_tried_again_for_the_join_data_may_be_renewed(run: Run) -> None:
    fault = failing_join(run, by_token(run.pki.cluster.bundle, run.cluster.server, new_token()))
    assert not fault.permanent
    assert fault.reason.startswith("the API server does not know this node's token or certificate")


def test_an_api_that_does_not_answer_is_tried_again(run: Run) -> None:
    nobody = run.cluster.server.replace(":6443", ":6444")
    fault = failing_join(run, by_token(run.pki.cluster.bundle, nobody, run.token))
    assert not fault.permanent
    assert fault.reason.startswith("the cluster's description could not be read from the API in time")


def test_a_node_that_has_joined_is_not_joined_again_over_what_is_there(run: Run) -> None:
    status, said = run.try_kubeadm(run.worker.name, {}, join_config.COMMAND)
    assert status != 0
    fault = of_output(said)
    assert fault.permanent
    assert fault.reason.startswith("an earlier join has left something behind: ")
