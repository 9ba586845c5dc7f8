"""What IAM policies may say: least privilege, and whom a stolen credential serves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from generator.grant import On
from generator.permissions import GRANTS
from tests.templates.cluster import Cluster, Place, Resource, Statement, substituted
from tests.templates.rules.rule import rule

NODE_ROLES = ("ControlPlaneRole", "WorkerRole")
AUTOSCALER = "AutoscalerRole"
EBS_CSI = "EbsCsiRole"
HANDED_ROLES = (AUTOSCALER, EBS_CSI)
IN_VPC = (*NODE_ROLES, *HANDED_ROLES)

# Policies in which `*` means "the resource that this policy stands on", or in which principal and actions are what is
# narrowed: kind of resource -> why.
ANY_BY_KIND = {
    "AWS::KMS::Key": "in a key policy `*` is the key itself",
    "AWS::EC2::VPCEndpoint": "an endpoint's policy narrows actions and accounts; the roles' policies narrow resources",
}
# Role -> the service that assumes it.
ASSUMED_BY = {"ControlPlaneRole": "ec2", "WorkerRole": "ec2", "FunctionRole": "lambda", "FlowLogRole": "vpc-flow-logs"}
# Role -> the role that assumes it.
ASSUMED_BY_ROLE = dict.fromkeys(HANDED_ROLES, "ControlPlaneRole")
# What a registry's client calls with a token of ECR.
BY_TOKEN = {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
# All inline policies of one role together, white space not counted (IAM's quota, which cannot be raised).
MAX_ROLE_POLICY_CHARACTERS = 10_240
# The longest ARN in our policies is a nested stack's id: the root's name has at most 128 characters.
LONGEST_VALUE = 230

_CLUSTER_TAG = "aws:ResourceTag/holdfast:cluster"
_SAMPLE = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "ClusterUuid": "6f1ab6a0",
}
_PREFIX = "arn:aws:ssm:us-east-1:123456789012:parameter/holdfast/6f1ab6a0"


@rule
def no_allow_has_a_wildcard_action(cluster: Cluster) -> Iterator[str]:
    for statement in cluster.statements():
        if not statement.allows:
            continue
        for action in statement.actions:
            if "*" in action or "?" in action:
                yield f"{statement}: {action}"


@rule
def no_statement_says_what_it_is_not_about(cluster: Cluster) -> Iterator[str]:
    """NotAction, NotResource and NotPrincipal allow what nobody has thought of."""
    for statement in cluster.statements():
        for key in statement.body:
            if key.startswith("Not"):
                yield f"{statement}: {key}"


@rule
def any_resource_is_allowed_for_a_reason_only(cluster: Cluster) -> Iterator[str]:
    reasoned = {
        (f"{grant.role.value}Role", grant.sid): sorted(str(action.JSONrepr()) for action in grant.actions)
        for grant in GRANTS
        if grant.on in (On.ANY, On.NETWORK_INTERFACES) and grant.reason
    }
    for statement in cluster.statements():
        resource = statement.resource
        if not statement.allows or "*" not in statement.resources or resource.type in ANY_BY_KIND:
            continue
        if resource.type == "AWS::IAM::ManagedPolicy":
            described = all(action.split(":")[1].startswith("Describe") for action in statement.actions)
            if not (described and resource.body.get("Metadata", {}).get("Reasons", {}).get(statement.body["Sid"])):
                yield f"{statement}: people have `*` for more than to describe, or without a reason"
            continue
        role = cluster.resource_of(resource.layer, resource.properties.get("RoleName"))
        key = (role.logical_id if role else "", statement.body.get("Sid", ""))
        if reasoned.get(key) != sorted(statement.actions):
            yield f"{statement}: `*` without a reason in generator/permissions.py for exactly these actions"


_WRITES_ITEMS = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"}
_STATEMENTS = {"dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete"}
_EXCHANGES = {"dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy", "dynamodb:DeleteTable"}


@rule
def nobody_asks_for_access_in_another_name(cluster: Cluster) -> Iterator[str]:
    """The table denies it, also to whoever has policies that would allow it."""
    (table,) = [each for each in cluster.resources("AWS::DynamoDB::Table") if each.logical_id == "AccessTable"]
    role = Place("iam", {"Fn::GetAtt": ["ControlPlaneRole", "Arn"]})
    found: dict[str, list[set[str]]] = {}
    for statement in cluster.statements("AWS::DynamoDB::Table"):
        if statement.resource != table or statement.allows or statement.body["Principal"] != {"AWS": "*"}:
            yield f"{statement}: allows, or is not about everybody"
            continue
        conditions = {operator: dict(keys) for operator, keys in statement.body.get("Condition", {}).items()}
        but_for = conditions.pop("StringNotEquals", {}).get("aws:PrincipalArn")
        if but_for is not None and cluster.resolve(table.layer, but_for) != role:
            yield f"{statement}: lets somebody else than the control planes write"
        found.setdefault(repr(conditions), []).append(set(statement.actions))
    own = {"ForAnyValue:StringNotLike": {"dynamodb:LeadingKeys": ["access#${aws:userid}#${aws:PrincipalArn}#*"]}}
    limited = {"Fn::Join": [",", [{"Fn::Join": [",", {"Ref": f"{kind}Arns"}]} for kind in ("Viewer", "Editor")]]}
    wanted = {
        repr(own): _WRITES_ITEMS,
        repr({"Null": {"dynamodb:LeadingKeys": "true"}}): _WRITES_ITEMS,
        repr({}): _STATEMENTS,
        repr({"StringEquals": {"aws:PrincipalArn": {"Fn::Split": [",", limited]}}}): _EXCHANGES,
    }
    for conditions_, actions in wanted.items():
        if not any(each >= actions for each in found.get(conditions_, [])):
            yield f"{table}: its policy does not deny {sorted(actions)} where {conditions_}"


@rule
def groups_and_instances_are_touched_by_the_clusters_tag_only(cluster: Cluster) -> Iterator[str]:
    """Their ARNs hold random parts, so the policy names all of the account's; the tag makes it the cluster's."""
    for statement in cluster.statements("AWS::IAM::RolePolicy"):
        shared = [text for text in map(str, statement.resources) if "autoScalingGroup" in text or "instance/" in text]
        tag = statement.condition("StringEquals", _CLUSTER_TAG)
        if shared and not (tag and cluster.is_cluster_uuid(statement.resource.layer, tag)):
            yield f"{statement}: {shared[0]} without the cluster's tag"


@rule
def a_worker_calls_nothing_of_auto_scaling(cluster: Cluster) -> Iterator[str]:
    """Its actions know groups, and no instances: what a worker may say of itself it could say of all the others."""
    for statement in cluster.role_statements("WorkerRole"):
        if any(action.startswith("autoscaling:") for action in statement.actions):
            yield f"{statement}: {statement.actions}"


@rule
def a_worker_writes_no_log_of_a_control_plane(cluster: Cluster) -> Iterator[str]:
    """In one group IAM could not tell their streams apart: a worker could say anything in a control plane's name.

    But for sessions, of which AWS keeps a record of its own: a session has one document, and that names one group.
    """
    written: dict[str, set[str]] = {}
    for role in NODE_ROLES:
        for statement in cluster.role_statements(role):
            if "logs:PutLogEvents" in statement.actions:
                written.setdefault(role, set()).update(map(str, statement.resources))
    shared = set.intersection(*written.values()) if len(written) == len(NODE_ROLES) else {"nothing is written"}
    sessions = "{'Fn::GetAtt': ['SessionLogGroup', 'Arn']}"
    for each in shared - ({sessions} if cluster.config.access.ssm else set()):
        yield f"both kinds of nodes write into {each}"


@rule
def the_autoscaler_scales_what_carries_its_tag_only(cluster: Cluster) -> Iterator[str]:
    """No slot carries the tag, and what runs on a node scales nothing with the node's own role."""
    scaling = {"autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"}
    for statement in cluster.role_statements(*NODE_ROLES):
        if scaling & set(statement.actions):
            yield f"{statement}: a node's own role scales"
    for statement in cluster.role_statements(AUTOSCALER):
        if not scaling & set(statement.actions):
            continue
        if statement.condition("StringEquals", "aws:ResourceTag/k8s.io/cluster-autoscaler/enabled") != "true":
            yield f"{statement}: {statement.actions} also on the groups of the control plane"


