"""People get into a real cluster: by a certificate that each asks for in his own name, and that nobody gets in another.

What IAM refuses is refused by the local AWS's own evaluation of the deployed policies, what the agent refuses by a real
agent, and what a certificate may by a real API server.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509

from coordination import access
from coordination.access import AccessGranted, AccessRefused, AccessRequest, Refusal, Requester
from coordination.adapters.table import ClusterTable
from coordination.names import AccessGroup
from coordination.outcomes import Done, Known, Unknown
from coordination.writes import ABSENT
from deployment.client_key import ClientKey
from rehearsal.cloud.operator import Operator
from rehearsal.cloud.rehearse import Kubectl
from rehearsal.local import stacks
from rehearsal.local.steps import STACK
from rehearsal.local.surroundings import BUCKET
from tests.e2e.harness import ClusterHarness, running
from tests.e2e.shipped import AUDIT, lines
from tests.e2e.walking import Walk, surroundings
from tests.waiting import wait_for

ACCOUNT = "123456789012"
VIEWER, FOREIGNER = f"arn:aws:iam::{ACCOUNT}:user/viewer", f"arn:aws:iam::{ACCOUNT}:user/foreigner"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/people/PlatformAdministrators"
SESSION = "alice.liddell@example.com"
ALICE = f"arn:aws:sts::{ACCOUNT}:assumed-role/PlatformAdministrators/{SESSION}"
ANSWER_SECONDS = 60.0
"""An agent looks each ten seconds, and signing takes it a moment; the machine may be busy."""
SHIPPED_SECONDS = 60.0
_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
        ],
    }
)
"""Whoever the account lets assume the role."""
POLICIES = {"view": "ViewOperatorPolicyArn", "edit": "EditOperatorPolicyArn", "admin": "AdminOperatorPolicyArn"}


@dataclass(frozen=True)
class People:
    """A whole cluster with somebody who may see it, somebody who may do everything, and somebody who may nothing."""

    cluster: ClusterHarness
    folder: Path
    viewer: Operator
    alice: Operator
    foreigner: Operator

    def table(self, person: Operator) -> ClusterTable:
        """The table in which people ask, as this person reaches it."""
        return ClusterTable(person.client("dynamodb"), self.table_name)

    @property
    def table_name(self) -> str:
        return stacks.outputs(self.cluster.rehearsal.local.client("cloudformation"), STACK)["AccessTableName"]

    def requester(self, person: Operator) -> Requester:
        identity = person.client("sts").get_caller_identity()
        return Requester(identity["UserId"], person.arn)

    def kubectl(self, person: Operator, group: str, *more: str) -> Kubectl:
        """What the person gets by the command, and kubectl with it."""
        file = self.folder / f"{person.name}-{group}"
        done = person.command("kubeconfig", "--stack", STACK, "--group", group, "--file", str(file), *more)
        assert done.returncode == 0, done.stderr
        return replace(self.cluster.kubectl, kubeconfig=file)

    def refused(self, person: Operator, request: AccessRequest | dict[str, Any]) -> AccessRefused:
        """The agent's refusal of a row that the person writes."""
        given = self.answer(person, request)
        assert isinstance(given, AccessRefused), given
        return given

    def answer(self, person: Operator, request: AccessRequest | dict[str, Any]) -> AccessGranted | AccessRefused:
        table, item = self.table(person), dict(request.item() if isinstance(request, AccessRequest) else request)
        assert table.put(item, {}) == Done()

        def answered() -> AccessGranted | AccessRefused | None:
            read = table.get(str(item["Id"]))
            assert isinstance(read, Known), read
            return None if read.value is None else access.answer(read.value)

        given = wait_for(answered, "an answer of an agent", ANSWER_SECONDS)
        assert given is not None
        return given

    def asking(
        self, person: Operator, group: AccessGroup = AccessGroup.VIEW, number: str = "", **changed: Any
    ) -> AccessRequest:
        """A request that would be granted to the viewer, but for what is changed."""
        own = self.requester(person)
        key = ClientKey.made(own.name, group.kubernetes_group)
        request = AccessRequest(own, group, number or str(time.time_ns()), key.request_pem, 3600, int(time.time()))
        return replace(request, **changed)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("access")
    lists = {"ViewerArns": VIEWER, "AdministratorArns": ROLE}
    # Who may use the key can write into the table, and is refused by the agent alone.
    with running(
        folder,
        node_settings={},
        program=None,
        parameters={**lists, "KeyOperatorArns": FOREIGNER, "GeneralMinSize": "0"},
    ) as cluster:
        cluster.healthy(240.0)
        local = cluster.rehearsal.local
        iam = local.client("iam")
        outputs = stacks.outputs(local.client("cloudformation"), STACK)
        viewer = Operator.made(iam, "viewer", local.environment)
        foreigner = Operator.made(iam, "foreigner", local.environment)
        iam.attach_user_policy(UserName="viewer", PolicyArn=outputs[POLICIES["view"]])
        iam.attach_user_policy(UserName="foreigner", PolicyArn=outputs[POLICIES["admin"]])
        alice = _session(iam, local.client("sts"), outputs[POLICIES["admin"]], local.environment)
        yield People(cluster, folder, viewer, alice, foreigner)
        # As `make delete` does it: an attached policy keeps the stack.
        iam.detach_user_policy(UserName="viewer", PolicyArn=outputs[POLICIES["view"]])
        iam.detach_user_policy(UserName="foreigner", PolicyArn=outputs[POLICIES["admin"]])
        iam.detach_role_policy(RoleName="PlatformAdministrators", PolicyArn=outputs[POLICIES["admin"]])


