"""Who gets which certificate in a real cluster whose automatic approval is withheld, and who does not."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.machines.instances.harness import InstanceHarness
from tests.machines.kubeadm.cluster import (
    HOST,
    LIMITS,
    Run,
    by_token,
    found,
    harness_of,
    join_control_plane,
    place_files,
    prepare,
)
from tests.programs import MINORS
from tests.unit.userdata.kubeadm.examples import CLUSTER, CONTROL_PLANE, WORKER
from tests.unit.userdata.requests import of_node, signing_request
from tests.waiting import wait_for
from userdata.agent.csr_approver import APPROVAL_SECONDS
from userdata.agent.csr_policy import GRACE_SECONDS
from userdata.boot import bootstrap_csr
from userdata.boot.bootstrap_csr import Key
from userdata.host.files import File, private
from userdata.kube.rights import AUTO_APPROVALS
from userdata.kubeadm import discovery, join_config
from userdata.kubeadm.places import DISCOVERY_FILE, JOIN_FILE
from userdata.kubeadm.tokens import new_token
from userdata.pki.issuing import Leaf, new_pki

pytestmark = pytest.mark.slow

LIBRARY = "/opt/approving"
TOLD = "/run/holdfast-test/told.json"
TOKEN_FILE = "/run/holdfast-test/token.json"


@dataclass
class Approving:
    """A founder and a control plane that joined it, a worker that has not yet, and what AWS says of them."""

    run: Run
    cloud: dict[str, Any]

    def ask(self, instance_id: str, verb: str, **told: Any) -> Any:
        """What a verb of approving_node prints on an instance."""
        common = {"instance": self.run.founder.name, "address": self.run.founder.address, "cloud": self.cloud}
        place_files(self.run.harness, instance_id, {TOLD: private(json.dumps({**common, **told}) + "\n")})
        command = f"PYTHONPATH={LIBRARY} /usr/bin/python3 {LIBRARY}/approving.py {verb} < {TOLD}"
        return json.loads(self.run.harness.run(instance_id, command, 60))

    def approve(self, later_seconds: float = 0) -> str:
        """One run of the agent's task on the founder."""
        said = str(self.ask(self.run.founder.name, "approve", later=later_seconds))
        assert not said.startswith("FAILED"), said
        return said

    @contextmanager
    def all_the_while(self) -> Iterator[None]:
        """Runs of the agent's task, for as long as it lasts."""
        over = threading.Event()

        def approve() -> None:
            while not over.wait(APPROVAL_SECONDS):
                self.approve()

        with ThreadPoolExecutor(1) as thread:
            going_on = thread.submit(approve)
            try:
                yield
            finally:
                over.set()
            going_on.result()

    def as_token_holder(self, verb: str, key: Key, named: str) -> Any:
        """Ask for a node's certificate from the worker, which has the token and nothing else."""
        return self.ask(
            self.run.worker.name,
            verb,
            server=self.run.cluster.server,
            ca=self.run.pki.cluster.bundle,
            token=self.run.token.text,
            named=named,
            key=key.private,
            request=key.request,
            fingerprint=key.fingerprint,
        )

    def requests(self) -> list[Any]:
        """All requests as the API server has them."""
        return list(self.run.kubectl("get", "certificatesigningrequests")["items"])

    def conditions(self, name: str) -> Mapping[str, str]:
        """How a request was judged, and why."""
        found = self.run.kubectl("get", "certificatesigningrequest", name)["status"].get("conditions", [])
        return {each["type"]: each["message"] for each in found}


@pytest.fixture(scope="module")
def approving() -> Iterator[Approving]:
    """A cluster of the newest minor."""
    with harness_of(MINORS[0]) as harness:
        yield founded(harness, harness.image.kubernetes)


def founded(harness: InstanceHarness, version: str) -> Approving:
    ids = [harness.launch(zone=number % 2) for number in range(3)]
    for instance_id in ids:
        harness.wait_state(instance_id, "running")
        prepare(harness, instance_id)
    founder, joiner, worker = (
        replace(node, name=instance_id, address=harness.described(instance_id)["PrivateIpAddress"])
        for node, instance_id in zip((CONTROL_PLANE, CONTROL_PLANE, WORKER), ids, strict=True)
    )
    cluster = replace(CLUSTER, version=version, endpoint=founder.address)
    now = datetime.now(UTC)
    run = Run(harness, cluster, new_pki(now), new_token(), founder, joiner, worker, stranger="")
    cloud = {
        node.name: {"role": role, "addresses": [node.address]}
        for node, role in ((founder, "control-plane"), (joiner, "control-plane"), (worker, "worker"))
    }
    made = Approving(run, cloud)
    for node in (founder, worker):
        place_files(harness, node.name, program())
    found(run)
    assert bound(run) == {*AUTO_APPROVALS}
    wait_for(lambda: made.ask(founder.name, "give_rights") == "", "the agents' rights")
    join_control_plane(run, now)
    return made