@rule
def the_autoscaler_reads_no_more_than_groups_and_types(cluster: Cluster) -> Iterator[str]:
    """It is somebody else's program: nothing of the cluster's own is its to read or write."""
    scaling = {"autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"}
    for statement in cluster.role_statements(AUTOSCALER):
        for action in {*statement.actions} - scaling:
            if not action.startswith(("autoscaling:Describe", "ec2:Describe")):
                yield f"{statement}: {action}"


@rule
def an_add_ons_credentials_are_of_use_in_the_clusters_vpc_only(cluster: Cluster) -> Iterator[str]:
    """But for central endpoints, whose calls carry another VPC's id; of an instance such credentials say nothing."""
    if cluster.config.network.endpoints != "create":
        return
    for statement in cluster.role_statements(*HANDED_ROLES):
        if all(action.startswith("kms:") for action in statement.actions):
            if not statement.condition("StringEquals", "kms:ViaService"):
                yield f"{statement}: neither confined to the VPC nor to calls by a service"
            continue
        value = statement.condition("StringEquals", "aws:SourceVpc")
        if value is None or not _is_the_vpc(cluster, statement, value):
            yield f"{statement}: aws:SourceVpc is not the cluster's VPC"


@rule
def a_nodes_credentials_are_of_use_in_the_clusters_vpc_only(cluster: Cluster) -> Iterator[str]:
    elsewhere = {(f"{grant.role.value}Role", grant.sid) for grant in GRANTS if not grant.confined and grant.reason}
    network = cluster.config.network
    for role in NODE_ROLES:
        for statement in cluster.role_statements(role):
            keys = ["aws:EC2InstanceSourceVPC"]
            gateway = all(action.startswith(("dynamodb:", "s3:")) for action in statement.actions)
            if (network.gateway_endpoints if gateway else network.endpoints) == "create":
                # Central endpoints stand in another VPC, and a call through one carries that VPC's id.
                keys.append("aws:SourceVpc")
            if (role, statement.body["Sid"]) in elsewhere:
                if not statement.condition("StringEquals", "kms:ViaService"):
                    yield f"{statement}: neither confined to the VPC nor to calls by a service"
                continue
            # What says nothing of an instance is called with a token, which only the instance's credentials get.
            operator = "StringEqualsIfExists" if set(statement.actions) <= BY_TOKEN else "StringEquals"
            if statement.condition(operator, "aws:EC2InstanceSourcePrivateIPv4") != "${aws:VpcSourceIp}":
                yield f"{statement}: of use on another machine"
            for key in keys:
                value = statement.condition(operator, key)
                if value is None or not _is_the_vpc(cluster, statement, value):
                    yield f"{statement}: {key} is not the cluster's VPC"


