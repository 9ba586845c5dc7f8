"""No secret of a whole run is where it may not be, and a worker gets no more than a worker's own."""

from __future__ import annotations

import base64
import json
import re
import secrets
import shlex
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from coordination.names import (
    CLUSTER_ITEM,
    OBSERVATION_ITEM,
    OPERATION_ITEM,
    POOL_LABEL,
    REMOVAL_APPROVAL_ITEM,
    RESTORE_APPROVAL_ITEM,
    TEARDOWN_ITEM,
    boot_item,
    condition_item,
    lease_item,
    member_item,
)
from rehearsal.local import stacks
from rehearsal.local.steps import STACK
from tests.e2e import foreign_name, pulling, shipped
from tests.e2e.asking_metadata import REFUSED, SERVED, by_group, by_pod
from tests.e2e.harness import ClusterHarness, Seen, running
from tests.e2e.replacing import terminate
from tests.e2e.scaling import raise_capacity, workers
from tests.e2e.searching import (
    Sampler,
    instance_root,
    key_files,
    places,
    secret_parameters,
    secrets_in_ssm,
    secrets_made,
    table_name,
    written_files,
)
from tests.unit.userdata.requests import of_node
from tests.unit.userdata.secrecy import leaks
from tests.waiting import wait_for
from userdata.kubeadm.leftovers import KUBELET_CONFIGURATION_FILE, KUBELET_FLAGS_FILE, SUPER_ADMIN_FILE
from userdata.kubeadm.places import DISCOVERY_FILE, INIT_FILE, JOIN_FILE

HEALTHY_SECONDS = 240.0
NODE_PROGRAM = Path(__file__).parent / "attempting_node.py"
SPENT = (INIT_FILE, JOIN_FILE, DISCOVERY_FILE, SUPER_ADMIN_FILE)
PRIVATE = {"/etc/holdfast": 0o700, KUBELET_CONFIGURATION_FILE: 0o600, KUBELET_FLAGS_FILE: 0o600}
KUBELET_FILE = "/var/lib/kubelet/pki/kubelet-client-current.pem"
STOLEN = {
    "certificate-authority": "/etc/kubernetes/pki/ca.crt",
    "client-certificate": KUBELET_FILE,
    "client-key": KUBELET_FILE,
}
"""kubectl's flags, and where on a worker is what it is given by them."""
GRANTED, NOT_GRANTED = "team/app", "holdfast/app"
"""Repositories: the one that the configuration names, and one that its default would allow."""
FLOOD = 1000
RESOLVED, NXDOMAIN = [0, True], [3, False]
PLANTED_SECONDS = 1.0
"""How long a planted process lives: several looks of the sampler."""


