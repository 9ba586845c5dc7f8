"""Everything at rest is encrypted with the cluster's own key, everything in transit with TLS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from tests.templates.cluster import Cluster, Place, Statement, substituted
from tests.templates.rules.rule import rule

OUR_KEY = Place("iam", {"Fn::GetAtt": ["Key", "Arn"]})

# Kind of resource that keeps data -> where it names the key.
KEY_OF = {
    "AWS::DynamoDB::Table": ("SSESpecification", "KMSMasterKeyId"),
    "AWS::Lambda::Function": ("KmsKeyArn",),
    "AWS::Logs::LogGroup": ("KmsKeyId",),
    "AWS::S3::Bucket": (
        "BucketEncryption",
        "ServerSideEncryptionConfiguration",
        0,
        "ServerSideEncryptionByDefault",
        "KMSMasterKeyID",
    ),
    "AWS::SQS::Queue": ("KmsMasterKeyId",),
}
# Launch templates have volumes, and a rule of their own.
WITH_VOLUMES = {"AWS::EC2::LaunchTemplate"}
# Everything else keeps nothing of the cluster. SSM parameters of type String are not encrypted: they hold settings,
# and what is secret is written by nodes as SecureString.
KEEPS_NOTHING = {
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::CloudFormation::Stack",
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::EC2::FlowLog",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCEndpoint",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::Events::Rule",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Role",
    "AWS::IAM::RolePolicy",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Permission",
    "AWS::Route53::HostedZone",
    "AWS::Route53::RecordSet",
    "AWS::Route53Resolver::FirewallDomainList",
    "AWS::Route53Resolver::FirewallRuleGroup",
    "AWS::Route53Resolver::FirewallRuleGroupAssociation",
    "AWS::Route53Resolver::ResolverQueryLoggingConfig",
    "AWS::Route53Resolver::ResolverQueryLoggingConfigAssociation",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SSM::Document",
    "AWS::SSM::Parameter",
    "Custom::Start",
    "Custom::Teardown",
    "Custom::UpdateCheck",
}


@rule
def everything_at_rest_is_encrypted_with_our_key(cluster: Cluster) -> Iterator[str]:
    for resource in cluster.resources():
        if resource.type not in KEY_OF.keys() | WITH_VOLUMES | KEEPS_NOTHING:
            yield f"{resource}: say in the rules of encryption whether {resource.type} keeps data"
        if resource.type in KEY_OF:
            key = _at(resource.properties, KEY_OF[resource.type])
            if cluster.resolve(resource.layer, key) != OUR_KEY:
                yield f"{resource}: {key} is not our key"
    for table in cluster.resources("AWS::DynamoDB::Table"):
        if table.properties["SSESpecification"].get("SSEEnabled") is not True:
            yield f"{table}: encryption is not enabled"


@rule
def every_volume_is_encrypted_with_our_key(cluster: Cluster) -> Iterator[str]:
    for template in cluster.resources(*WITH_VOLUMES):
        for mapping in template.properties["LaunchTemplateData"]["BlockDeviceMappings"]:
            volume = mapping["Ebs"]
            key = cluster.resolve(template.layer, volume.get("KmsKeyId"))
            if volume.get("Encrypted") is not True or key != OUR_KEY:
                yield f"{template}: {mapping['DeviceName']} is not encrypted with our key"


@rule
def no_secret_stands_in_a_parameter_of_ours(cluster: Cluster) -> Iterator[str]:
    """CloudFormation cannot make a SecureString, and a String cannot become one later."""
    for parameter in cluster.resources("AWS::SSM::Parameter"):
        if parameter.properties["Type"] != "String":
            yield f"{parameter}: type {parameter.properties['Type']}"
        name = str(parameter.properties["Name"])
        if not any(folder in name for folder in ("/settings/", "/pools/", "/oidc/")):
            yield f"{parameter}: {name} is where nodes write secrets"


@rule
def the_key_rotates(cluster: Cluster) -> Iterator[str]:
    for key in cluster.resources("AWS::KMS::Key"):
        if key.properties.get("EnableKeyRotation") is not True:
            yield f"{key}: does not rotate"


@rule
def a_principal_of_any_in_the_key_policy_is_narrowed_to_auto_scalings_role(cluster: Cluster) -> Iterator[str]:
    for statement in cluster.statements("AWS::KMS::Key"):
        if statement.body["Principal"] not in ("*", {"AWS": "*"}, {"AWS": ["*"]}):
            continue
        role = statement.condition("ArnLike", "aws:PrincipalArn")
        if "role/aws-service-role/autoscaling.*/AWSServiceRoleForAutoScaling*" not in str(role):
            yield f"{statement}: open to {role}"
        if statement.condition("StringEquals", "kms:CallerAccount") != {"Ref": "AWS::AccountId"}:
            yield f"{statement}: open to other accounts"


@rule
def the_account_uses_the_key_through_services_only(cluster: Cluster) -> Iterator[str]:
    """An administrator who may do anything with IAM still cannot decrypt the cluster's secrets directly."""
    use = {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:CreateGrant"}
    for statement in cluster.statements("AWS::KMS::Key"):
        if ":root" not in str(statement.body["Principal"]) or not use & set(statement.actions):
            continue
        if not statement.condition("StringEquals", "kms:ViaService") and not _is_of_a_session(statement):
            yield f"{statement}: {sorted(use & set(statement.actions))} without kms:ViaService"


def _is_of_a_session(statement: Statement) -> bool:
    """Whether it is about data keys of sessions alone, which the two ends of a session ask the key for themselves."""
    return statement.body.get("Condition", {}).keys() >= {"ForAllValues:StringEquals", "StringLike"} and (
        statement.condition("ForAllValues:StringEquals", "kms:EncryptionContextKeys"),
        statement.condition("StringLike", "kms:EncryptionContext:aws:ssm:TargetId"),
    ) == (["aws:ssm:SessionId", "aws:ssm:TargetId"], "i-*")


_KEY_ROLES = ("ControlPlaneRole", "WorkerRole", "FunctionRole")
_READING = {"kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"}
_LISTS_OF_PEOPLE = ("ViewerArns", "EditorArns", "AdministratorArns")


@rule
def only_the_clusters_roles_and_operators_use_the_key(cluster: Cluster) -> Iterator[str]:
    """Through a service, an administrator of the account would decrypt a SecureString, an item or a backup."""
    use = {*_READING, "kms:Encrypt", "kms:GenerateDataKey", "kms:CreateGrant"}
    for statement in cluster.statements("AWS::KMS::Key"):
        if ":root" not in str(statement.body["Principal"]) or not use & set(statement.actions):
            continue
        if _is_of_a_session(statement):
            yield from _by_an_end_of_a_session(statement)
            continue
        # For volumes, through EC2: tests/templates/rules/volumes.py.
        if statement.condition("StringEquals", "aws:PrincipalArn") == {"Fn::GetAtt": ["EbsCsiRole", "Arn"]}:
            continue
        users = str(statement.condition("StringEquals", "aws:PrincipalArn"))
        if all(f"'{role}'" in users for role in _KEY_ROLES) and users.count("Fn::GetAtt") == len(_KEY_ROLES):
            continue
        if all(f"'{people}'" in users for people in _LISTS_OF_PEOPLE) and users.count("Ref") == len(_LISTS_OF_PEOPLE):
            via = statement.condition("StringEquals", "kms:ViaService")
            if {each["Fn::Sub"].partition(".")[0] for each in via} != {"dynamodb"}:
                yield f"{statement}: people use it through {via}, which is more than the table"
            continue
        by = statement.condition("ForAnyValue:StringEquals", "aws:CalledVia")
        via = {each["Fn::Sub"].partition(".")[0] for each in statement.condition("StringEquals", "kms:ViaService")}
        # Through SSM a stack could read a SecureString, and through S3 a backup, for whoever makes it.
        if by != "cloudformation.amazonaws.com" or via != {"dynamodb", "lambda"}:
            yield f"{statement}: {sorted(use & set(statement.actions))} by anybody of the account through {sorted(via)}"


_OF_A_TABLE = {
    *(
        "kms:CreateGrant",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
    ),
    *_READING,
}


@rule
def whoever_creates_a_table_may_do_with_the_key_what_dynamodb_requires(cluster: Cluster) -> Iterator[str]:
    """DynamoDB guide, "Key policy for a customer managed key": "That principal, a user or role, must have the
    permissions on the KMS key that DynamoDB requires". Otherwise no first deploy gets beyond its table."""
    given = {
        action
        for statement in cluster.statements("AWS::KMS::Key")
        if statement.condition("ForAnyValue:StringEquals", "aws:CalledVia") == "cloudformation.amazonaws.com"
        for action in statement.actions
    }
    if missing := sorted(_OF_A_TABLE - given):
        yield f"the key: CloudFormation lacks {', '.join(missing)}"


def _by_an_end_of_a_session(statement: Statement) -> Iterator[str]:
    """Operators make data keys and read none, nodes read them and make none."""
    users = statement.condition("StringEquals", "aws:PrincipalArn")
    ends = {
        "kms:GenerateDataKey": {"Ref": "KeyOperatorArns"},
        "kms:Decrypt": [{"Fn::GetAtt": [role, "Arn"]} for role in _KEY_ROLES[:2]],
    }
    if [ends.get(action) for action in statement.actions] != [users]:
        yield f"{statement}: {statement.actions} by {users}"


# Names as CloudFormation makes them. Of the second stack's the first one's name is the beginning.
_STACK, _OTHER_STACK, _RANDOM = "prod", "prod-eu", "1AB2CD3EF4GH"


@rule
def the_key_serves_log_groups_of_the_stack_only(cluster: Cluster) -> Iterator[str]:
    values = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "1"}
    for statement in cluster.statements("AWS::KMS::Key"):
        if "logs." not in str(statement.body["Principal"]):
            continue
        patterns = []
        for pattern in statement.condition("ArnLike", "kms:EncryptionContext:aws:logs:arn") or []:
            text, variables = pattern["Fn::Sub"]
            name = cluster.resolve(statement.resource.layer, variables["RootStack"]["Fn::Select"][1]["Fn::Split"][1])
            if variables["RootStack"]["Fn::Select"][0] != 1 or name != Place("root", {"Ref": "AWS::StackId"}):
                yield f"{statement}: {variables} is not the root stack's name"
            patterns.append(substituted({"Fn::Sub": text}, {**values, "RootStack": _STACK}))
        groups = [
            f"{cluster.stacks[group.layer].logical_id}-{_RANDOM}-{group.logical_id}-{_RANDOM}"
            for group in cluster.resources("AWS::Logs::LogGroup")
        ]
        for stack, wanted in ((_STACK, True), (_OTHER_STACK, False), ("other", False)):
            for group in groups:
                arn = f"arn:aws:logs:us-east-1:1:log-group:{stack}-{group}"
                if any(fnmatchcase(arn, pattern) for pattern in patterns) is not wanted:
                    yield f"{statement}: {arn} is {'not ' if wanted else ''}served"
        for pattern in patterns:
            if not any(
                fnmatchcase(f"arn:aws:logs:us-east-1:1:log-group:{_STACK}-{group}", pattern) for group in groups
            ):
                yield f"{statement}: {pattern} is no log group of this stack"