def program() -> dict[str, File]:
    """What the agent is made of, as files of a machine."""
    checkout = Path(__file__).parents[3]
    modules = [path for package in ("coordination", "userdata") for path in (checkout / package).rglob("*.py")]
    files = {f"{LIBRARY}/{path.relative_to(checkout)}": File(path.read_text()) for path in modules}
    return {**files, f"{LIBRARY}/approving.py": File((Path(__file__).parent / "approving_node.py").read_text())}


def bound(run: Run) -> set[str]:
    """The automatic approvals that there are."""
    return {*AUTO_APPROVALS} & {each["metadata"]["name"] for each in run.kubectl("get", "clusterrolebindings")["items"]}


def test_a_control_plane_joins_without_the_automatic_approval_for_it_asks_as_an_administrator(
    approving: Approving,
) -> None:
    run = approving.run
    assert not bound(run)
    assert run.joiner.name in {each["metadata"]["name"] for each in run.kubectl("get", "nodes")["items"]}
    (request,) = (
        each for each in approving.requests() if each["spec"]["username"] == f"holdfast:joiner:{run.joiner.name}"
    )
    assert "kubeadm:cluster-admins" in request["spec"]["groups"]
    # By a controller, not by an agent.
    assert [each["reason"] for each in request["status"]["conditions"]] == ["AutoApproved"]


def test_who_holds_the_token_gets_no_control_planes_certificate(approving: Approving, tmp_path: Path) -> None:
    founder = approving.run.founder.name
    attack = bootstrap_csr.new(tmp_path, founder)
    # Even if that instance's own row spoke of the attacker's key.
    approving.cloud[founder]["fingerprint"] = attack.fingerprint
    assert approving.as_token_holder("ask", attack, founder) == ""
    assert f"denied holdfast-{founder}-" in approving.approve()
    refused = approving.as_token_holder("issued", attack, founder)
    assert refused == {
        "reason": f"the request for a certificate was denied: {founder} is a control plane, which joins without a token"
    }


def test_the_token_alone_gives_nothing_else_of_a_control_plane(approving: Approving) -> None:
    run, name = approving.run, "token-holder"
    place_files(
        run.harness,
        run.worker.name,
        {TOKEN_FILE: private(by_token(run.pki.cluster.bundle, run.cluster.server, run.token))},
    )

    def kubectl(*arguments: str, given: str = "") -> tuple[int, str]:
        place_files(run.harness, run.worker.name, {TOLD: private(f"{given}\n")})
        asked = " ".join(["kubectl", f"--kubeconfig={TOKEN_FILE}", *arguments])
        done = run.harness.hypervisor.execute(run.worker.name, ["bash", "-c", f"{asked} < {TOLD}"], 30)
        return done.returncode, done.stdout + done.stderr

    for verb, resource in (("get", "secrets"), ("list", "nodes"), ("delete", "nodes"), ("create", "pods")):
        assert kubectl("auth", "can-i", verb, resource, "-n", "kube-system")[0] == 1, (verb, resource)
    wanted = {
        "kubernetes.io/kube-apiserver-client": signing_request(["O = kubeadm:cluster-admins", "CN = me"]),
        "kubernetes.io/kubelet-serving": of_node(run.founder.name, f"IP:{run.founder.address}"),
        "kubernetes.io/kube-apiserver-client-kubelet": signing_request(["O = system:masters", "CN = system:node:me"]),
    }
    stored = []
    for number, (signer, request) in enumerate(wanted.items()):
        usage = "server auth" if signer.endswith("serving") else "client auth"
        document = {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": f"{name}-{number}"},
            "spec": {
                "request": base64.b64encode(request.encode()).decode(),
                "signerName": signer,
                "usages": ["digital signature", usage],
            },
        }
        status, said = kubectl("create", "-f", "-", given=json.dumps(document))
        if status == 0:
            stored.append(document["metadata"]["name"])  # type: ignore[index]
        else:
            assert "orbidden" in said, said
    assert stored, "no request was taken in, so nothing was tried"
    assert kubectl("certificate", "approve", stored[0])[0] == 1
    approving.approve()
    for each in approving.requests():
        if each["metadata"]["name"] in stored:
            assert "certificate" not in each["status"], each["metadata"]["name"]