def _is_the_vpc(cluster: Cluster, statement: Statement, value: Any) -> bool:
    made = cluster.config.network.vpc == "create"
    wanted = Place("network", {"Ref": "Vpc"}) if made else Place("root", {"Ref": "VpcId"})
    return cluster.resolve(statement.resource.layer, value) == wanted


@rule
def a_worker_reads_the_cluster_item_and_writes_its_own_boot_row(cluster: Cluster) -> Iterator[str]:
    keys, operator = "dynamodb:LeadingKeys", "ForAllValues:StringEquals"
    own = "boot#${ec2:SourceInstanceARN}"
    read_items, written_items = ["cluster", own], [own]
    for statement in cluster.role_statements("WorkerRole"):
        actions = {action for action in statement.actions if action.startswith("dynamodb:")}
        if not actions:
            continue
        if actions <= {"dynamodb:GetItem"}:
            if statement.condition(operator, keys) != read_items:
                yield f"{statement}: a worker may read the cluster item and its own boot row only"
        elif actions <= {"dynamodb:PutItem", "dynamodb:UpdateItem"}:
            if statement.condition(operator, keys) != written_items:
                yield f"{statement}: a worker may write its own boot row only"
            if statement.condition("Null", keys) != "false":
                yield f"{statement}: ForAllValues is true for a request without keys"
        else:
            yield f"{statement}: {sorted(actions)} is more than reading or writing single items"


