"""Shells by Session Manager, judged as AWS judges them: what nodes and people may do with `access.ssm`, and without it.

A session's start is asked for on the node and on the document, each with ssm:SessionDocumentAccessCheck; where a
request names no document AWS asks on the node without that check first (Systems Manager guide, "Start a session with a
document by specifying the session documents in IAM policies").
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rehearsal.aws.iam import caller, requests
from rehearsal.aws.iam.evaluation import Access, Policies, decide
from rehearsal.aws.iam.policy import Policy
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled, encryption_context
from rehearsal.aws.resource_facts import Identity
from tests.unit.rehearsal.iam import cluster_policies as cluster
from tests.unit.rehearsal.iam.cluster_policies import ACCOUNT, DOCUMENT, KEY, OPERATOR, SESSION_LOGS, START
from tests.unit.rehearsal.iam.test_cluster_policies import INSTANCE, OTHER, Tagged, may
from tests.unit.rehearsal.iam.test_creation_needs import Known
from tests.unit.rehearsal.iam.test_key_policy import EVERYTHING

WITH, WITHOUT = cluster.WITH_SESSIONS, cluster.TEMPLATES
NODES = ("ControlPlane", "Worker")
CHANNELS = [f"ssmmessages:{verb}{what}Channel" for verb in ("Create", "Open") for what in ("Control", "Data")]
CONTEXT = {"aws:ssm:SessionId": "alice-0a1b", "aws:ssm:TargetId": "i-0000000000000001"}
USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
# `aws:userid` of a user, and of a role's session; the role alone is one of KeyOperatorArns.
IDS = {USER: "AIDA1", OPERATOR: "AROA1:alice"}
OWNER_TAG = "ssm:resourceTag/aws:ssmmessages:session-id"
SESSION = f"arn:aws:ssm:{START}:session/alice-0a1b"


def on_key(action: str, context: dict[str, str]) -> Need:
    return Need(f"kms:{action}", KEY, encryption_context(context))


OF_NODES = [
    *(Need(action) for action in (*CHANNELS, "ssm:UpdateInstanceInformation", "logs:DescribeLogGroups")),
    *(
        Need(f"logs:{action}", f"{SESSION_LOGS}:log-stream:alice-0a1b")
        for action in ("CreateLogStream", "PutLogEvents", "DescribeLogStreams")
    ),
    on_key("Decrypt", CONTEXT),
]
NOT_OF_NODES = [
    # Of AmazonSSMManagedInstanceCore what is for other parts of Systems Manager.
    *(Need(f"ssm:{each}") for each in ("PutInventory", "PutComplianceItems", "ListAssociations")),
    Need("ssm:GetDocument", f"arn:aws:ssm:{START}:document/{DOCUMENT}"),
    Need("ssm:StartSession", INSTANCE),
    Need("ssm:TerminateSession", SESSION),
    Need("ssm:SendCommand", INSTANCE),
    # The log is written, and neither read nor taken away.
    *(
        Need(f"logs:{each}", f"{SESSION_LOGS}:log-stream:alice-0a1b")
        for each in ("GetLogEvents", "FilterLogEvents", "DeleteLogStream", "DeleteLogGroup", "PutRetentionPolicy")
    ),
    # The key, without a service between, for data keys of sessions and nothing else.
    on_key("Decrypt", {}),
    on_key("Decrypt", {"PARAMETER_ARN": f"arn:aws:ssm:{START}:parameter/holdfast/x"}),
    on_key("Decrypt", {**CONTEXT, "PARAMETER_ARN": "x"}),
    on_key("Decrypt", {"aws:ssm:SessionId": "alice-0a1b"}),
    on_key("Decrypt", {**CONTEXT, "aws:ssm:TargetId": "mi-1"}),
    *(on_key(action, CONTEXT) for action in ("GenerateDataKey", "Encrypt", "ReEncryptFrom")),
]


@pytest.mark.parametrize("role", NODES)
@pytest.mark.parametrize("need", OF_NODES, ids=lambda need: need.action)
def test_a_node_serves_sessions_and_logs_them_with_the_setting_only(role: str, need: Need) -> None:
    assert may(role, need, folder=WITH)
    assert not may(role, need, folder=WITHOUT)


@pytest.mark.parametrize("role", NODES)
@pytest.mark.parametrize("need", NOT_OF_NODES, ids=lambda need: need.action)
def test_a_node_may_nothing_more(role: str, need: Need) -> None:
    assert not may(role, need, folder=WITH)


@pytest.mark.parametrize("role", ["Function", "Autoscaler"])
def test_nobody_else_serves_sessions(role: str) -> None:
    assert not any(may(role, need, folder=WITH) for need in OF_NODES)


@pytest.mark.parametrize("role", NODES)
@pytest.mark.parametrize("need", OF_NODES, ids=lambda need: need.action)
def test_what_serves_sessions_is_of_use_on_the_node_in_the_clusters_vpc_alone(role: str, need: Need) -> None:
    assert not may(role, need, vpc="vpc-0000000000000002", folder=WITH)
    assert not may(role, need, came_from="vpc-0000000000000002", folder=WITH)
    assert not may(role, need, address="10.0.0.6", folder=WITH)
    service = need.action.partition(":")[0]
    assert may(role, need, endpoint=service, folder=WITH)


def test_the_endpoint_of_the_key_lets_nothing_but_decryption_pass() -> None:
    (endpoint,) = [cluster.of_endpoint("kms", WITH)]
    assert [statement.actions.patterns for statement in endpoint.statements] == [("kms:Decrypt",)]
    with pytest.raises(LookupError):
        cluster.of_endpoint("kms", WITHOUT)


# people


def person_may(need: Need, arn: str = OPERATOR, folder: Path = WITH, holds: Policy | None = None) -> bool:
    """Whether somebody may who has SessionPolicy, or `holds` in its place, and no other."""
    session = cluster.person_session(arn, "alice")
    identity = Identity(arn, IDS[arn].partition(":")[0], "alice", {}, (), None, None)
    who = caller.caller(session, identity, cluster.REGION, datetime(2026, 1, 1, tzinfo=UTC))
    is_key = need.action.startswith("kms:")
    policies = Policies(
        identity=(holds or cluster.of_people("SessionPolicy", folder),),
        resource=cluster.of_key(folder) if is_key else None,
        resource_decides=is_key,
    )
    access = Access(who.principal, need.action, need.resource, caller.context(who, need, Tagged()))
    return decide(access, policies).allowed


def request(operation: str, **parameters: str) -> list[Need]:
    """What a request to Systems Manager needs."""
    return requests.needs(Asked("ssm", operation, parameters, cluster.REGION, ACCOUNT, "aws"), Known())


def may_start(arn: str, instance: str, document: str) -> bool:
    """Whether a session may begin: each of the permissions that it needs is there."""
    needed = request("StartSession", Target=instance.rpartition("/")[2], DocumentName=document)
    assert {need.resource for need in needed} == {instance, f"arn:aws:ssm:{START}:document/{document}"}
    return all(person_may(need, arn) for need in needed)


@pytest.mark.parametrize("arn", IDS)
def test_a_person_starts_a_session_on_the_clusters_nodes_with_its_document_and_no_other(arn: str) -> None:
    assert may_start(arn, INSTANCE, DOCUMENT)
    assert not may_start(arn, OTHER, DOCUMENT)
    for document in ("SSM-SessionManagerRunShell", "AWS-StartPortForwardingSession", f"{DOCUMENT}-2"):
        assert not may_start(arn, INSTANCE, document)


def test_a_request_without_a_documents_name_does_not_slip_past_the_document() -> None:
    assert not person_may(Need("ssm:StartSession", INSTANCE, {"ssm:SessionDocumentAccessCheck": "false"}))
    with pytest.raises(NotModelled):
        request("StartSession", Target="i-0000000000000001")


@pytest.mark.parametrize("operation", ["TerminateSession", "ResumeSession"])
@pytest.mark.parametrize("arn", IDS)
def test_a_person_ends_and_resumes_sessions_of_his_own_only(arn: str, operation: str) -> None:
    (stranger,) = IDS.keys() - {arn}
    for owner, wanted in ((IDS[arn], True), (IDS[stranger], False), (f"{IDS[arn]}x", False)):
        assert person_may(Need(f"ssm:{operation}", SESSION, {OWNER_TAG: owner}), arn) is wanted
    assert not person_may(Need(f"ssm:{operation}", SESSION), arn)
    # There are no sessions here, so nobody is told that he may.
    with pytest.raises(NotModelled):
        request(operation, SessionId="alice-0a1b")


@pytest.mark.parametrize(
    "need",
    [
        Need("ssm:SendCommand", INSTANCE),
        Need("ssm:SendCommand", f"arn:aws:ssm:{START}:document/{DOCUMENT}"),
        Need("ssm:UpdateDocument", f"arn:aws:ssm:{START}:document/{DOCUMENT}"),
        Need("ssm:DeleteDocument", f"arn:aws:ssm:{START}:document/{DOCUMENT}"),
        Need("ssm:GetParameter", f"arn:aws:ssm:{START}:parameter/holdfast/{cluster.UUID}/1/etcd-ca-key"),
        Need("ssmmessages:OpenControlChannel"),
        Need("ec2:TerminateInstances", INSTANCE),
        Need("logs:DeleteLogStream", f"{SESSION_LOGS}:log-stream:alice-0a1b"),
        on_key("GenerateDataKey", {}),
        on_key("GenerateDataKey", {**CONTEXT, "PARAMETER_ARN": "x"}),
        on_key("Decrypt", CONTEXT),
    ],
    ids=lambda need: need.action,
)
def test_a_person_may_nothing_more_by_the_policy(need: Need) -> None:
    assert not person_may(need)


def test_a_data_key_is_made_for_a_session_by_those_whom_the_key_names_only() -> None:
    assert person_may(on_key("GenerateDataKey", CONTEXT), OPERATOR)
    assert not person_may(on_key("GenerateDataKey", CONTEXT), USER)
    # Nor by an administrator, who may do anything by his own policies; and without the setting by nobody.
    assert not person_may(on_key("GenerateDataKey", CONTEXT), USER, holds=EVERYTHING)
    assert not person_may(on_key("GenerateDataKey", CONTEXT), OPERATOR, WITHOUT, EVERYTHING)
    assert not person_may(on_key("Decrypt", CONTEXT), OPERATOR, holds=EVERYTHING)


def test_without_the_setting_there_is_no_policy_for_people() -> None:
    with pytest.raises(LookupError):
        cluster.of_people("SessionPolicy", WITHOUT)