def _session(iam: Any, sts: Any, policy_arn: str, environment: Any) -> Operator:
    """A person who has assumed a role."""
    iam.create_role(RoleName="PlatformAdministrators", Path="/people/", AssumeRolePolicyDocument=_TRUST)
    iam.attach_role_policy(RoleName="PlatformAdministrators", PolicyArn=policy_arn)
    return Operator("alice", ROLE, {**environment, **_assumed(sts, ROLE, SESSION)})


def _assumed(sts: Any, role_arn: str, session: str) -> dict[str, str]:
    """The environment of somebody who has assumed a role."""
    given = sts.assume_role(RoleArn=role_arn, RoleSessionName=session)["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


def test_a_viewer_sees_everything_but_secrets_and_changes_nothing(people: People) -> None:
    kubectl = people.kubectl(people.viewer, "view")
    whoami = json.loads(kubectl.text("auth", "whoami", "--output", "json"))["status"]["userInfo"]
    assert (whoami["username"], "holdfast:view" in whoami["groups"]) == (VIEWER, True)
    assert len(kubectl.items("nodes")) == people.cluster.slots
    assert kubectl.items("pods", "--namespace", "kube-system")
    for forbidden in (
        ["get", "secrets", "--namespace", "default"],
        ["get", "secrets", "--namespace", "kube-system"],
        ["create", "configmap", "mine", "--namespace", "default"],
        ["delete", "node", people.cluster.look().record.owner],  # type: ignore[union-attr]
        ["get", "--raw", "/api/v1/nodes/x/proxy/logs"],
    ):
        done = kubectl.run(*forbidden)
        assert done.returncode != 0, forbidden
        assert "Forbidden" in done.stderr or "forbidden" in done.stderr, done.stderr


def test_a_session_of_a_role_is_named_with_role_and_session_and_the_audit_log_names_it(people: People) -> None:
    assert len(ALICE) > 64, "longer than the bound of RFC 5280"
    kubectl = people.kubectl(people.alice, "admin")
    kubectl.text("create", "configmap", "by-alice", "--namespace", "kube-system")
    kubectl.text("get", "secrets", "--namespace", "kube-system")

    def told() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in lines(people.cluster, AUDIT) if "by-alice" in line]
        return [each for each in found if each["verb"] == "create"]

    (entry,) = wait_for(told, "the entry in the audit log", SHIPPED_SECONDS)
    assert entry["user"]["username"] == ALICE


def test_an_editor_changes_what_is_in_an_open_namespace_alone(people: People) -> None:
    # Whoever may have more may have less.
    kubectl = people.kubectl(people.alice, "edit")
    for namespace in ("default", "kube-system", "kube-public"):
        assert kubectl.run("create", "configmap", "mine", "--namespace", namespace).returncode != 0
        assert kubectl.run("get", "secrets", "--namespace", namespace).returncode != 0
    admin = people.kubectl(people.alice, "admin")
    admin.text("create", "namespace", "squad")
    admin.text("create", "rolebinding", "edit", "--clusterrole=edit", "--group=holdfast:edit", "--namespace", "squad")
    wait_for(
        lambda: kubectl.run("create", "configmap", "mine", "--namespace", "squad").returncode == 0,
        "an open namespace",
        10.0,
    )