def test_a_worker_joins_once_its_row_speaks_of_its_key_and_not_before(approving: Approving, tmp_path: Path) -> None:
    run, name = approving.run, approving.run.worker.name
    key, foreign = bootstrap_csr.new(tmp_path, name), bootstrap_csr.new(tmp_path, name)
    for each in (foreign, key):
        assert approving.as_token_holder("ask", each, name) == ""
    assert approving.approve() == ""
    assert approving.as_token_holder("issued", key, name) == {"certificate": ""}

    approving.cloud[name]["fingerprint"] = key.fingerprint
    assert f"{name} is a worker that joins" in approving.approve()
    assert approving.as_token_holder("issued", foreign, name) == {"certificate": ""}
    issued = wait_for(lambda: approving.as_token_holder("issued", key, name)["certificate"], "the certificate")

    found_by = discovery.with_certificate(run.pki.cluster.bundle, run.cluster.server, Leaf(issued, key.private))
    files = {
        DISCOVERY_FILE: private(found_by),
        JOIN_FILE: private(join_config.worker(run.worker, HOST, LIMITS)),
    }
    # With this certificate the kubelet asks for one of its own.
    with approving.all_the_while():
        run.kubeadm(run.worker, files, join_config.COMMAND)
    assert name in {each["metadata"]["name"] for each in run.kubectl("get", "nodes")["items"]}

    # What was asked for in its name with another key is refused for good.
    assert "the key is not the one" in approving.approve(GRACE_SECONDS + 5)
    assert "denied" in str(approving.as_token_holder("issued", foreign, name))
    # And with a Node, not even the worker's own key gets another certificate.
    again = Key(key.private, key.request, "00" + key.fingerprint[2:])
    assert approving.as_token_holder("ask", again, name) == ""
    # Its kubelet may ask for a server's certificate meanwhile.
    assert "a worker that joins" not in approving.approve()
    assert approving.as_token_holder("issued", again, name) == {"certificate": ""}


def test_every_kubelet_serves_with_a_certificate_for_what_ec2_shows_of_it(approving: Approving) -> None:
    run = approving.run
    nodes = (run.founder, run.joiner, run.worker)

    def served() -> bool:
        approving.approve()
        serving = [each for each in approving.requests() if each["spec"]["signerName"].endswith("serving")]
        return {f"system:node:{node.name}" for node in nodes} <= {
            each["spec"]["username"] for each in serving if "certificate" in each["status"]
        }

    wait_for(served, "the kubelets' certificates", 60, 0.5)
    for node in nodes:
        asked = f"/api/v1/nodes/{node.name}/proxy/healthz"
        command = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "--raw", asked]

        def healthy(command: list[str] = command) -> bool:
            return run.harness.hypervisor.execute(run.founder.name, command, 30).stdout == "ok"

        # The API server checks the kubelet's certificate.
        wait_for(healthy, f"the kubelet of {node.name}", 30, 0.5)


def test_a_node_gets_no_serving_certificate_for_another_ones_name_or_address(approving: Approving) -> None:
    run = approving.run
    worker, founder = run.worker, run.founder
    foreign = {
        "foreign-address": f"DNS:{worker.name},IP:{founder.address}",
        "foreign-name": f"DNS:{founder.name},IP:{worker.address}",
        "api-name": f"DNS:{worker.name},DNS:kubernetes.default",
    }
    for name, alternatives in foreign.items():
        request = of_node(worker.name, alternatives)
        assert approving.ask(worker.name, "ask_as_kubelet", name=name, request=request) == ""
    approving.approve()
    for name in foreign:
        assert approving.conditions(name).keys() == {"Denied"}, name
    # In another's own name a node cannot even ask.
    request = of_node(founder.name, f"IP:{founder.address}")
    refused = approving.ask(worker.name, "ask_as_kubelet", name="other-subject", request=request)
    assert f"can only create a node CSR with CN=system:node:{worker.name}" in refused


def test_when_kubeadm_binds_the_automatic_approval_again_an_agent_takes_it_away(approving: Approving) -> None:
    run = approving.run
    kubeadm = ["kubeadm", "init", "phase", "bootstrap-token", "--config", "/etc/holdfast/kubeadm/init.json"]
    done = run.harness.hypervisor.execute(run.founder.name, kubeadm, 60)
    assert done.returncode == 0, done.stderr
    assert bound(run) == {*AUTO_APPROVALS}
    assert approving.ask(run.founder.name, "withhold") == "deleted"
    assert not bound(run)
    assert approving.ask(run.founder.name, "withhold").startswith("there is neither ")
