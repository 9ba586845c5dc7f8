"""What people may write into the cluster table: requests for access in their own name, judged as AWS judges it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rehearsal.aws.iam import caller
from rehearsal.aws.iam.context import Values
from rehearsal.aws.iam.evaluation import Access, Policies, decide
from rehearsal.aws.iam.policy import Policy
from rehearsal.aws.iam.requests.asked import Need
from rehearsal.aws.resource_facts import Identity
from tests.unit.rehearsal.iam import cluster_policies as cluster
from tests.unit.rehearsal.iam.cluster_policies import ACCESS_TABLE, ACCOUNT, PERSON, VIEWER
from tests.unit.rehearsal.iam.test_cluster_policies import Tagged, may, on_key, row
from tests.unit.rehearsal.iam.test_key_policy import EVERYTHING, SERVICES, USES, allowed

CONTROL_PLANE = f"arn:aws:iam::{ACCOUNT}:role/ControlPlane"
OF_VIEWER = f"access#AIDAVIEWER#{VIEWER}#"
OF_PERSON = f"access#AROAOPS:alice#{PERSON}#"
BY_ANOTHER = f"access#AROAOPS:bob#{PERSON}#"
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem")


def asked(action: str, *keys: str) -> Need:
    """A call on the table in which people ask."""
    values: dict[str, Values] = {"dynamodb:LeadingKeys": keys} if keys else {}
    return Need(f"dynamodb:{action}", ACCESS_TABLE, values)


def person(arn: str, need: Need, *identity: Policy) -> bool:
    """Whether somebody may do it: a user `AIDAVIEWER`, or alice in a session of the role `AROAOPS`."""
    user = ":user/" in arn
    session = cluster.person_session(arn, "viewer" if user else "alice", None if user else "t")
    found = Identity(arn, "AIDAVIEWER" if user else "AROAOPS", arn.rpartition("/")[2], {}, (), None, None)
    who = caller.caller(session, found, cluster.REGION, datetime(2026, 1, 1, tzinfo=UTC))
    table = cluster.of_access_table() if need.resource == ACCESS_TABLE else None
    policies = Policies(identity=identity, resource=table, endpoint=None)
    access = Access(who.principal, need.action, need.resource, caller.context(who, need, Tagged()))
    return decide(access, policies).allowed


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (f"{OF_VIEWER}view#1", True),
        # Of a group that its policy is not for, in another one's name, and what nodes or people write elsewhere.
        (f"{OF_VIEWER}edit#1", False),
        (f"{OF_VIEWER}admin#1", False),
        (f"{OF_PERSON}view#1", False),
        ("access#AIDAVIEWER#", False),
        (f"access#AIDAVIEWER#{PERSON}#view#1", False),
        ("approval#removal", False),
        ("cluster", False),
        ("", False),
    ],
)
def test_a_viewer_asks_to_view_in_his_own_name(key: str, expected: bool) -> None:
    keys = [key] if key else []
    assert person(VIEWER, asked("PutItem", *keys), cluster.of_people("ViewOperatorPolicy")) is expected
    assert person(VIEWER, asked("GetItem", *keys), cluster.of_people("ViewOperatorPolicy")) is expected
    assert not person(VIEWER, asked("DeleteItem", *keys), cluster.of_people("ViewOperatorPolicy"))
    assert not person(VIEWER, asked("UpdateItem", *keys), cluster.of_people("ViewOperatorPolicy"))


@pytest.mark.parametrize("group", ["view", "edit", "admin"])
def test_whoever_may_more_may_ask_for_less(group: str) -> None:
    own = asked("PutItem", f"{OF_PERSON}{group}#1")
    assert person(PERSON, own, cluster.of_people("AdminOperatorPolicy"))
    assert person(PERSON, own, cluster.of_people("EditOperatorPolicy")) is (group != "admin")
    assert not person(PERSON, asked("PutItem", f"{BY_ANOTHER}{group}#1"), cluster.of_people("AdminOperatorPolicy"))
    assert not person(
        PERSON,
        asked("PutItem", f"{OF_PERSON}{group}#1", f"{OF_VIEWER}view#1"),
        cluster.of_people("AdminOperatorPolicy"),
    )


def test_administrators_alone_approve() -> None:
    for action in ("PutItem", "DeleteItem"):
        assert person(PERSON, row(action, "approval#removal"), cluster.of_people("AdminOperatorPolicy"))
        assert not person(PERSON, row(action, "approval#removal"), cluster.of_people("EditOperatorPolicy"))
        assert not person(PERSON, row(action, "operation"), cluster.of_people("AdminOperatorPolicy"))


@pytest.mark.parametrize("action", WRITES)
def test_the_table_denies_requests_in_another_name_to_whoever_may_do_everything(action: str) -> None:
    assert person(PERSON, asked(action, f"{OF_PERSON}admin#1"), EVERYTHING)
    assert not person(PERSON, asked(action, f"{OF_VIEWER}view#1"), EVERYTHING)
    assert not person(PERSON, asked(action, f"{BY_ANOTHER}admin#1"), EVERYTHING)
    assert not person(PERSON, asked(action, f"{OF_PERSON}admin#1", f"{OF_VIEWER}view#1"), EVERYTHING)
    assert person(PERSON, row(action, "approval#removal"), EVERYTHING)


@pytest.mark.parametrize("action", ["PartiQLInsert", "PartiQLUpdate", "PartiQLDelete"])
def test_nobody_writes_by_statements_of_which_nobody_knows_the_keys(action: str) -> None:
    for arn in (PERSON, CONTROL_PLANE):
        assert not person(arn, asked(action, f"{OF_PERSON}admin#1"), EVERYTHING)
        assert not person(arn, asked(action), EVERYTHING)


def test_whoever_is_limited_cannot_exchange_the_table_or_its_policy() -> None:
    for action in ("PutResourcePolicy", "DeleteResourcePolicy", "DeleteTable"):
        assert not person(VIEWER, asked(action), EVERYTHING)
        assert person(PERSON, asked(action), EVERYTHING)
    assert not person(PERSON, asked("PutItem"), EVERYTHING)


def test_control_planes_answer_and_neither_function_nor_workers_ask() -> None:
    for action in ("PutItem", "DeleteItem"):
        assert may("ControlPlane", asked(action, f"{OF_VIEWER}view#1"))
        assert person(CONTROL_PLANE, asked(action, f"{OF_VIEWER}view#1"), EVERYTHING)
    for role in ("Function", "Worker", "Autoscaler"):
        for action in ("PutItem", "UpdateItem"):
            assert not may(role, asked(action, f"{OF_VIEWER}view#1"))


@pytest.mark.parametrize("action", USES)
def test_people_use_the_key_for_the_table_alone(action: str) -> None:
    for arn in (VIEWER, PERSON):
        for service in (*SERVICES, None):
            expected = service == "dynamodb" and action != "ReEncryptFrom"
            assert allowed(arn, on_key(action, service)) is expected, (arn, service)


def test_a_policy_of_people_lets_nobody_read_secrets_or_change_anything_else() -> None:
    for group in ("View", "Edit", "Admin"):
        held: Policy = cluster.of_people(f"{group}OperatorPolicy")
        named = {pattern for statement in held.statements for pattern in statement.actions.patterns}
        service = {each.partition(":")[0] for each in named}
        assert service == {"autoscaling", "cloudformation", "dynamodb", "kms"}
        changing = {each for each in named if not each.split(":")[1].startswith(("Describe", "Get", "List", "Scan"))}
        table = {"dynamodb:PutItem", *(["dynamodb:DeleteItem"] if group == "Admin" else [])}
        assert changing == table | {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"}