def test_the_file_is_for_its_owner_alone_and_the_certificate_ends_when_it_says(people: People) -> None:
    kubectl = people.kubectl(people.viewer, "view", "--hours", "1")
    assert kubectl.kubeconfig.stat().st_mode & 0o777 == 0o600
    user = json.loads(kubectl.kubeconfig.read_text())["users"][0]["user"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(user["client-certificate-data"]))
    left = (certificate.not_valid_after_utc - datetime.now(UTC)).total_seconds()
    assert 3480 < left <= 3600


def test_the_api_is_reached_by_the_balancers_own_name_as_well(people: People) -> None:
    outputs = stacks.outputs(people.cluster.rehearsal.local.client("cloudformation"), STACK)
    kubectl = people.kubectl(people.viewer, "view", "--server", f"https://{outputs['ApiBalancerName']}:6443")
    assert kubectl.items("nodes")


def test_nobody_writes_or_reads_in_another_name_whatever_his_policies_allow(people: People) -> None:
    of_viewer = people.asking(people.viewer)
    others = {
        "the foreigner, with the policy of administrators": people.foreigner,
        "alice, who is listed": people.alice,
    }
    for who, person in others.items():
        written = people.table(person).put(of_viewer.item(), ABSENT)
        assert isinstance(written, Unknown), who
        assert "AccessDenied" in written.code, who
        read = people.table(person).get(of_viewer.item_id)
        assert isinstance(read, Unknown), who
    # The table's own policy stands before whoever may do everything with DynamoDB.
    iam = people.cluster.rehearsal.local.client("iam")
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="foreigner", PolicyName="everything", PolicyDocument=json.dumps(everything))
    try:
        dynamodb = people.foreigner.client("dynamodb")
        item = {"Id": {"S": of_viewer.item_id}}
        with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
            dynamodb.put_item(TableName=people.table_name, Item=item)
        with pytest.raises(ClientError, match="explicit deny"):
            dynamodb.batch_write_item(RequestItems={people.table_name: [{"PutRequest": {"Item": item}}]})
        with pytest.raises(ClientError, match="explicit deny"):
            dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": people.table_name, "Item": item}}])
    finally:
        iam.delete_user_policy(UserName="foreigner", PolicyName="everything")


def test_a_group_that_the_policy_is_not_for_is_refused_by_iam_and_one_that_is_not_granted_by_the_agent(
    people: People,
) -> None:
    written = people.table(people.viewer).put(people.asking(people.viewer, AccessGroup.ADMIN).item(), ABSENT)
    assert isinstance(written, Unknown)
    iam = people.cluster.rehearsal.local.client("iam")
    policy = stacks.outputs(people.cluster.rehearsal.local.client("cloudformation"), STACK)[POLICIES["admin"]]
    iam.attach_user_policy(UserName="viewer", PolicyArn=policy)
    try:
        given = people.refused(people.viewer, people.asking(people.viewer, AccessGroup.ADMIN))
        assert given.refusal is Refusal.GROUP_NOT_GRANTED
        done = people.viewer.command("kubeconfig", "--stack", STACK, "--group", "admin", "--file", "/dev/null/no")
        # The first line names account and region.
        assert (done.returncode, done.stderr.count("\n")) == (2, 2)
        assert "the cluster refuses: group-not-granted: arn:aws:iam::123456789012:user/viewer may have: view" in (
            done.stderr
        )
    finally:
        iam.detach_user_policy(UserName="viewer", PolicyArn=policy)


