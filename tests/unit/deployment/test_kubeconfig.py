"""`make kubeconfig`: what is typed, whom it asks as, what it writes, and what it says where it cannot."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from coordination.access import AccessGranted, AccessRefused, Refusal, access_request
from coordination.adapters.expressions import plain, stored
from coordination.names import AccessGroup
from deployment import kubeconfig
from deployment.client_key import ClientKey
from deployment.kubeconfig import ANSWER_SECONDS, Wanted
from deployment.refusal import Refusal as DeploymentRefusal
from tests.unit.deployment.fakes import ROOT

ACCOUNT = "123456789012"
USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/people/ops"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/ops/bob@example.com"
OUTPUTS = {"ApiEndpoint": "https://api.0b1c.holdfast.internal:6443", "AccessTableName": "table"}
LISTS = {"ViewerArns": USER, "EditorArns": "", "AdministratorArns": f"{ROLE},arn:aws:iam::{ACCOUNT}:role/other"}
NOW = 1_800_000_000


class Authority:
    """Signs as the cluster's does."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
        self.pem = self._made(self.name, self.key.public_key())

    def sign(self, request_pem: str) -> str:
        request = x509.load_pem_x509_csr(request_pem.encode())
        return self._made(request.subject, request.public_key())

    def _made(self, subject: x509.Name, key: Any) -> str:
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + timedelta(hours=8))
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()


class Cluster:
    """An account with a stack, a caller, and a table that an agent looks at: `answer` gives what it puts there."""

    def __init__(self, caller: str = USER, user_id: str = "AIDAALICE") -> None:
        self.caller, self.user_id = caller, user_id
        self.outputs = OUTPUTS | {"ClusterUuid": ROOT.rsplit("/", 1)[1]}
        self.lists = dict(LISTS)
        self.authority = Authority()
        self.items: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], dict[str, Any] | None] = self.granted
        self.refusal = ""
        self.deletes = False
        self.now = float(NOW)
        self.said: list[str] = []

    def client(self, service: str) -> Any:
        assert service in ("cloudformation", "sts", "dynamodb")
        return self

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if StackName != "prod":
            message = f"Stack with id {StackName} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")
        body = {
            "StackId": ROOT,
            "StackName": "prod",
            "StackStatus": "CREATE_COMPLETE",
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()],
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in self.lists.items()],
        }
        return {"Stacks": [body]}

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": self.caller, "UserId": self.user_id, "Account": ACCOUNT}

    def put_item(self, TableName: str, Item: dict[str, Any], **more: Any) -> None:
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal, "Message": "no"}}, "PutItem")
        assert more["ConditionExpression"] == "attribute_not_exists(#e0)"
        item = plain(Item)
        self.asked.append(item)
        given = self.answer(item)
        self.items[str(item["Id"])] = item if given is None else given

    def get_item(self, TableName: str, Key: dict[str, Any], ConsistentRead: bool) -> dict[str, Any]:
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal, "Message": "no"}}, "GetItem")
        return {} if self.deletes else {"Item": stored(self.items[Key["Id"]["S"]])}

    def granted(self, item: dict[str, Any]) -> dict[str, Any]:
        certificate = self.authority.sign(access_request(item).request)
        return dict(AccessGranted(certificate, self.authority.pem, NOW).item(str(item["Id"])))

    def run(self, file: Path, group: str = "view", server: str = "", stack: str = "prod") -> None:
        account: Any = self
        wanted = Wanted(stack, AccessGroup(group), 3600, file, server)
        kubeconfig.run(account, wanted, self.said.append, lambda: self.now, self._sleep)

    def refused(self, file: Path, **wanted: str) -> str:
        with pytest.raises(DeploymentRefusal) as caught:
            self.run(file, **wanted)
        assert not file.exists()
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "it's mine.kubeconfig"