@rule
def a_worker_reads_settings_and_join_data_but_no_key_of_the_pki(cluster: Cluster) -> Iterator[str]:
    readable = {f"{_PREFIX}/settings/api-endpoint", f"{_PREFIX}/pools/general", f"{_PREFIX}/join/ca"}
    secret = {f"{_PREFIX}/1/etcd-ca-key", f"{_PREFIX}/12/service-account-keys", f"{_PREFIX}/encryption", _PREFIX}
    # No secret, and no business of a worker's.
    secret.add(f"{_PREFIX}/oidc/1")
    reached: set[str] = set()
    for statement in cluster.role_statements("WorkerRole"):
        actions = [action for action in statement.actions if action.startswith("ssm:")]
        if not actions or (cluster.config.access.ssm and statement.body["Sid"] == "ServeSessions"):
            continue
        if not set(actions) <= {"ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"}:
            yield f"{statement}: {actions} is more than reading parameters"
        patterns = [substituted(resource, _SAMPLE) for resource in statement.resources]
        for name in secret:
            if any(fnmatchcase(name, pattern) for pattern in patterns):
                yield f"{statement}: reaches {name}"
        reached |= {name for name in readable if any(fnmatchcase(name, pattern) for pattern in patterns)}
    for name in sorted(readable - reached):
        yield f"WorkerRole cannot read {name}"


@rule
def the_function_reaches_no_secret_and_no_backup(cluster: Cluster) -> Iterator[str]:
    for statement in cluster.role_statements("FunctionRole"):
        for action in statement.actions:
            if action.startswith(("ssm:", "s3:", "secretsmanager:")):
                yield f"{statement}: {action}"


@rule
def a_worker_signals_no_stack(cluster: Cluster) -> Iterator[str]:
    """All pools have one role: each worker could fake or fail the update of every pool."""
    for statement in cluster.role_statements("WorkerRole"):
        if any(action.startswith("cloudformation:") for action in statement.actions):
            yield f"{statement}: {statement.actions}"


@rule
def nodes_pull_images_of_the_repositories_that_were_chosen_only(cluster: Cluster) -> Iterator[str]:
    own = "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository"
    wanted = [{"Fn::Sub": f"{own}/{name}"} for name in cluster.config.kubernetes.image_repositories]
    for role in NODE_ROLES:
        found = [
            resource
            for statement in cluster.role_statements(role)
            if "ecr:BatchGetImage" in statement.actions
            for resource in statement.resources
        ]
        if found != wanted:
            yield f"{role}: pulls from {found}, not {wanted}"


@rule
def control_planes_signal_the_stacks_of_groups_only(cluster: Cluster) -> Iterator[str]:
    pools = [stack.logical_id for layer, stack in cluster.stacks.items() if layer.startswith("workers-")]
    others = [stack.logical_id for layer, stack in cluster.stacks.items() if not layer.startswith("workers-")]
    patterns = []
    for statement in cluster.role_statements("ControlPlaneRole"):
        if not any(action.startswith("cloudformation:") for action in statement.actions):
            continue
        if statement.actions != ["cloudformation:SignalResource"]:
            yield f"{statement}: {statement.actions}"
        for resource in statement.resources:
            if resource == {"Ref": "AWS::StackId"} and statement.resource.layer == "controlplane":
                continue
            text, variables = resource["Fn::Sub"] if isinstance(resource.get("Fn::Sub"), list) else ("*", {})
            patterns.append(substituted({"Fn::Sub": text}, {**_SAMPLE, "RootStack": "prod"}))
            name = variables.get("RootStack", {}).get("Fn::Select", [None, {"Fn::Split": ["", ""]}])
            root = cluster.resolve(statement.resource.layer, name[1]["Fn::Split"][1])
            if name[0] != 1 or root != Place("root", {"Ref": "AWS::StackId"}):
                yield f"{statement}: {resource} does not begin with the root stack's name"
    cases = [
        *((f"prod-{pool}", True) for pool in pools),
        *((f"prod-{other}", False) for other in others),
        *((f"{name}-{pool}", False) for pool in pools for name in ("other", "prod-eu")),
    ]
    for name, wanted in cases:
        arn = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{name}-1AB2CD3EF4GH/6f1ab6a0"
        if any(fnmatchcase(arn, pattern) for pattern in patterns) is not wanted:
            yield f"ControlPlaneRole: may {'not ' if wanted else ''}signal {name}"