@dataclass(frozen=True)
class Whole:
    """A whole cluster with one worker, and what was seen of its processes since before it began."""

    cluster: ClusterHarness
    folder: Path
    sampler: Sampler
    seen: Seen

    @property
    def founder(self) -> str:
        """A control plane."""
        assert self.seen.record is not None
        return self.seen.record.owner

    @property
    def worker(self) -> str:
        """The only worker."""
        (found,) = self.seen.running - self.seen.control_planes
        return found

    def address(self, instance_id: str) -> str:
        """An instance's private address."""
        return self.cluster.address(instance_id)

    def on_worker(self, verb: str, *, seconds: float = 60.0, **told: Any) -> Any:
        """What a verb of attempting_node prints on the worker, within so many seconds."""
        return self.on(self.worker, verb, seconds=seconds, **told)

    def on(self, instance_id: str, verb: str, *, seconds: float = 60.0, **told: Any) -> Any:
        """What it prints on any node."""
        program = NODE_PROGRAM.read_text(encoding="utf-8")
        script = f"/usr/bin/python3 -I - {verb} {shlex.quote(json.dumps(told))} <<'PROGRAM'\n{program}\nPROGRAM\n"
        done = self.cluster.shell(instance_id, script, seconds)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def request(self, name: str) -> Any:
        """A request for a certificate as the API server has it."""
        return json.loads(self.cluster.kubectl.text("get", "certificatesigningrequest", name, "--output=json"))

    def denied(self, name: str) -> str:
        """Wait until a request was judged; why it was denied."""
        status = wait_for(lambda: self.request(name)["status"], f"a judgement of {name}", 30, 0.5)
        assert "certificate" not in status
        (condition,) = status["conditions"]
        assert condition["type"] == "Denied"
        return str(condition["message"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """All as on EC2, but for one worker in the place of two, and images of one repository."""
    folder = tmp_path_factory.mktemp("secrets")
    config = folder / "cluster.yaml"
    config.write_text(f"name: holdfast\nkubernetes: {{imageRepositories: [{GRANTED}]}}\n", encoding="utf-8")
    with ExitStack() as stack:
        sampler = stack.enter_context(Sampler())
        cluster = stack.enter_context(
            running(folder, node_settings={}, parameters={"GeneralMinSize": "1"}, program=None, config=config)
        )
        cluster.healthy(HEALTHY_SECONDS)
        seen = cluster.until(
            lambda seen: seen if ready(cluster, seen) else None, "not every node is Ready", HEALTHY_SECONDS
        )
        yield Whole(cluster, folder, sampler, seen)


def ready(cluster: ClusterHarness, seen: Seen) -> bool:
    """Whether every running instance is a Ready node, a worker too."""
    return len(seen.running) == 4 and cluster.nodes() == dict.fromkeys(seen.running, True)


def test_no_secret_of_a_whole_run_is_in_a_log_a_table_an_argument_or_a_file_for_others(whole: Whole) -> None:
    for command in (
        ("kubeadm", "init"),
        ("kubeadm", "join"),
        ("holdfast-node", "boot"),
        ("holdfast-node", "agent"),
        ("holdfast-node", "logs"),
    ):
        assert whole.sampler.ran(*command), command
    for program in ("openssl", "kubelet", "etcd", "kube-apiserver"):
        assert whole.sampler.ran(program), program
    made = secrets_made(whole.cluster)
    assert len(made) > 30, sorted(made)
    assert leaks(made, places(whole.cluster, whole.folder, whole.sampler)) == []


def test_only_root_may_read_a_file_that_holds_a_key(whole: Whole) -> None:
    for instance_id in sorted(whole.seen.running):
        files = key_files(instance_id)
        assert files, f"{instance_id} has no key at all"
        assert {file.place: oct(file.mode) for file in files if file.mode != 0o600} == {}


def test_a_worker_keeps_neither_a_key_of_the_control_planes_nor_the_join_token(whole: Whole) -> None:
    held = secrets_in_ssm(whole.cluster)
    # A founder does, so the search is one.
    assert leaks(held, contents(whole.founder))
    assert leaks(held, contents(whole.worker)) == []


def test_no_file_of_a_control_plane_names_system_masters(whole: Whole) -> None:
    for instance_id in sorted(whole.seen.control_planes):
        held = certificates(contents(instance_id))
        # An administrator is there, so the search is one.
        assert [name for name, der in held if b"kubeadm:cluster-admins" in der]
        assert [name for name, der in held if b"system:masters" in der] == []


def test_nothing_spent_is_left_and_what_is_roots_alone_others_cannot_read(whole: Whole) -> None:
    for instance_id in sorted(whole.seen.running):
        root = instance_root(instance_id)
        spent = [place for place in SPENT if (root / place.lstrip("/")).exists()]
        assert spent == [], f"{instance_id} keeps {spent}"
        etcd = [("/var/lib/etcd", 0o700)] if instance_id in whole.seen.control_planes else []
        for place, mode in (*PRIVATE.items(), *etcd):
            found = (root / place.lstrip("/")).stat().st_mode & 0o777
            assert found == mode, f"{place} of {instance_id} is {found:o}"
        if etcd:
            # On its own disk, and not on the root volume.
            assert (root / "var/lib/etcd").stat().st_dev == (root / "dev/xvdb").stat().st_rdev


@pytest.mark.parametrize(
    ("namespace", "said"), [("default", 'violates PodSecurity "baseline'), ("kube-system", "created")]
)
def test_a_pod_in_the_hosts_network_is_refused_but_in_kube_system(whole: Whole, namespace: str, said: str) -> None:
    in_hosts = json.dumps({"spec": {"hostNetwork": True}})
    asked = ("run", "probe", "--image=probe", f"--namespace={namespace}", "--dry-run=server", f"--overrides={in_hosts}")
    done = whole.cluster.kubectl.run(*asked)
    assert said in done.stdout + done.stderr


def test_a_pod_gets_nothing_from_the_metadata_service_and_the_machines_own_services_do(whole: Whole) -> None:
    cluster, founder = whole.cluster, whole.founder
    for node in (whole.worker, founder):
        assert by_pod(cluster, node, f"asking-host-{node}", host_network=True) == REFUSED
        assert by_pod(cluster, node, f"asking-own-{node}", host_network=False) == REFUSED
        # A credential provider is started by the kubelet, and in its group.
        assert by_group(cluster, node, "system.slice/kubelet.service") == SERVED
    assert by_group(cluster, founder, "system.slice/holdfast-agent.service") == SERVED


def test_nodes_run_images_that_only_the_registry_has_by_their_own_role(whole: Whole) -> None:
    image = pulling.push(whole.cluster, whole.folder, GRANTED)
    for node in (whole.worker, whole.founder):
        pulling.start(whole.cluster, f"pulled-{node}", node, image)
    for node in (whole.worker, whole.founder):
        assert pulling.running_image(whole.cluster, f"pulled-{node}").startswith(image.partition(":")[0])
        pulling.delete(whole.cluster, f"pulled-{node}")
    used = whole.cluster.rehearsal.control.permissions()["used"]
    for role in ("WorkerRole", "ControlPlaneRole"):
        actions = {each["action"] for each in used if role in each["identity"] and each["action"].startswith("ecr:")}
        assert actions == {"ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}


def test_an_image_of_a_repository_that_the_configuration_does_not_name_is_refused_by_name(whole: Whole) -> None:
    image = pulling.push(whole.cluster, whole.folder, NOT_GRANTED)
    pulling.start(whole.cluster, "refused", whole.worker, image)
    said = pulling.failure(whole.cluster, "refused")
    pulling.delete(whole.cluster, "refused")
    asked = f"ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:123456789012:repository/{NOT_GRANTED}"
    who, _, why = said.partition(" is not authorized to perform: ")
    assert re.search(f"User: arn:aws:sts::123456789012:assumed-role/.*WorkerRole.*/{whole.worker}$", who), said
    assert why.startswith(f"{asked} because no identity-based policy allows the ecr:BatchGetImage action"), said


def test_status_knows_its_node_and_reads_the_table_in_an_operators_shell(whole: Whole) -> None:
    """As in `make rehearse-shell`: without the metadata service it had neither the instance's id nor credentials."""
    for node in (whole.worker, whole.founder):
        told = json.loads(whole.cluster.shell(node, "holdfast-node status --json || true").stdout)["parts"]
        assert told["node"]["found"]["instance_id"] == node
        assert told["record"]["unknown"] == []


def certificates(files: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Every certificate in these files, in PEM and within kubeconfigs and JSON: its file, and its DER."""
    found = []
    for name, content in files:
        texts = [
            content,
            *(base64.b64decode(each) for each in re.findall(rb"certificate-data: *([A-Za-z0-9+/=]+)", content)),
        ]
        for text in texts:
            blocks = re.findall(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", text, re.DOTALL)
            # JSON writes the ends of lines as two characters each.
            found += [(name, base64.b64decode(block.replace(rb"\n", b""))) for block in blocks]
    return found


def contents(instance_id: str) -> Iterator[tuple[str, bytes]]:
    """Every file that an instance has written."""
    return ((name, path.read_bytes()) for name, path in written_files(instance_id))


def test_the_search_finds_a_secret_in_each_of_the_places(whole: Whole) -> None:
    planted = plant(whole)
    found = leaks(planted, places(whole.cluster, whole.folder, whole.sampler))
    for kind in planted:
        assert [line for line in found if line.startswith(f"{kind} is in {kind}")], (kind, found)


def plant(whole: Whole) -> dict[str, str]:
    """Put a secret of its own into each kind of place, by the kind's name."""
    kinds = "local cloud,arguments,environment,CloudWatch,table,launch template,stack,parameter,log,journal,console"
    planted = {kind: secrets.token_hex(16) for kind in [*kinds.split(","), "readable file"]}
    clients = whole.cluster.rehearsal.local.client
    (whole.folder / "planted.log").write_text(planted["local cloud"], encoding="utf-8")
    group = clients("logs").describe_log_groups()["logGroups"][0]["logGroupName"]
    clients("logs").create_log_stream(logGroupName=group, logStreamName="planted")
    event = {"timestamp": int(time.time() * 1000), "message": planted["CloudWatch"]}
    clients("logs").put_log_events(logGroupName=group, logStreamName="planted", logEvents=[event])
    item = {"Id": {"S": "planted"}, "Reason": {"S": planted["table"]}}
    clients("dynamodb").put_item(TableName=table_name(whole.cluster), Item=item)
    data = {"InstanceType": planted["launch template"]}
    clients("ec2").create_launch_template(LaunchTemplateName="planted", LaunchTemplateData=data)
    body = {
        "Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}},
        "Outputs": {"Planted": {"Value": planted["stack"]}},
    }
    clients("cloudformation").create_stack(StackName="planted", TemplateBody=json.dumps(body))
    clients("ssm").put_parameter(Name="/planted", Type="String", Value=planted["parameter"])
    root = instance_root(whole.worker)
    for file, kind in (("var/log/holdfast/planted.log", "log"), ("tmp/planted", "readable file")):
        (root / file).write_text(planted[kind], encoding="utf-8")
        (root / file).chmod(0o600 if kind == "log" else 0o644)
    in_environment = f"PLANTED={planted['environment']} sleep {PLANTED_SECONDS}"
    for script in (
        f"echo {planted['console']} > /dev/console",
        f"echo {planted['journal']} | systemd-cat",
        f"sleep {PLANTED_SECONDS}; : {planted['arguments']}",
        in_environment,
    ):
        assert whole.cluster.shell(whole.worker, script).returncode == 0
    created = clients("cloudformation").get_waiter("stack_create_complete")
    created.wait(StackName="planted", WaiterConfig={"Delay": 1})
    return planted


def test_a_worker_reads_the_record_and_the_join_data_and_writes_its_own_boot_row(whole: Whole) -> None:
    mine = whole.seen.boots[whole.worker]
    row = {"Stage": mine.stage, "Fingerprint": mine.fingerprint, "StartedAt": mine.started_at}
    assert whole.on_worker("own", row=row) == {"cluster": True, "row": True, "join data": True}


def test_a_worker_reads_no_key_and_writes_no_row_but_its_own(whole: Whole) -> None:
    record = whole.seen.record
    assert record is not None
    items = [
        CLUSTER_ITEM,
        OBSERVATION_ITEM,
        OPERATION_ITEM,
        TEARDOWN_ITEM,
        REMOVAL_APPROVAL_ITEM,
        RESTORE_APPROVAL_ITEM,
        member_item(whole.worker),
        member_item(whole.founder),
        boot_item(whole.seen.boots[whole.founder].instance_arn),
        lease_item("join"),
        lease_item("agent"),
        condition_item("QuorumLost"),
    ]
    found = whole.on_worker("attempts", epoch=record.pki_epoch, items=items)
    assert len(found) > 4 * len(items) + 5
    assert {name: code for name, code in found.items() if code != "AccessDeniedException"} == {}


def test_the_autoscalers_credentials_read_nothing_of_the_clusters_and_scale_no_slot(whole: Whole) -> None:
    groups = whole.cluster.rehearsal.local.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    sizes = {
        next(tag["Value"] for tag in group["Tags"] if tag["Key"] == "holdfast:role"): (
            group["AutoScalingGroupName"],
            group["DesiredCapacity"],
        )
        for group in groups
    }
    (key, *_) = (name for name in secret_parameters(whole.cluster) if not name.endswith("/join/data"))
    found = whole.on(whole.founder, "attempts_as_autoscaler", key=key, groups=sizes)
    assert found == {
        "DescribeAutoScalingGroups": "",
        "DescribeInstanceTypes": "",
        "GetParameter": "AccessDeniedException",
        "GetParametersByPath": "AccessDeniedException",
        "GetItem": "AccessDeniedException",
        "SetDesiredCapacity of worker": "",
        "SetDesiredCapacity of control-plane": "AccessDenied",
    }


def test_the_join_token_alone_gives_no_control_planes_certificate(whole: Whole) -> None:
    assert whole.on_worker("steal", named=whole.founder) == {
        "denied": f"the request for a certificate was denied: {whole.founder} is a control plane, "
        "which joins without a token"
    }


def test_the_join_token_alone_gives_no_servers_certificate(whole: Whole) -> None:
    request = of_node(whole.founder, f"IP:{whole.address(whole.founder)}")
    refused = whole.on_worker("ask_as_token_holder", name="token-serving", request=request)
    assert not refused["stored"]
    assert "a request is named holdfast-<instance>-" in refused["said"]
    name = f"holdfast-{whole.founder}-0123456789ab"
    asked = whole.on_worker("ask_as_token_holder", name=name, request=request)
    assert asked["stored"], asked["said"]
    assert "is not a node" in whole.denied(name)


def test_a_worker_gets_no_servers_certificate_for_another_ones_address_or_name(whole: Whole) -> None:
    worker, founder = whole.worker, whole.founder
    foreign = {
        "csr-foreign-address": (f"DNS:{worker},IP:{whole.address(founder)}", "EC2 shows no address"),
        "csr-foreign-name": (f"DNS:{founder},IP:{whole.address(worker)}", "it names another server"),
    }
    for name, (alternatives, _) in foreign.items():
        request = of_node(worker, alternatives)
        address = whole.address(founder)
        assert whole.on_worker("ask_as_kubelet", address=address, name=name, request=request) == ""
    for name, (_, why) in foreign.items():
        assert why in whole.denied(name)


def test_a_thousand_requests_in_made_up_names_hold_no_join_up(whole: Whole) -> None:
    request = of_node("i-00000000000000000")
    flooded = whole.on_worker("flood", seconds=300, count=FLOOD, request=request)
    assert flooded["stored"] == FLOOD, flooded["said"]
    began = time.monotonic()
    raise_capacity(whole.cluster, 2)
    both = workers(whole.cluster, whole.seen, 2)
    print(f"beside {FLOOD} requests a worker joined within {time.monotonic() - began:.0f} s", flush=True)
    assert whole.worker in both


def test_what_a_person_does_is_in_the_audit_log_off_the_node_and_never_what_a_secret_holds(whole: Whole) -> None:
    name, held = f"told-{secrets.token_hex(8)}", secrets.token_hex(16)
    whole.cluster.kubectl.text("create", "secret", "generic", name, f"--from-literal=key={held}")

    def told() -> list[Any]:
        audited = (json.loads(line) for line in shipped.lines(whole.cluster, shipped.AUDIT))
        return [event for event in audited if event.get("objectRef", {}).get("name") == name]

    (event, *_) = wait_for(told, "the event of a Secret", 60, 1)
    assert (event["verb"], event["level"], event["objectRef"]["resource"]) == ("create", "Metadata", "secrets")
    hidden = {"held": held, "encoded": base64.b64encode(held.encode()).decode()}
    everything = "".join(
        shipped.lines(whole.cluster, shipped.AUDIT) + shipped.lines(whole.cluster, shipped.CONTROL_PLANES)
    )
    assert [each for each in hidden if hidden[each] in everything] == []


def test_every_node_ships_its_logs_and_says_so(whole: Whole) -> None:
    for instance_id in sorted(whole.seen.running):
        group, role = (
            (shipped.WORKERS, "worker") if instance_id == whole.worker else (shipped.CONTROL_PLANES, "control-plane")
        )
        of_role = () if role == "worker" else ("etcd", "kube-apiserver")
        for name in ("kubelet", "containerd", *of_role):
            assert shipped.lines(whole.cluster, group, f"{role}/{instance_id}/{name}"), (instance_id, name)
        said = json.loads(whole.cluster.shell(instance_id, "holdfast-node status --json").stdout)["parts"]["logs"]
        assert (said["attention"], said["unknown"]) == ([], [])
        assert [each["name"] for each in said["found"] if each["lost"] or each["gaps"]] == []


def test_a_worker_writes_no_log_of_a_control_plane_and_no_audit_log(whole: Whole) -> None:
    theirs, audit, own = (
        shipped.log_group(whole.cluster, each) for each in (shipped.CONTROL_PLANES, shipped.AUDIT, shipped.WORKERS)
    )
    refused = ["AccessDeniedException"] * 2
    found = whole.on_worker("write_logs", groups=[theirs, audit], stream=f"control-plane/{whole.founder}/audit")
    assert found == {theirs: refused, audit: refused}
    allowed = whole.on_worker("write_logs", groups=[own], stream=f"worker/{whole.worker}/kubelet")
    assert allowed == {own: ["", ""]}
    assert "forged" not in shipped.lines(whole.cluster, shipped.AUDIT)


def test_a_node_resolves_the_apis_name_and_no_other_although_it_exists(whole: Whole) -> None:
    local, nodes = whole.cluster.rehearsal.local, (whole.founder, whole.worker)
    (vpc,) = local.client("ec2").describe_instances(InstanceIds=[whole.worker])["Reservations"]
    api = str(urlsplit(stacks.outputs(local.client("cloudformation"), STACK)["ApiEndpoint"]).hostname)
    addresses = {whole.address(node) for node in nodes}
    with foreign_name.made(whole.cluster, vpc["Instances"][0]["VpcId"]) as foreign:
        for node in nodes:
            assert whole.on(node, "ask_resolver", names=[api, foreign]) == {api: RESOLVED, foreign: NXDOMAIN}
        # It was the firewall: without it the zone would have answered.
        wait_for(
            lambda: foreign_name.askers(whole.cluster, foreign, "BLOCK") == addresses,
            f"the log of who asked for {foreign}, by the firewall's word",
            60,
            1,
        )
    assert foreign_name.askers(whole.cluster, api, "BLOCK") == set()


def test_a_pool_is_marked_by_the_agents_and_not_by_its_nodes(whole: Whole) -> None:
    address = whole.address(whole.founder)

    def label() -> str:
        node = json.loads(whole.cluster.kubectl.text("get", "node", whole.worker, "--output=json"))
        found: dict[str, str] = node["metadata"]["labels"]
        return found.get(POOL_LABEL, "")

    wait_for(lambda: label() == "general", "the label of the pool", 60, 1)
    refused = whole.on_worker("relabel", address=address, name=whole.worker, label=POOL_LABEL, value="memory")
    assert "is not allowed to modify labels" in refused
    assert label() == "general"


def test_a_terminated_workers_certificate_is_not_renewed_and_its_node_is_gone(whole: Whole) -> None:
    """The last one: the worker ends. Whoever has stolen its key asks from outside, where that is all there is."""
    name, kubectl = whole.worker, whole.cluster.kubectl
    asking = [str(kubectl.program), f"--server={kubectl.url}"]
    for flag, place in STOLEN.items():
        stolen = whole.cluster.shell(name, f"cat {place}")
        assert stolen.returncode == 0, stolen.stderr
        kept = whole.folder / f"stolen-{flag}.pem"
        kept.touch(mode=0o600)
        kept.write_text(stolen.stdout, encoding="utf-8")
        asking.append(f"--{flag}={kept}")
    request = base64.b64encode(of_node(name).encode()).decode()
    spec = {
        "request": request,
        "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
        "usages": ["digital signature", "client auth"],
    }
    body = json.dumps(
        {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": "csr-stolen"},
            "spec": spec,
        }
    )
    terminate(whole.cluster, name)

    def gone() -> bool:
        seen = whole.cluster.look()
        return seen.state(name) == "terminated" and name not in whole.cluster.nodes()

    wait_for(gone, "the worker and its Node to be gone", HEALTHY_SECONDS, 2)
    asked = kubectl.outside.run([*asking, "create", "--filename=-"], given=body)
    assert asked.returncode == 0, asked.stderr
    assert whole.denied("csr-stolen") == f"{name} is gone"
