"""Who uses the cluster's key: its roles and named operators, and no administrator of the account."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rehearsal.aws.iam import caller, policy
from rehearsal.aws.iam.context import Context, Values
from rehearsal.aws.iam.evaluation import Access, Policies, ServicePrincipal, decide
from rehearsal.aws.iam.requests.asked import Need
from rehearsal.aws.resource_facts import Identity
from tests.unit.rehearsal.iam import cluster_policies as cluster
from tests.unit.rehearsal.iam.cluster_policies import ACCOUNT, KEY, OPERATOR
from tests.unit.rehearsal.iam.test_cluster_policies import Tagged, may, on_key

ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:role/administrator"
EVERYTHING = policy.parse(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}, "AdministratorAccess"
)
SERVICES = ("ssm", "s3", "dynamodb", "ec2", "lambda", "sqs")
USES = ("Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptFrom")
FOR_AWS = {"kms:GrantIsForAWSResource": "true"}


def allowed(arn: str, need: Need, *called_via: str) -> bool:
    """Whether somebody with AdministratorAccess may do it, himself or by what a service does for him."""
    session = cluster.person_session(arn, "me", called_via=called_via)
    identity = Identity(arn, "AROA", arn.rpartition("/")[2], {}, (), None, None)
    who = caller.caller(session, identity, cluster.REGION, datetime(2026, 1, 1, tzinfo=UTC))
    policies = Policies(identity=(EVERYTHING,), resource=cluster.of_key(), endpoint=None, resource_decides=True)
    access = Access(who.principal, need.action, need.resource, caller.context(who, need, Tagged()))
    return decide(access, policies).allowed


@pytest.mark.parametrize("action", USES)
@pytest.mark.parametrize("service", [*SERVICES, None])
def test_an_administrator_of_the_account_decrypts_and_writes_nothing(action: str, service: str | None) -> None:
    assert not allowed(ADMINISTRATOR, on_key(action, service))


@pytest.mark.parametrize("service", ["ec2", "dynamodb", "lambda", None])
def test_an_administrator_grants_nothing(service: str | None) -> None:
    assert not allowed(ADMINISTRATOR, Need("kms:CreateGrant", KEY, {**FOR_AWS}, via=service))


def test_an_administrator_may_change_the_policy_which_everybody_sees() -> None:
    assert allowed(ADMINISTRATOR, Need("kms:PutKeyPolicy", KEY))
    assert allowed(ADMINISTRATOR, Need("kms:ScheduleKeyDeletion", KEY))


@pytest.mark.parametrize("by", [("cloudformation",), ("servicecatalog", "cloudformation")], ids="-".join)
@pytest.mark.parametrize("service", ["dynamodb", "lambda"])
def test_whoever_deploys_creates_what_uses_the_key_and_reads_no_secret_by_it(service: str, by: tuple[str, ...]) -> None:
    chain = [f"{each}.amazonaws.com" for each in by]
    assert allowed(ADMINISTRATOR, Need("kms:CreateGrant", KEY, {**FOR_AWS}, via=service), *chain)
    for action in ("DescribeKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptTo", *USES):
        assert allowed(ADMINISTRATOR, on_key(action, service), *chain)
    # By SSM there are the keys of the cluster's authorities, and by S3 the backups.
    for each in {*SERVICES} - {"dynamodb", "lambda"}:
        assert not allowed(ADMINISTRATOR, on_key("Decrypt", each), *chain)
    assert not allowed(
        ADMINISTRATOR, Need("kms:CreateGrant", KEY, {"kms:GrantIsForAWSResource": "false"}, via=service), *chain
    )
    assert not allowed(
        ADMINISTRATOR, Need("kms:CreateGrant", KEY, {**FOR_AWS}, via=service), "servicecatalog.amazonaws.com"
    )


def test_an_operator_uses_it_through_services() -> None:
    for service in ("dynamodb", "s3", "ssm"):
        assert allowed(OPERATOR, on_key("Decrypt", service))
    assert not allowed(OPERATOR, on_key("Decrypt", "ec2"))
    assert not allowed(OPERATOR, on_key("Decrypt", None))


def test_the_clusters_roles_use_it_still() -> None:
    assert may("ControlPlane", on_key("Decrypt", "ssm"))
    assert may("Worker", on_key("Decrypt", "dynamodb"))
    assert may("Function", on_key("GenerateDataKey", "sqs"))


LOG_GROUPS = "arn:aws:logs:us-east-1:123456789012:log-group:"


def service_may(service: str, action: str, values: dict[str, Values]) -> bool:
    """Whether a service of AWS may use the key by itself."""
    access = Access(ServicePrincipal(service), f"kms:{action}", KEY, Context(values))
    return decide(access, Policies(resource=cluster.of_key(), resource_decides=True)).allowed


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("holdfast-Services-1AB2CD3EF4GH-WorkerLogGroup-5IJ6KL7MN8OP", True),
        ("holdfast-Services-1AB2CD3EF4GH-AuditLogGroup-5IJ6KL7MN8OP", True),
        ("holdfast-Lifecycle-1AB2CD3EF4GH-FunctionLogGroup-5IJ6KL7MN8OP", True),
        ("holdfast-Network-1AB2CD3EF4GH-FlowLogGroup-5IJ6KL7MN8OP", True),
        ("holdfast-2-Services-1AB2CD3EF4GH-WorkerLogGroup-5IJ6KL7MN8OP", False),
        ("other-Services-1AB2CD3EF4GH-WorkerLogGroup-5IJ6KL7MN8OP", False),
        ("/aws/lambda/anything", False),
    ],
)
@pytest.mark.parametrize("action", ["Encrypt", "Decrypt", "GenerateDataKey"])
def test_cloudwatch_logs_uses_it_for_this_stacks_log_groups_alone(action: str, group: str, expected: bool) -> None:
    context: dict[str, Values] = {"kms:EncryptionContext:aws:logs:arn": f"{LOG_GROUPS}{group}"}
    assert service_may("logs.us-east-1.amazonaws.com", action, context) is expected


def test_cloudwatch_logs_uses_it_for_nothing_that_is_no_log_group() -> None:
    assert not service_may("logs.us-east-1.amazonaws.com", "Decrypt", {})


def test_eventbridge_uses_it_without_telling_a_source_and_for_no_more_than_to_send() -> None:
    assert service_may("events.amazonaws.com", "GenerateDataKey", {})
    assert not service_may("events.amazonaws.com", "Encrypt", {})