@rule
def a_role_is_assumed_by_its_service_only(cluster: Cluster) -> Iterator[str]:
    for role in cluster.resources("AWS::IAM::Role"):
        trust = role.properties["AssumeRolePolicyDocument"]["Statement"]
        if role.logical_id in ASSUMED_BY_ROLE:
            yield from _assumed_by(role, ASSUMED_BY_ROLE[role.logical_id], trust)
            continue
        service = ASSUMED_BY.get(role.logical_id, "nobody: name the role in ASSUMED_BY")
        # Nowhere the domain of the partition's hosts, but for EC2 in China.
        in_china = service == "ec2" and cluster.config.partition == "aws-cn"
        wanted = {"Service": [{"Fn::Sub": "ec2.${AWS::URLSuffix}"} if in_china else f"{service}.amazonaws.com"]}
        if [(statement["Principal"], statement["Action"]) for statement in trust] != [(wanted, ["sts:AssumeRole"])]:
            yield f"{role}: {trust}, not {wanted}"


def _assumed_by(role: Resource, other: str, trust: list[dict[str, Any]]) -> Iterator[str]:
    """Were the other role itself the principal, its own policy would not have to allow it."""
    wanted = {
        "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}},
        "Action": ["sts:AssumeRole"],
        "Condition": {"StringEquals": {"aws:PrincipalArn": {"Fn::GetAtt": [other, "Arn"]}}},
    }
    if [{key: each.get(key) for key in wanted} for each in trust] != [wanted]:
        yield f"{role}: {trust}, not {other} alone"


@rule
def a_role_has_the_permissions_boundary_and_the_path_that_were_given(cluster: Cluster) -> Iterator[str]:
    for made in cluster.resources("AWS::IAM::Role", "AWS::IAM::InstanceProfile", "AWS::IAM::ManagedPolicy"):
        path = made.properties.get("Path")
        if cluster.resolve(made.layer, path) != Place("root", {"Ref": "RolePath"}):
            yield f"{made}: Path is {path}"
        if made.type == "AWS::IAM::Role":
            boundary = made.properties.get("PermissionsBoundary", {}).get("Fn::If", [None, None, None])
            if cluster.resolve(made.layer, boundary[1]) != Place("root", {"Ref": "PermissionsBoundaryArn"}):
                yield f"{made}: PermissionsBoundary is {boundary}"


@rule
def the_inline_policies_of_a_role_fit_iams_quota(cluster: Cluster) -> Iterator[str]:
    for role in cluster.resources("AWS::IAM::Role"):
        policies = [
            policy.properties["PolicyDocument"]
            for policy in cluster.resources("AWS::IAM::RolePolicy")
            if cluster.resolve(policy.layer, policy.properties["RoleName"]) == Place("iam", {"Ref": role.logical_id})
        ]
        characters = sum(len(json.dumps(_longest(policy), separators=(",", ":"))) for policy in policies)
        if characters > MAX_ROLE_POLICY_CHARACTERS:
            yield f"{role}: policies of up to {characters} characters, IAM allows {MAX_ROLE_POLICY_CHARACTERS}"


def _longest(value: Any) -> Any:
    """A policy document with every expression replaced by the longest text that it can become."""
    match value:
        case {"Ref": "AWS::AccountId"}:
            return "0" * 12
        case {"Ref": "VpcId"}:
            return "vpc-" + "0" * 17
        case {"Ref": "ClusterUuid"}:
            return "0" * 36
        case {"Fn::GetAtt": ["Key", "Arn"]}:
            return "arn:aws-us-gov:kms:us-gov-west-1:" + "0" * 12 + ":key/" + "0" * 36
        case {"Ref": _} | {"Fn::GetAtt": _}:
            return "x" * LONGEST_VALUE
        case {"Fn::Sub": str(text)}:
            return text.replace("${AWS::AccountId}", "0" * 12).replace("${ClusterUuid}", "0" * 36)
        case dict():
            return {key: _longest(child) for key, child in value.items()}
        case list():
            return [_longest(child) for child in value]
        case _:
            return value
