"""The iam layer: who acts (roles, instance profiles) and the key that everything at rest is encrypted with.

What a role may do is attached by the layer that owns the resource; only the key's grants are attached here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from awacs import kms, sts
from awacs.aws import Action, Allow, AWSPrincipal, Principal, Statement
from troposphere import AccountId, Equals, GetAtt, If, Join, Not, NoValue, Ref, Split, Sub, Template
from troposphere.iam import InstanceProfile
from troposphere.iam import Role as IamRole
from troposphere.kms import Alias, Key

from coordination.names import Addon
from generator.config.model import ClusterConfig, Partition
from generator.grant import On, Role
from generator.layer import Layer
from generator.partition import service_principal
from generator.permissions import GRANTS, IN_A_SESSION
from generator.policies import attach, condition, policy_dict, via
from generator.values import (
    ClusterId,
    ClusterUuid,
    InstanceProfileArn,
    KeyArn,
    PolicyArn,
    PrincipalArns,
    RoleArn,
    RoleName,
    RolePath,
)


@dataclass(frozen=True)
class Inputs:
    cluster_id: ClusterId
    cluster_uuid: ClusterUuid
    permissions_boundary_arn: Annotated[PolicyArn, "ARN of the permissions boundary of every role, or empty"]
    key_operator_arns: Annotated[PrincipalArns, "ARNs of roles and users that may use the KMS key through AWS services"]
    viewer_arns: Annotated[PrincipalArns, "ARNs of roles and users that may request access as viewers"]
    editor_arns: Annotated[PrincipalArns, "ARNs of roles and users that may request access as editors"]
    administrator_arns: Annotated[PrincipalArns, "ARNs of roles and users that may request access as administrators"]
    role_path: RolePath


@dataclass(frozen=True)
class Outputs:
    key_arn: KeyArn
    control_plane_role_name: Annotated[RoleName, "Name of the role of control-plane nodes"]
    control_plane_role_arn: Annotated[RoleArn, "ARN of the role of control-plane nodes"]
    control_plane_instance_profile_arn: Annotated[
        InstanceProfileArn, "ARN of the instance profile of control-plane nodes"
    ]
    worker_role_name: Annotated[RoleName, "Name of the role of workers"]
    worker_instance_profile_arn: Annotated[InstanceProfileArn, "ARN of the instance profile of workers"]
    function_role_name: Annotated[RoleName, "Name of the reconcile function's role"]
    function_role_arn: Annotated[RoleArn, "ARN of the reconcile function's role"]
    autoscaler_role_name: Annotated[RoleName, "Name of the cluster autoscaler's role"]
    autoscaler_role_arn: Annotated[RoleArn, "ARN of the cluster autoscaler's role"]
    # with addons.ebsCsi
    ebs_csi_role_name: Annotated[RoleName | None, "Name of the EBS CSI driver's role"] = None
    ebs_csi_role_arn: Annotated[RoleArn | None, "ARN of the EBS CSI driver's role"] = None
    # where a VPC is made
    flow_log_role_name: Annotated[RoleName | None, "Name of the role that delivers VPC flow logs"] = None
    flow_log_role_arn: Annotated[RoleArn | None, "ARN of the role that delivers VPC flow logs"] = None


# What the account's administrators may do with the key, as far as their own policies allow it. Spelled out: a key
# policy with kms:* would also let any administrator decrypt the cluster's secrets directly.
_ADMINISTRATION = (
    kms.CancelKeyDeletion,
    kms.CreateAlias,
    kms.DeleteAlias,
    kms.DescribeKey,
    kms.DisableKey,
    kms.DisableKeyRotation,
    kms.EnableKey,
    kms.EnableKeyRotation,
    kms.GetKeyPolicy,
    kms.GetKeyRotationStatus,
    kms.ListGrants,
    kms.ListKeyPolicies,
    kms.ListResourceTags,
    kms.PutKeyPolicy,
    kms.RevokeGrant,
    kms.ScheduleKeyDeletion,
    kms.TagResource,
    kms.UntagResource,
    kms.UpdateAlias,
    kms.UpdateKeyDescription,
)
_USE = (
    kms.Decrypt,
    kms.DescribeKey,
    kms.Encrypt,
    kms.GenerateDataKey,
    kms.GenerateDataKeyWithoutPlaintext,
    kms.ReEncryptFrom,
    kms.ReEncryptTo,
)


# The templates whose policies are attached to each role: whoever reads a role here shall find all that it may do.
_POLICIES_IN = {
    "ControlPlaneRole": ("iam", "database", "services", "controlplane"),
    "WorkerRole": ("iam", "database", "services"),
    "FunctionRole": ("iam", "lifecycle", "controlplane"),
    "AutoscalerRole": ("services",),
    "EbsCsiRole": ("iam", "services"),
    "FlowLogRole": ("network",),
}
# Of the principals that are wider than one role, by the statement's Sid.
_KEY_REASONS = {
    "Administer": "the account's administrators, by their own policies: otherwise nobody could change this one",
    "UseThroughServices": "the cluster's roles and KeyOperatorArns, by the condition; then by their own policies",
    "UseTableAsPerson": "those who may ask for access to the cluster, by the condition; then by their own policies",
    "CreateByCloudFormation": "whoever creates or updates the stack, in what CloudFormation does for him",
    "GrantByCloudFormation": "the same",
    "StartInstances": "Auto Scaling's service-linked role alone, by the condition: it may not exist yet, and be named",
    "AttachVolumes": "the same",
    "EncryptLogs": "CloudWatch Logs, for this stack's log groups, by the condition",
    "QueueUndeliverableEvents": "EventBridge, which tells KMS no source; the queue's policy names this cluster's rules",
}
# With `access.ssm`.
_SESSION_REASONS = {
    "EncryptSessions": "KeyOperatorArns, for data keys of sessions alone, by the condition; then by their own policies",
    "DecryptSessions": "the nodes' roles, for the same",
}
# With `addons.ebsCsi`.
_VOLUME_REASONS = {
    "EncryptVolumes": "the EBS CSI driver's role, through EC2 alone, by the condition; then by its own policy",
    "LetInstancesDecrypt": "the same, for grants that a service of AWS makes alone",
}
# The log groups, as `<nested stack>-<random part>-<log group>` of the names that CloudFormation makes for them.
_LOG_GROUPS = (
    "Lifecycle-*-FunctionLogGroup",
    "Services-*-ControlPlaneLogGroup",
    "Services-*-WorkerLogGroup",
    "Services-*-AuditLogGroup",
)
# Of a VPC that is made.
_VPC_LOG_GROUPS = ("Network-*-FlowLogGroup", "Network-*-QueryLogGroup")
# Of sessions.
_SESSION_LOG_GROUPS = ("Services-*-SessionLogGroup",)


def build(template: Template, config: ClusterConfig, inputs: Inputs) -> Outputs:
    template.add_condition("HasPermissionsBoundary", Not(Equals(inputs.permissions_boundary_arn, "")))

    ec2, functions, flow_logs = (
        service_principal(config.partition, each) for each in ("ec2", "lambda", "vpc-flow-logs")
    )
    control_plane = _role(template, inputs, "ControlPlaneRole", ec2, "control-plane nodes")
    worker = _role(template, inputs, "WorkerRole", ec2, "workers")
    function = _role(template, inputs, "FunctionRole", functions, "the reconcile function")
    autoscaler = _role_of(
        template, inputs, "AutoscalerRole", "the cluster autoscaler", _trust_in_role(GetAtt(control_plane, "Arn"))
    )
    users = Join(
        ",",
        [*(GetAtt(each, "Arn") for each in (control_plane, worker, function)), *[Join(",", inputs.key_operator_arns)]],
    )
    people = Join(
        ",", [Join(",", each) for each in (inputs.viewer_arns, inputs.editor_arns, inputs.administrator_arns)]
    )
    log_groups = _log_group_arns(config, inputs)
    statements = _key_statements(config.partition, Split(",", users), Split(",", people), log_groups)
    if config.access.ssm:
        nodes = [GetAtt(each, "Arn") for each in (control_plane, worker)]
        statements += _session_statements(inputs.key_operator_arns, nodes)
    reasons = {**_KEY_REASONS, **(_SESSION_REASONS if config.access.ssm else {})}
    ebs_csi = None
    if Addon.EBS_CSI in config.addons.enabled:
        trust = _trust_in_role(GetAtt(control_plane, "Arn"))
        ebs_csi = _role_of(template, inputs, "EbsCsiRole", "the EBS CSI driver", trust)
        statements += _volume_statements(config.partition, GetAtt(ebs_csi, "Arn"))
        reasons |= _VOLUME_REASONS
    key = template.add_resource(
        Key(
            "Key",
            Description=f"Encrypts all data at rest of the cluster {config.name}",
            EnableKeyRotation=True,
            KeyPolicy=policy_dict(statements),
            DeletionPolicy="RetainExceptOnCreate",
            UpdateReplacePolicy="Retain",
            Metadata={"Reasons": reasons},
        )
    )
    # The one physical name here: operators and `make purge` find a retained key by it.
    template.add_resource(Alias("KeyAlias", AliasName=Sub("alias/holdfast-${ClusterUuid}"), TargetKeyId=Ref(key)))

    flow_log = None
    if config.network.vpc == "create":
        flow_log = _role(template, inputs, "FlowLogRole", flow_logs, "the delivery of VPC flow logs", _OWN_ACCOUNT)
    control_plane_profile = _profile(template, inputs, "ControlPlaneInstanceProfile", control_plane)
    worker_profile = _profile(template, inputs, "WorkerInstanceProfile", worker)

    key_arn = KeyArn(GetAtt(key, "Arn"))
    # The right to remove a function's interfaces goes with the role, after the network: Lambda uses it when the
    # function is gone already.
    owned: dict[On, list[Any]] = {On.KEY: [key_arn], On.NETWORK_INTERFACES: ["*"]}
    made = [(Role.CONTROL_PLANE, control_plane), (Role.WORKER, worker), (Role.FUNCTION, function)]
    for role, name in [*made, *([(Role.EBS_CSI, ebs_csi)] if ebs_csi else [])]:
        attach(template, config, "iam", role, RoleName(Ref(name)), owned)

    return Outputs(
        key_arn=key_arn,
        control_plane_role_name=RoleName(Ref(control_plane)),
        control_plane_role_arn=RoleArn(GetAtt(control_plane, "Arn")),
        control_plane_instance_profile_arn=InstanceProfileArn(GetAtt(control_plane_profile, "Arn")),
        worker_role_name=RoleName(Ref(worker)),
        worker_instance_profile_arn=InstanceProfileArn(GetAtt(worker_profile, "Arn")),
        function_role_name=RoleName(Ref(function)),
        function_role_arn=RoleArn(GetAtt(function, "Arn")),
        autoscaler_role_name=RoleName(Ref(autoscaler)),
        autoscaler_role_arn=RoleArn(GetAtt(autoscaler, "Arn")),
        ebs_csi_role_name=RoleName(Ref(ebs_csi)) if ebs_csi else None,
        ebs_csi_role_arn=RoleArn(GetAtt(ebs_csi, "Arn")) if ebs_csi else None,
        flow_log_role_name=RoleName(Ref(flow_log)) if flow_log else None,
        flow_log_role_arn=RoleArn(GetAtt(flow_log, "Arn")) if flow_log else None,
    )


IAM = Layer("iam", Inputs, Outputs, build)


_ACCOUNT = Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")

# The service that assumes the role works for many accounts; it may use this role for this one alone.
_OWN_ACCOUNT: dict[str, dict[str, object]] = {"StringEquals": {"aws:SourceAccount": AccountId}}


def _role(
    template: Template,
    inputs: Inputs,
    name: str,
    service: str | Sub,
    whose: str,
    conditions: dict[str, dict[str, object]] | None = None,
) -> IamRole:
    extra = {"Condition": condition(conditions)} if conditions else {}
    trust = Statement(Effect=Allow, Action=[sts.AssumeRole], Principal=Principal("Service", [service]), **extra)
    return _role_of(template, inputs, name, whose, trust)


def _trust_in_role(arn: GetAtt) -> Statement:
    """One role of this account, by its own policy: were the role itself the principal, it could assume the other one
    from anywhere, for such a trust needs no policy beside it."""
    return Statement(
        Effect=Allow,
        Action=[sts.AssumeRole],
        Principal=AWSPrincipal(_ACCOUNT),
        Condition=condition({"StringEquals": {"aws:PrincipalArn": arn}}),
    )


def _role_of(template: Template, inputs: Inputs, name: str, whose: str, trust: Statement) -> IamRole:
    others = [layer for layer in _POLICIES_IN[name] if layer != "iam"]
    return template.add_resource(
        IamRole(
            name,
            Description=f"Role of {whose}; its permissions on other resources are in {_enumerated(others)}",
            Path=inputs.role_path,
            PermissionsBoundary=If("HasPermissionsBoundary", inputs.permissions_boundary_arn, NoValue),
            AssumeRolePolicyDocument=policy_dict([trust]),
            Metadata={"PoliciesIn": [f"{layer}.json" for layer in _POLICIES_IN[name]]},
        )
    )


def _enumerated(layers: Sequence[str]) -> str:
    """`a.json, b.json and c.json`."""
    *most, last = [f"{layer}.json" for layer in layers]
    return f"{', '.join(most)} and {last}" if most else last


def _profile(template: Template, inputs: Inputs, name: str, role: IamRole) -> InstanceProfile:
    return template.add_resource(InstanceProfile(name, Path=inputs.role_path, Roles=[Ref(role)]))


def _log_group_arns(config: ClusterConfig, inputs: Inputs) -> list[Sub]:
    """Patterns of the ARNs of the stack's log groups.

    CloudFormation names a resource `<stack>-<logical id>-<random part>`, and a nested stack alike, so every name begins
    with the root stack's. The groups themselves are made after the key, and need it.
    """
    made = [*_LOG_GROUPS, *(_VPC_LOG_GROUPS if config.network.vpc == "create" else ())]
    made += _SESSION_LOG_GROUPS if config.access.ssm else ()
    return [
        Sub(
            f"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:${{RootStack}}-{name}-*",
            RootStack=inputs.cluster_id.stack_name(),
        )
        for name in made
    ]


def _key_statements(partition: Partition, users: Split, people: Split, log_groups: list[Sub]) -> list[Statement]:
    """The key policy: administration, use through services by those that are named, and the services that act for
    themselves. `users` and `people` are ARNs; an empty one among them is nobody's. `log_groups` are ARNs' patterns."""
    account = AWSPrincipal(_ACCOUNT)
    auto_scaling: dict[str, dict[str, object]] = {
        # Any principal, narrowed to this account's service-linked role. Naming the role fails where it does not exist
        # yet, and naming the account would only delegate to IAM, where the role's own policy has no kms action.
        "StringEquals": {"kms:CallerAccount": AccountId},
        "ArnLike": {
            "aws:PrincipalArn": Sub(
                "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/"
                "autoscaling.*/AWSServiceRoleForAutoScaling*"
            )
        },
    }
    # Whoever creates or updates the stack, through what CloudFormation does for him: a table and a function that use
    # the key. Service Catalog may stand before CloudFormation. Not by SSM: a stack could read SecureStrings for him.
    by_cloudformation: dict[str, dict[str, object]] = {
        "ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}
    }
    return [
        _statement("Administer", account, _ADMINISTRATION),
        _statement(
            "UseThroughServices",
            account,
            _USE,
            _both(
                via(partition, "dynamodb", "lambda", "s3", "sqs", "ssm"), {"StringEquals": {"aws:PrincipalArn": users}}
            ),
        ),
        # The table alone: by SSM they could read the keys of the cluster's authorities.
        _statement(
            "UseTableAsPerson",
            account,
            (kms.Decrypt, kms.DescribeKey, kms.Encrypt, kms.GenerateDataKey),
            _both(via(partition, "dynamodb"), {"StringEquals": {"aws:PrincipalArn": people}}),
        ),
        _statement(
            "CreateByCloudFormation",
            account,
            # What DynamoDB requires of whoever chooses a table's key ("Key policy for a customer managed key"), Decrypt
            # among it: a creation without it fails (aws/aws-cdk#18616).
            _USE,
            _both(via(partition, "dynamodb", "lambda"), by_cloudformation),
        ),
        _statement(
            "GrantByCloudFormation",
            account,
            (kms.CreateGrant,),
            {
                **_both(via(partition, "dynamodb", "lambda"), by_cloudformation),
                "Bool": {"kms:GrantIsForAWSResource": "true"},
            },
        ),
        _statement("StartInstances", AWSPrincipal("*"), _USE, auto_scaling),
        _statement(
            "AttachVolumes",
            AWSPrincipal("*"),
            (kms.CreateGrant,),
            {**auto_scaling, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
        # All of _USE: the guide asks for Encrypt, Decrypt, ReEncrypt*, GenerateDataKey* and Describe*
        # (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html).
        _statement(
            "EncryptLogs",
            Principal("Service", [service_principal(partition, "logs")]),
            _USE,
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
        ),
        # EventBridge writes undeliverable events of the lifecycle layer's rules to the encrypted failure queue. KMS is
        # not told for which rule or account: "Adding the aws:SourceAccount, aws:SourceArn, and aws:SourceOrgID to a AWS
        # KMS policy is not supported for EventBridge-to-encrypted topics" (SNS developer guide), and with them events
        # were lost (awslabs/landing-zone-accelerator-on-aws#407). The queue's policy names the rules.
        _statement(
            "QueueUndeliverableEvents",
            Principal("Service", [service_principal(partition, "events")]),
            (kms.Decrypt, kms.GenerateDataKey),
        ),
    ]


def _session_statements(operators: PrincipalArns, nodes: list[GetAtt]) -> list[Statement]:
    """The two calls of a session's two ends, which are no service's: without kms:ViaService, and for nothing else."""
    return [
        _statement(
            "EncryptSessions",
            AWSPrincipal(_ACCOUNT),
            (kms.GenerateDataKey,),
            _both(IN_A_SESSION, {"StringEquals": {"aws:PrincipalArn": operators}}),
        ),
        _statement(
            "DecryptSessions",
            AWSPrincipal(_ACCOUNT),
            (kms.Decrypt,),
            _both(IN_A_SESSION, {"StringEquals": {"aws:PrincipalArn": nodes}}),
        ),
    ]


def _volume_statements(partition: Partition, ebs_csi: GetAtt) -> list[Statement]:
    """What EC2 asks the key for when the EBS CSI driver makes a volume or attaches one: what its role is granted."""
    of_role = {"StringEquals": {"aws:PrincipalArn": ebs_csi}}
    return [
        _statement(
            grant.sid,
            AWSPrincipal(_ACCOUNT),
            grant.actions,
            _both(_both(via(partition, *grant.via), grant.conditions), of_role),
        )
        for grant in GRANTS
        if grant.role is Role.EBS_CSI and grant.on is On.KEY
    ]


def _both(one: Mapping[str, Mapping[str, Any]], other: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The conditions of both; where both have an operator, its keys."""
    return {operator: {**one.get(operator, {}), **other.get(operator, {})} for operator in {**one, **other}}


def _statement(
    sid: str,
    principal: Principal,
    actions: tuple[Action, ...],
    conditions: dict[str, dict[str, object]] | None = None,
) -> Statement:
    extra = {"Condition": condition(conditions)} if conditions else {}
    # In a key policy the resource is always the key itself, written as "*".
    return Statement(Sid=sid, Effect=Allow, Principal=principal, Action=list(actions), Resource=["*"], **extra)