@rule
def undeliverable_events_reach_the_encrypted_queue_from_the_clusters_rules_alone(cluster: Cluster) -> Iterator[str]:
    """EventBridge tells the queue its rule, and KMS nothing: a condition there would lose the events without a word."""
    for statement in cluster.statements("AWS::KMS::Key"):
        if "events." in str(statement.body["Principal"]):
            if "Condition" in statement.body:
                yield f"{statement}: {statement.body['Condition']}"
            if sorted(statement.actions) != ["kms:Decrypt", "kms:GenerateDataKey"]:
                yield f"{statement}: {statement.actions}"
    rules = [{"Fn::GetAtt": [made.logical_id, "Arn"]} for made in cluster.resources("AWS::Events::Rule")]
    for statement in cluster.statements("AWS::SQS::QueuePolicy"):
        if statement.condition("ArnLike", "aws:SourceArn") != rules:
            yield f"{statement}: is not about {rules}"


_PEOPLE = ("role/cluster-operators", "role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Ops_0a", "user/a.b+c=d@e_f")


@rule
def operators_are_named_by_their_arns(cluster: Cluster) -> Iterator[str]:
    good = ["", *(f"arn:aws-us-gov:iam::123456789012:{name}" for name in _PEOPLE)]
    bad = ["*", "arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:role/a,b", "arn:aws:iam::12345:role/a"]
    for name in ("KeyOperatorArns", *_LISTS_OF_PEOPLE):
        pattern = cluster.templates["root"]["Parameters"][name]["AllowedPattern"]
        for text in good:
            if not re.fullmatch(pattern, text):
                yield f"root: the parameter {name} refuses {text!r}"
        for text in bad:
            if re.fullmatch(pattern, text):
                yield f"root: the parameter {name} takes {text!r}"


@rule
def the_bucket_refuses_requests_without_tls(cluster: Cluster) -> Iterator[str]:
    for bucket in cluster.resources("AWS::S3::Bucket"):
        if not any(
            statement.body["Effect"] == "Deny"
            and statement.body["Principal"] in ("*", {"AWS": "*"})
            and statement.actions == ["s3:*"]
            and statement.condition("Bool", "aws:SecureTransport") == "false"
            and {"Fn::GetAtt": [bucket.logical_id, "Arn"]} in statement.resources
            and {"Fn::Sub": f"${{{bucket.logical_id}.Arn}}/*"} in statement.resources
            for statement in cluster.statements("AWS::S3::BucketPolicy")
            if statement.resource.properties["Bucket"] == {"Ref": bucket.logical_id}
        ):
            yield f"{bucket}: no statement denies everything without aws:SecureTransport"


def _at(node: Any, path: tuple[str | int, ...]) -> Any:
    """The node at a path; None where the path leads nowhere."""
    for key in path:
        try:
            node = node[key]
        except (KeyError, IndexError, TypeError):
            return None
    return node
