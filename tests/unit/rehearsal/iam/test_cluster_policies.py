"""What the roles of the committed templates may do, judged as AWS judges it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rehearsal.aws.iam import caller, policy
from rehearsal.aws.iam.context import Context, Values
from rehearsal.aws.iam.evaluation import Access, Policies, RolePrincipal, decide
from rehearsal.aws.iam.requests.asked import Need
from rehearsal.aws.resource_facts import Identity
from rehearsal.aws.sessions import Session
from tests.unit.rehearsal.iam import cluster_policies as cluster
from tests.unit.rehearsal.iam.cluster_policies import ACCOUNT, BUCKET, KEY, START, TABLE, UUID, VPC

INSTANCE = f"arn:aws:ec2:{START}:instance/i-0000000000000001"
OTHER = f"arn:aws:ec2:{START}:instance/i-0000000000000002"
GROUP = f"arn:aws:autoscaling:{START}:autoScalingGroup:x:autoScalingGroupName/"
OWN, FOREIGN = {"holdfast:cluster": UUID}, {"holdfast:cluster": "another"}
TAGS: dict[str, dict[str, str]] = {
    f"{GROUP}slot": {**OWN, "holdfast:role": "control-plane"},
    f"{GROUP}workers": {**OWN, "holdfast:role": "worker", "k8s.io/cluster-autoscaler/enabled": "true"},
    f"{GROUP}foreign": {**FOREIGN, "holdfast:role": "worker", "k8s.io/cluster-autoscaler/enabled": "true"},
    INSTANCE: OWN,
    OTHER: FOREIGN,
}
PARAMETERS = f"arn:aws:ssm:{START}:parameter/holdfast/{UUID}"

REPOSITORY = f"arn:aws:ecr:{START}:repository"
POOL_STACK = f"{cluster.STACK}/holdfast-WorkersGeneral-1AB2CD3EF4GH/1"
WRITES = ("PutItem", "UpdateItem", "DeleteItem")
APPROVALS = ("approval#restore", "approval#removal")


class Tagged:
    """The tags of the table above."""

    def tags(self, arn: str) -> Mapping[str, str] | None:
        return TAGS.get(arn, {})


def row(action: str, *keys: str) -> Need:
    values: dict[str, Values] = {"dynamodb:LeadingKeys": keys} if keys else {}
    return Need(f"dynamodb:{action}", TABLE, values)


def on_key(action: str, via: str | None) -> Need:
    return Need(f"kms:{action}", KEY, via=via)


ADDRESS = "10.0.0.5"


def may(
    role: str,
    need: Need,
    *,
    vpc: str | None = VPC,
    came_from: str | None = VPC,
    endpoint: str = "",
    address: str | None = ADDRESS,
    folder: Path = cluster.TEMPLATES,
    by_token: bool = False,
) -> bool:
    """Whether a role may do it: a node's from an instance in `vpc` through an endpoint of `came_from`, which says that
    the call came from `address`. `folder` has the templates. A call with a token tells its role, and no instance."""
    node = role != "Function"
    session = Session(
        identity_arn=f"arn:aws:iam::{ACCOUNT}:role/{role}",
        name="i-0000000000000001" if node else "reconcile",
        access_key_id="k",
        secret_access_key="s",
        session_token="t",
        issued_at=datetime.min.replace(tzinfo=UTC),
        expires_at=datetime.max.replace(tzinfo=UTC),
        instance_arn=INSTANCE if node else None,
        vpc_id=vpc if node else None,
        private_ip=ADDRESS if node else None,
    )
    identity = Identity(session.identity_arn, "AROA", role, {}, (), None, None)
    who = caller.caller(session, identity, cluster.REGION, datetime(2026, 1, 1, tzinfo=UTC))
    network: dict[str, Values] = {"aws:SourceVpc": came_from} if came_from and node else {}
    if address is not None and node:
        network["aws:VpcSourceIp"] = address
    of_instance = {} if by_token else who.network
    who = caller.Caller(who.principal, who.region, who.values, {**of_instance, **network})
    is_key, assumes = need.action.startswith("kms:"), need.action == "sts:AssumeRole"
    trust = cluster.of_trust(need.resource.rpartition("/")[2], folder) if assumes else None
    policies = Policies(
        identity=cluster.of_role(role, folder),
        resource=cluster.of_key(folder) if is_key else trust,
        endpoint=cluster.of_endpoint(endpoint, folder) if endpoint else None,
        resource_decides=is_key or assumes,
    )
    access = Access(who.principal, need.action, need.resource, caller.context(who, need, Tagged()))
    return decide(access, policies).allowed


WRITES = ("PutItem", "UpdateItem", "DeleteItem")
WORKER = [
    (row("PutItem", f"boot#{INSTANCE}"), False),
    (row("UpdateItem", f"boot#{INSTANCE}"), True),
    (row("UpdateItem", f"boot#{OTHER}"), False),
    (row("UpdateItem", f"boot#{INSTANCE}", f"boot#{OTHER}"), False),
    (row("UpdateItem"), False),
    *((row("UpdateItem", key), False) for key in ("member#0", "lease", *APPROVALS, "cluster", "boot#")),
    # What slots' failures and releases are judged by.
    *((row("UpdateItem", key), False) for key in ("boot-failures#0", "release-grant#i-1", "operation", "condition#x")),
    # How far the drain of a worker is, its own or another's.
    *((row(action, f"drain#i-{number:016}"), False) for action in WRITES for number in (1, 2)),
    (row("GetItem", "drain#i-0000000000000001"), False),
    (row("GetItem", "cluster"), True),
    # After a write of which no answer came a worker reads what is stored.
    (row("GetItem", f"boot#{INSTANCE}"), True),
    *((row("GetItem", key), False) for key in ("member#0", "lease", *APPROVALS, f"boot#{OTHER}")),
    (row("GetItem", f"boot#{INSTANCE}", f"boot#{OTHER}"), False),
    (row("DeleteItem", f"boot#{INSTANCE}"), False),
    (row("Scan"), False),
    (row("Query", "cluster"), False),
    (Need("ssm:GetParameter", f"{PARAMETERS}/settings/cluster"), True),
    (Need("ssm:GetParametersByPath", f"{PARAMETERS}/join"), True),
    (Need("ssm:GetParameter", f"{PARAMETERS}/join/ca"), True),
    (Need("ssm:GetParameter", f"{PARAMETERS}/pki/ca-key"), False),
    (Need("ssm:GetParametersByPath", PARAMETERS), False),
    (Need("ssm:GetParametersByPath", f"{PARAMETERS}/"), False),
    (Need("ssm:GetParameter", f"arn:aws:ssm:{START}:parameter/holdfast/another/settings/cluster"), False),
    (Need("ssm:PutParameter", f"{PARAMETERS}/join/ca"), False),
    (on_key("Decrypt", "ssm"), True),
    (on_key("Decrypt", "dynamodb"), True),
    (on_key("Decrypt", "s3"), False),
    (on_key("Decrypt", None), False),
    (on_key("Encrypt", "ssm"), False),
    (Need("s3:GetObject", f"{BUCKET}/snapshot"), False),
    (Need("autoscaling:SetInstanceHealth", f"{GROUP}workers"), False),
    (Need("autoscaling:SetInstanceHealth", f"{GROUP}slot"), False),
    (Need("autoscaling:SetInstanceHealth", f"{GROUP}foreign"), False),
    (Need("logs:PutLogEvents", f"{cluster.WORKER_LOGS}:log-stream:i"), True),
    (Need("logs:PutLogEvents", f"{cluster.CONTROL_PLANE_LOGS}:log-stream:i"), False),
    (Need("logs:PutLogEvents", f"{cluster.AUDIT_LOGS}:log-stream:control-plane/i-1/audit"), False),
    (Need("logs:CreateLogStream", f"{cluster.AUDIT_LOGS}:log-stream:control-plane/i-1/audit"), False),
    (Need("logs:PutLogEvents", f"arn:aws:logs:{START}:log-group:other:log-stream:i"), False),
    *(
        (Need("cloudformation:SignalResource", stack), False)
        for stack in (POOL_STACK, cluster.stack_id("controlplane"))
    ),
    (Need("ecr:GetAuthorizationToken"), True),
    (Need("ecr:BatchGetImage", f"{REPOSITORY}/holdfast/web"), True),
    (Need("ecr:BatchGetImage", f"{REPOSITORY}/payments"), False),
    (Need("ecr:GetDownloadUrlForLayer", f"{REPOSITORY}/holdfast-2/web"), False),
    (Need("sts:AssumeRole", cluster.AUTOSCALER_ROLE), False),
]
CONTROL_PLANE = [
    (row("PutItem", "member#0"), True),
    # Rows of instances that are long gone.
    *((row(action, key), True) for action in ("UpdateItem", "DeleteItem") for key in (f"boot#{OTHER}", "member#0")),
    *((row(action, "drain#i-0000000000000001"), True) for action in ("GetItem", "UpdateItem")),
    # A person's word.
    *((row(action, key), False) for action in WRITES for key in APPROVALS),
    *((row("GetItem", key), True) for key in APPROVALS),
    (row("PutItem"), False),
    (row("Scan"), True),
    (Need("ssm:GetParameter", f"{PARAMETERS}/pki/ca-key"), True),
    (Need("ssm:PutParameter", f"{PARAMETERS}/pki/ca-key"), True),
    (Need("ssm:PutParameter", f"arn:aws:ssm:{START}:parameter/holdfast/another/pki"), False),
    (Need("s3:PutObject", f"{BUCKET}/snapshot"), True),
    (Need("s3:ListBucket", BUCKET), True),
    (Need("s3:DeleteObject", f"{BUCKET}/snapshot"), False),
    *((on_key(action, service), True) for action in ("Decrypt", "GenerateDataKey") for service in ("s3", "ssm")),
    (on_key("Decrypt", "sqs"), False),
    (on_key("Decrypt", None), False),
    (Need("autoscaling:CompleteLifecycleAction", f"{GROUP}slot"), True),
    *((Need("autoscaling:SetDesiredCapacity", f"{GROUP}{name}"), False) for name in ("workers", "slot", "foreign")),
    (Need("sts:AssumeRole", cluster.AUTOSCALER_ROLE), True),
    *((Need("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/{role}"), False) for role in ("Worker", "Function")),
    (Need("ec2:DescribeInstances"), True),
    (Need("ec2:TerminateInstances", INSTANCE), False),
    *((Need("cloudformation:SignalResource", stack), True) for stack in (POOL_STACK, cluster.stack_id("controlplane"))),
    (Need("cloudformation:SignalResource", POOL_STACK.replace("holdfast-", "holdfast-2-")), False),
    (Need("cloudformation:SignalResource", f"{cluster.STACK}/holdfast-Iam-1AB2CD3EF4GH/1"), False),
]
FUNCTION = [
    (Need("autoscaling:SetDesiredCapacity", f"{GROUP}slot"), True),
    (Need("autoscaling:SetDesiredCapacity", f"{GROUP}workers"), False),
    (Need("autoscaling:SetDesiredCapacity", f"{GROUP}foreign"), False),
    (Need("autoscaling:UpdateAutoScalingGroup", f"{GROUP}slot"), False),
    (row("UpdateItem", "lease"), True),
    *((row(action, "drain#i-0000000000000001"), True) for action in ("UpdateItem", "DeleteItem")),
    *((row(action, "operation"), True) for action in WRITES),
    *((row(action, key), action == "DeleteItem") for action in WRITES for key in APPROVALS),
    *((row("GetItem", key), True) for key in APPROVALS),
    (Need("dynamodb:GetRecords", cluster.STREAM), True),
    (Need("sqs:SendMessage", f"arn:aws:sqs:{START}:failures"), True),
    (on_key("GenerateDataKey", "sqs"), True),
    (on_key("Decrypt", "ssm"), False),
    (Need("ec2:ModifyInstanceAttribute", INSTANCE), False),
    (Need("elasticloadbalancing:RegisterTargets", cluster.API_TARGETS), True),
    (Need("elasticloadbalancing:RegisterTargets", f"{cluster.API_TARGETS}2"), False),
    (Need("autoscaling:TerminateInstanceInAutoScalingGroup", f"{GROUP}slot"), True),
    (Need("autoscaling:TerminateInstanceInAutoScalingGroup", f"{GROUP}foreign"), False),
    *((Need("autoscaling:ResumeProcesses", f"{GROUP}{name}"), True) for name in ("slot", "workers")),
    (Need("autoscaling:ResumeProcesses", f"{GROUP}foreign"), False),
    (Need("autoscaling:SuspendProcesses", f"{GROUP}slot"), False),
    (Need("autoscaling:DescribeScalingActivities"), True),
    (Need("cloudformation:DescribeStackResources", cluster.stack_id("controlplane")), True),
    (Need("cloudformation:DescribeStackResources", cluster.stack_id("workers-general")), False),
    (Need("cloudformation:DescribeStacks", f"{cluster.STACK}/holdfast/root"), True),
    (Need("cloudformation:DescribeStacks"), False),
    (Need("ssm:GetParameter", f"{PARAMETERS}/pki/ca-key"), False),
]
AUTOSCALER = [
    *(
        (Need(f"autoscaling:{action}", f"{GROUP}{name}"), name == "workers")
        for action in ("SetDesiredCapacity", "TerminateInstanceInAutoScalingGroup")
        for name in ("workers", "slot", "foreign")
    ),
    (Need("autoscaling:DescribeAutoScalingGroups"), True),
    (Need("ssm:GetParameter", f"{PARAMETERS}/pki/ca-key"), False),
    (Need("ssm:GetParameter", f"{PARAMETERS}/settings/cluster"), False),
    *((on_key("Decrypt", service), False) for service in ("ssm", "dynamodb", "s3", None)),
    *((row(action, "cluster"), False) for action in ("GetItem", *WRITES)),
    (Need("s3:PutObject", f"{BUCKET}/snapshot"), False),
    (Need("autoscaling:CompleteLifecycleAction", f"{GROUP}workers"), False),
    (Need("sts:AssumeRole", cluster.AUTOSCALER_ROLE), False),
]
TABLE_OF_CASES = [
    (role, need, expected)
    for role, cases in (
        ("Worker", WORKER),
        ("ControlPlane", CONTROL_PLANE),
        ("Function", FUNCTION),
        ("Autoscaler", AUTOSCALER),
    )
    for need, expected in cases
]


@pytest.mark.parametrize(
    ("role", "need", "expected"),
    TABLE_OF_CASES,
    ids=[
        f"{role} {need.action} {need.values or need.via or need.resource.rpartition(':')[2]}"
        for role, need, _ in TABLE_OF_CASES
    ],
)
def test_a_role_may_do_its_part_and_no_more(role: str, need: Need, expected: bool) -> None:
    assert may(role, need) is expected


@pytest.mark.parametrize("role", ["Worker", "ControlPlane"])
def test_a_nodes_credentials_work_in_its_own_vpc_only(role: str) -> None:
    need = Need("ssm:GetParameter", f"{PARAMETERS}/settings/cluster")
    assert may(role, need)
    assert not may(role, need, came_from=None)
    assert not may(role, need, came_from="vpc-0000000000000002")
    assert not may(role, need, vpc="vpc-0000000000000002")


@pytest.mark.parametrize("role", ["Worker", "ControlPlane"])
def test_a_nodes_credentials_work_on_that_node_only(role: str) -> None:
    need = Need("ssm:GetParameter", f"{PARAMETERS}/settings/cluster")
    assert may(role, need)
    assert not may(role, need, address="10.0.0.6")
    assert not may(role, need, address=None)


@pytest.mark.parametrize("role", ["Worker", "ControlPlane"])
@pytest.mark.parametrize("action", ["BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"])
def test_a_token_of_the_registry_pulls_images_which_credentials_do_on_their_node_only(role: str, action: str) -> None:
    need = Need(f"ecr:{action}", f"{REPOSITORY}/holdfast/web")
    assert may(role, need)
    assert may(role, need, by_token=True)
    assert may(role, need, by_token=True, address=None, endpoint="ecrdkr")
    for elsewhere in ("10.0.0.6", None):
        assert not may(role, need, address=elsewhere)
    assert not may(role, need, by_token=True, came_from="vpc-0000000000000002")
    assert not may(role, need, vpc="vpc-0000000000000002")
    assert not may(role, Need("ecr:GetAuthorizationToken"), by_token=True)


@pytest.mark.parametrize(
    ("endpoint", "need"),
    [
        ("ssm", Need("ssm:GetParameter", f"{PARAMETERS}/pki/ca-key")),
        ("dynamodb", row("PutItem", "member#0")),
        ("s3", Need("s3:PutObject", f"{BUCKET}/snapshot")),
        ("logs", Need("logs:PutLogEvents", f"{cluster.CONTROL_PLANE_LOGS}:log-stream:i")),
        ("autoscaling", Need("autoscaling:CompleteLifecycleAction", f"{GROUP}slot")),
        ("ec2", Need("ec2:DescribeInstances")),
        ("cloudformation", Need("cloudformation:SignalResource", cluster.stack_id("controlplane"))),
        ("sts", Need("sts:AssumeRole", cluster.AUTOSCALER_ROLE)),
    ],
)
def test_an_endpoints_policy_lets_through_what_the_role_may_do(endpoint: str, need: Need) -> None:
    assert may("ControlPlane", need, endpoint=endpoint)


def test_the_autoscalers_calls_pass_the_endpoints_of_the_vpc_and_none_from_elsewhere() -> None:
    need = Need("autoscaling:SetDesiredCapacity", f"{GROUP}workers")
    assert may("Autoscaler", need, endpoint="autoscaling")
    assert not may("Autoscaler", need, came_from="vpc-0000000000000002")
    assert not may("Autoscaler", need, came_from=None)


def test_no_administrator_has_the_autoscalers_role_by_a_policy_of_his_own() -> None:
    trust = cluster.of_trust("Autoscaler")
    everything = policy.parse({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}, "administrator")
    for name, allowed in (("administrator", False), ("ControlPlane", True)):
        role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        context = Context({"aws:PrincipalArn": role})
        access = Access(
            RolePrincipal(ACCOUNT, role, f"{role}/session"), "sts:AssumeRole", cluster.AUTOSCALER_ROLE, context
        )
        policies = Policies(identity=(everything,), resource=trust, resource_decides=True)
        assert decide(access, policies).allowed is allowed


def test_an_endpoints_policy_stops_what_no_node_is_granted() -> None:
    assert may("Function", Need("dynamodb:UpdateTable", TABLE))
    assert not may("Function", Need("dynamodb:UpdateTable", TABLE), endpoint="dynamodb")