def test_a_user_gets_a_file_for_himself_alone_and_is_told_what_to_type(file: Path) -> None:
    cluster = Cluster()
    cluster.run(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    found = json.loads(file.read_text())
    user = found["users"][0]["user"]
    key = serialization.load_pem_private_key(base64.b64decode(user["client-key-data"]), None)
    certificate = x509.load_pem_x509_certificate(base64.b64decode(user["client-certificate-data"]))
    assert key.public_key() == certificate.public_key()
    where = found["clusters"][0]["cluster"]
    assert where["server"] == OUTPUTS["ApiEndpoint"]
    assert "tls-server-name" not in where
    assert base64.b64decode(where["certificate-authority-data"]).decode() == cluster.authority.pem
    (asked,) = cluster.asked
    assert str(asked["Id"]).startswith(f"access#AIDAALICE#{USER}#view#")
    assert (asked["Seconds"], asked["RequestedAt"]) == (3600, NOW)
    exported = shlex.split(cluster.said[-2])
    assert exported == ["export", f"KUBECONFIG={file}"]
    assert "PRIVATE" not in "".join([*cluster.said, json.dumps(asked)])


def test_a_session_asks_with_the_arn_of_its_role_as_the_stack_lists_it(file: Path) -> None:
    cluster = Cluster(SESSION, "AROAOPS:bob@example.com")
    cluster.run(file, "edit")
    request = access_request(cluster.asked[0])
    assert request.requester.principal_arn == ROLE
    assert request.requester.name == SESSION
    assert f"{SESSION} asks the cluster prod for a certificate of holdfast:edit" in cluster.said[0]


def test_a_server_of_ones_own_is_asked_by_the_name_in_its_certificate(file: Path) -> None:
    Cluster().run(file, server="https://localhost:16443")
    where = json.loads(file.read_text())["clusters"][0]["cluster"]
    assert where["server"] == "https://localhost:16443"
    assert where["tls-server-name"] == "api.0b1c.holdfast.internal"


@pytest.mark.parametrize(
    ("caller", "said"),
    [
        (f"arn:aws:iam::{ACCOUNT}:user/bob", "adds it to ViewerArns"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/dev/x", "adds its role to ViewerArns"),
        # Another account's role of the same name, and a user with the role's name.
        ("arn:aws:sts::210987654321:assumed-role/ops/x", "in none of ViewerArns, EditorArns, AdministratorArns"),
        (f"arn:aws:iam::{ACCOUNT}:user/people/ops", "in none of"),
        (f"arn:aws:iam::{ACCOUNT}:root", "in none of"),
        # A role that has the name of a user who is listed.
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/alice/x", "in none of"),
    ],
)
def test_whoever_is_not_listed_is_told_so_and_asks_nothing(file: Path, caller: str, said: str) -> None:
    cluster = Cluster(caller)
    assert said in cluster.refused(file)
    assert cluster.asked == []


@pytest.mark.parametrize(
    ("caller", "added", "path"),
    [
        (f"arn:aws:iam::{ACCOUNT}:user/people/bob", f"arn:aws:iam::{ACCOUNT}:user/people/bob", False),
        (f"arn:aws-cn:sts::{ACCOUNT}:assumed-role/dev/x", f"arn:aws-cn:iam::{ACCOUNT}:role/dev", True),
    ],
)
def test_whoever_is_not_listed_is_told_the_whole_command_that_keeps_the_others(
    file: Path, caller: str, added: str, path: bool
) -> None:
    said = Cluster(caller).refused(file, group=AccessGroup.ADMIN)
    command = said[said.index("make deploy ") :]
    assert f"SET=AdministratorArns={LISTS['AdministratorArns']},{added}" in shlex.split(command)
    assert "SECURITY=1" in shlex.split(command)
    assert ("its role's path" in said) == path
    assert "make deploy" not in Cluster(f"arn:aws:iam::{ACCOUNT}:root").refused(file)


def test_what_is_no_cluster_is_named(file: Path) -> None:
    cluster = Cluster()
    assert cluster.refused(file, stack="other") == "there is no stack other"
    cluster.outputs = {"Url": "https://payroll"}
    assert "prod is no cluster of this project" in cluster.refused(file)
    cluster.outputs = {}
    assert "prod is CREATE_COMPLETE and has no output ApiEndpoint" in cluster.refused(file)
    cluster.outputs = OUTPUTS | {"ClusterUuid": ROOT.rsplit("/", 1)[1]}
    del cluster.outputs["AccessTableName"]
    assert cluster.refused(file) == (
        "prod is CREATE_COMPLETE and has no output AccessTableName: it is no cluster, or not made yet"
    )


def test_a_refusal_of_iam_names_the_policy_that_is_missing(file: Path) -> None:
    cluster = Cluster()
    cluster.refusal = "AccessDeniedException"
    assert "the stack's output ViewOperatorPolicyArn allows it" in cluster.refused(file)


def test_a_refusal_of_the_agent_is_told_with_its_kind(file: Path) -> None:
    cluster = Cluster()
    cluster.answer = lambda item: dict(AccessRefused(Refusal.EXPIRED, "long ago", NOW).item(str(item["Id"])))
    assert cluster.refused(file) == "the cluster refuses: expired: long ago"


def test_an_answer_that_does_not_come_is_waited_for_for_so_long_and_no_longer(file: Path) -> None:
    cluster = Cluster()
    cluster.answer = lambda _: None
    assert cluster.refused(file).startswith(f"no answer within {ANSWER_SECONDS} s (no agent has answered); to see ")
    assert ANSWER_SECONDS <= cluster.now - NOW < ANSWER_SECONDS + 5


def test_a_certificate_of_another_key_name_or_authority_is_not_written(file: Path) -> None:
    for key in (ClientKey.made(USER, "holdfast:view"), None):
        cluster = Cluster()

        def another(item: dict[str, Any], key: ClientKey | None = key, cluster: Cluster = cluster) -> dict[str, Any]:
            request = key.request_pem if key else access_request(item).request
            authority = cluster.authority.pem if key else Authority().pem
            return dict(AccessGranted(cluster.authority.sign(request), authority, NOW).item(str(item["Id"])))

        cluster.answer = another
        said = cluster.refused(file)
        assert ("of another key" if key else "its authority has not signed") in said
    cluster = Cluster()
    cluster.answer = lambda item: dict(AccessGranted("no certificate", "none", NOW).item(str(item["Id"])))
    assert "is no certificate" in cluster.refused(file)
    cluster.answer = lambda item: {"Id": item["Id"], "AnsweredAt": "now"}
    assert "cannot be understood" in cluster.refused(file)


@pytest.mark.parametrize("content", ["all my other clusters", '{"users": [], "clusters": []}', "[]"])
def test_a_file_of_somebody_else_is_left_alone_and_one_of_ours_is_written_anew(file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_text(content)
    with pytest.raises(DeploymentRefusal, match="was not written by this command"):
        kubeconfig.wanted("prod", "view", "8", file, "")
    assert file.read_text() == content
    file.unlink()
    Cluster().run(file)
    assert kubeconfig.wanted("prod", "view", "8", file, "").file == file


def test_a_request_that_was_deleted_is_not_waited_for(file: Path) -> None:
    cluster = Cluster()
    cluster.deletes = True
    assert "deleted without an answer" in cluster.refused(file)
    assert cluster.now - NOW < 5


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    blocked = tmp_path / "folder"
    blocked.mkdir()
    with pytest.raises(DeploymentRefusal, match=r"folder: "):
        Cluster().run(blocked)
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(
    ("group", "hours", "server", "said"),
    [
        ("root", "8", "", "GROUP is 'root', allowed: view, edit, admin"),
        ("view", "0", "", "HOURS is '0', allowed: 1 to 24"),
        ("view", "25", "", "HOURS is '25', allowed: 1 to 24"),
        ("view", "1.5", "", "HOURS is '1.5', allowed: 1 to 24"),
        ("view", "8", "http://x", "SERVER is 'http://x', allowed: https://"),
        ("view", "8", "https://[::1", "SERVER is"),
        ("view", "8", "https://x/y", "SERVER is 'https://x/y', allowed: https://"),
    ],
)
def test_what_is_typed_wrong_is_named(group: str, hours: str, server: str, said: str) -> None:
    with pytest.raises(DeploymentRefusal) as caught:
        kubeconfig.wanted("prod", group, hours, None, server)
    assert str(caught.value).startswith(said)


def test_without_a_file_it_is_named_after_the_stack() -> None:
    assert kubeconfig.wanted("prod", "view", "8", None, "").file == Path("build/prod.kubeconfig")