def test_what_is_wrong_with_a_request_is_named(people: People) -> None:
    viewer = people.viewer
    now = int(time.time())
    assert people.refused(people.foreigner, people.asking(people.foreigner)).refusal is Refusal.NOT_LISTED
    expired = people.asking(viewer, requested_at=now - access.VALID_SECONDS - 5)
    assert people.refused(viewer, expired).refusal is Refusal.EXPIRED
    oversized = people.asking(viewer, request="x" * 100_000)
    assert people.refused(viewer, oversized).refusal is Refusal.TOO_LARGE
    malformed = people.asking(
        viewer, request="-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"
    )
    assert people.refused(viewer, malformed).refusal is Refusal.MALFORMED
    assert people.refused(viewer, {**people.asking(viewer).item(), "Seconds": "long"}).refusal is Refusal.MALFORMED
    masters = ClientKey.made(VIEWER, "system:masters").request_pem
    assert people.refused(viewer, people.asking(viewer, request=masters)).refusal is Refusal.WRONG_SUBJECT
    good = people.asking(viewer)
    assert isinstance(people.answer(viewer, good), AccessGranted)
    assert people.refused(viewer, good).refusal is Refusal.REPLAYED
    assert people.refused(viewer, replace(good, number="again")).refusal is Refusal.REPLAYED
    # A signature that does not fit is the API server's to refuse.
    pem = people.asking(viewer).request.splitlines()
    body = list("".join(pem[1:-1]))
    at = len(body) - 12
    body[at] = "A" if body[at] != "A" else "B"
    folded = ["".join(body)[start : start + 64] for start in range(0, len(body), 64)]
    forged = "\n".join([pem[0], *folded, pem[-1], ""])
    assert people.refused(viewer, people.asking(viewer, request=forged)).refusal in (
        Refusal.NOT_SIGNED,
        Refusal.MALFORMED,
    )


def test_six_at_once_are_one_too_many(people: People) -> None:
    table = people.table(people.viewer)
    requests = [people.asking(people.viewer, number=f"many-{number}") for number in range(access.MOST_OPEN + 1)]
    for each in requests:
        assert table.put(each.item(), ABSENT) == Done()

    def answered() -> list[AccessGranted | AccessRefused] | None:
        found = [table.get(each.item_id) for each in requests]
        given = [access.answer(each.value) for each in found if isinstance(each, Known) and each.value is not None]
        whole = [each for each in given if each is not None]
        return whole if len(whole) == len(requests) else None

    found = wait_for(answered, "all answers", ANSWER_SECONDS) or []
    refused = [each.refusal for each in found if isinstance(each, AccessRefused)]
    # A pass may have come between two of them, and then they were not open at the same time.
    assert set(refused) <= {Refusal.TOO_MANY}
    assert len(refused) <= 1


def test_somebody_asks_while_the_leading_agent_is_away(people: People) -> None:
    for name in sorted(people.cluster.look().control_planes):
        people.cluster.shell(name, "systemctl kill --signal=KILL holdfast-agent.service")
    assert people.kubectl(people.viewer, "view").items("nodes")


def test_whoever_is_not_listed_is_told_before_anything_is_asked(people: People) -> None:
    done = people.foreigner.command("kubeconfig", "--stack", STACK, "--group", "admin")
    assert done.returncode == 2
    assert done.stderr.splitlines()[1].startswith(
        f"{FOREIGNER} is in none of ViewerArns, EditorArns, AdministratorArns"
    )


def test_the_page_about_access_is_walked(people: People) -> None:
    """docs/how-to/get-access.md, typed as it stands, by the owner of the account and by somebody in a role."""
    cluster, local = people.cluster, people.cluster.rehearsal.local
    people.folder.joinpath("programs").mkdir()
    program = cluster.kubectl.outside.script("kubectl", [str(cluster.kubectl.program)])
    people.folder.joinpath("programs", "kubectl").symlink_to(program)
    owner = surroundings({**local.environment, "OUT": str(local.templates)}, people.folder / "programs")
    walk = Walk("get-access.md", people.folder, {"my-cluster": STACK})
    iam = local.client("iam")
    iam.create_role(RoleName="platform-admins", AssumeRolePolicyDocument=_TRUST)
    packaged = walk.typed(f"make package BUCKET={BUCKET}", owner)
    assert packaged.returncode == 0, packaged.stderr
    list(walk.section("Once: say who may have which group", owner))
    try:
        role = f"arn:aws:iam::{ACCOUNT}:role/platform-admins"
        session = _assumed(local.client("sts"), role, "alice")
        person = surroundings({**local.environment, **session}, people.folder / "programs")
        said = dict(walk.section("Each day: ask", person))
        assert "assumed-role/platform-admins/alice" in said["kubectl auth whoami"]
        assert said["kubectl get nodes"].count("Ready") == cluster.slots
        list(walk.section("Editors and namespaces", person))
    finally:
        for policy in iam.list_attached_role_policies(RoleName="platform-admins")["AttachedPolicies"]:
            iam.detach_role_policy(RoleName="platform-admins", PolicyArn=policy["PolicyArn"])
    walk.ended()
