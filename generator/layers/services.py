"""The services layer: what nodes need to know, as SSM parameters, and where they write their logs.

Not made here, because CloudFormation cannot make a SecureString and a String cannot become one: the PKI sets below
`<prefix>/<epoch>/` and the join data below `<prefix>/join/`. The founder and the agents write those at run time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from troposphere import GetAtt, Join, Ref, Sub, Template
from troposphere.logs import LogGroup
from troposphere.ssm import Parameter

from coordination.names import JOIN, OIDC, POOLS, SETTINGS, Addon, AddonField, Setting, parameter_prefix
from generator import sessions
from generator.config.model import ClusterConfig
from generator.grant import On, Role
from generator.layer import Layer, logical_id
from generator.policies import GROUPS, INSTANCES, VOLUMES, attach, repositories
from generator.values import (
    BucketName,
    ClusterId,
    ClusterUuid,
    DnsName,
    DnsNames,
    DocumentName,
    KeyArn,
    ListValue,
    LogGroupName,
    Number,
    ParameterPrefix,
    PolicyArn,
    PrincipalArns,
    RoleArn,
    RoleName,
    RolePath,
    TableName,
    VpcId,
)

# How many parameters CloudFormation makes at the same time, which otherwise is all of them. SSM takes three a second of
# an account (github-aws-runners/terraform-aws-github-runner#2944), and where it refuses more for too long, the stack
# fails (aws-cloudformation/cloudformation-coverage-roadmap#573; re:Post, "How do I prevent Rate exceeded errors in
# CloudFormation?", which says DependsOn). Five is what PokaInc/cfn-cross-region-export#8 has measured.
_PARAMETERS_AT_ONCE = 5


@dataclass(frozen=True)
class Inputs:
    cluster_id: ClusterId
    cluster_uuid: ClusterUuid
    api_endpoint_name: DnsName
    api_extra_names: DnsNames
    backup_bucket: BucketName
    key_arn: KeyArn
    vpc_id: VpcId
    log_retention_days: Annotated[Number, "Retention of node logs in days"]
    audit_log_retention_days: Annotated[Number, "Retention of Kubernetes audit logs and of sessions in days"]
    control_plane_role_name: Annotated[RoleName, "Name of the role of control-plane nodes"]
    worker_role_name: Annotated[RoleName, "Name of the role of workers"]
    autoscaler_role_name: Annotated[RoleName, "Name of the cluster autoscaler's role"]
    autoscaler_role_arn: Annotated[RoleArn, "ARN of the cluster autoscaler's role"]
    viewer_arns: Annotated[PrincipalArns, "ARNs of roles and users that may request access as viewers"]
    editor_arns: Annotated[PrincipalArns, "ARNs of roles and users that may request access as editors"]
    administrator_arns: Annotated[PrincipalArns, "ARNs of roles and users that may request access as administrators"]
    access_table_name: Annotated[TableName, "Name of the DynamoDB table in which people request access"]
    # with access.ssm
    role_path: RolePath | None = None
    # with addons.ebsCsi
    ebs_csi_role_name: Annotated[RoleName | None, "Name of the EBS CSI driver's role"] = None
    ebs_csi_role_arn: Annotated[RoleArn | None, "ARN of the EBS CSI driver's role"] = None


@dataclass(frozen=True)
class Outputs:
    parameter_prefix: ParameterPrefix
    # where alarms or a dashboard show it
    audit_log_group_name: Annotated[LogGroupName | None, "Name of the log group of the Kubernetes audit logs"] = None
    # with access.ssm
    session_document: DocumentName | None = None
    session_policy_arn: Annotated[
        PolicyArn | None, "ARN of the managed policy with which sessions on nodes are started"
    ] = None


def build(template: Template, config: ClusterConfig, inputs: Inputs) -> Outputs:
    control_plane_logs, worker_logs = (
        template.add_resource(LogGroup(name, KmsKeyId=inputs.key_arn, RetentionInDays=inputs.log_retention_days))
        for name in ("ControlPlaneLogGroup", "WorkerLogGroup")
    )
    # A group of its own, for it is kept for longer than what is of use while a node lives.
    audit_logs = template.add_resource(
        LogGroup("AuditLogGroup", KmsKeyId=inputs.key_arn, RetentionInDays=inputs.audit_log_retention_days)
    )
    prefix = parameter_prefix("${ClusterUuid}")
    settings = {
        Setting.CLUSTER_ID: inputs.cluster_id,
        Setting.CLUSTER_NAME: config.name,
        Setting.API_ENDPOINT: inputs.api_endpoint_name,
        Setting.API_EXTRA_NAMES: _listed(inputs.api_extra_names),
        Setting.CONTROL_PLANE_SLOTS: str(config.control_plane.slots),
        Setting.POD_CIDR: config.kubernetes.pod_cidr,
        Setting.SERVICE_CIDR: config.kubernetes.service_cidr,
        Setting.ETCD_VOLUME_GIB: str(config.control_plane.etcd_volume_gib),
        Setting.PRIVILEGED_NAMESPACES: ",".join(config.kubernetes.privileged_namespaces) + ",",
        Setting.NETWORK_ENCRYPTION: config.network.encryption,
        Setting.BACKUP_BUCKET: inputs.backup_bucket,
        Setting.KEY_ARN: inputs.key_arn,
        Setting.CONTROL_PLANE_LOG_GROUP: Ref(control_plane_logs),
        Setting.WORKER_LOG_GROUP: Ref(worker_logs),
        Setting.AUDIT_LOG_GROUP: Ref(audit_logs),
        Setting.AUTOSCALER_ROLE: inputs.autoscaler_role_arn,
        Setting.VIEWERS: _listed(inputs.viewer_arns),
        Setting.EDITORS: _listed(inputs.editor_arns),
        Setting.ADMINISTRATORS: _listed(inputs.administrator_arns),
        Setting.ACCESS_TABLE: inputs.access_table_name,
        Setting.STARTUP_TAINTS: ",".join(_startup_taints(config)) + ",",
        Setting.TAGS: json.dumps(dict(sorted(config.tags.items())), ensure_ascii=False),
        Setting.ADDONS: _addons(config),
    }
    parameters = [
        Parameter(f"{logical_id(name)}Setting", Name=Sub(f"{prefix}/{SETTINGS}/{name}"), Type="String", Value=value)
        for name, value in settings.items()
    ]
    parameters += [
        Parameter(
            f"OidcIssuer{issuer.digest}",
            Name=Sub(f"{prefix}/{OIDC}/{issuer.digest}"),
            Type="String",
            # A bundle of certificates may be more than the standard tier takes, which costs nothing. A parameter
            # never goes back to it, so no tier is named that a smaller bundle would have to leave.
            Tier="Intelligent-Tiering",
            Value=issuer.text,
        )
        for issuer in config.access.oidc
    ]
    for parameter, before in zip(parameters, [*[None] * _PARAMETERS_AT_ONCE, *parameters], strict=False):
        if before is not None:
            parameter.DependsOn = [before.title]
        template.add_resource(parameter)

    base = f"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter{prefix}"
    readable = [Sub(f"{base}/{part}") for folder in (SETTINGS, POOLS, JOIN) for part in (folder, f"{folder}/*")]
    control_plane_resources: dict[On, list[Any]] = {
        On.PARAMETERS: [Sub(f"{base}/*")],
        On.CONTROL_PLANE_LOGS: [GetAtt(logs, "Arn") for logs in (control_plane_logs, audit_logs)],
        On.ADD_ON_ROLES: [inputs.autoscaler_role_arn],
    }
    # A worker's images and its group are nobody's resource here; its grants on them stand beside its settings.
    worker_resources: dict[On, list[Any]] = {
        On.JOIN_PARAMETERS: readable,
        On.WORKER_LOGS: [GetAtt(worker_logs, "Arn")],
        **repositories(config.kubernetes.image_repositories),
        On.GROUPS: [GROUPS],
        On.ANY: ["*"],
    }
    session_document, session_policy_arn = None, None
    if inputs.role_path is not None:
        session_logs = sessions.log_group(template, inputs.key_arn, inputs.audit_log_retention_days)
        session_document = sessions.document(template, session_logs, inputs.key_arn)
        session_policy_arn = sessions.operators_policy(
            template, session_document, inputs.key_arn, inputs.cluster_uuid, inputs.role_path
        )
        of_sessions: dict[On, list[Any]] = {
            On.SESSION_LOGS: [GetAtt(session_logs, "Arn")],
            On.SESSION_KEY: [inputs.key_arn],
        }
        control_plane_resources |= of_sessions
        worker_resources |= of_sessions
    # Nor is it a pool's: one autoscaler scales all of them.
    autoscaler_resources: dict[On, list[Any]] = {On.GROUPS: [GROUPS], On.ANY: ["*"]}
    attached = [
        (Role.CONTROL_PLANE, inputs.control_plane_role_name, control_plane_resources),
        (Role.WORKER, inputs.worker_role_name, worker_resources),
        (Role.AUTOSCALER, inputs.autoscaler_role_name, autoscaler_resources),
    ]
    if inputs.ebs_csi_role_name is not None:
        control_plane_resources[On.ADD_ON_ROLES].append(inputs.ebs_csi_role_arn)
        of_volumes: dict[On, list[Any]] = {On.VOLUMES: [VOLUMES], On.INSTANCES: [INSTANCES], On.ANY: ["*"]}
        attached.append((Role.EBS_CSI, inputs.ebs_csi_role_name, of_volumes))
    for role, role_name, resources in attached:
        attach(
            template,
            config,
            SERVICES.name,
            role,
            role_name,
            resources,
            cluster_uuid=inputs.cluster_uuid,
            vpc_id=inputs.vpc_id,
        )
    return Outputs(
        ParameterPrefix(Sub(prefix)),
        LogGroupName(Ref(audit_logs)) if config.monitoring.any else None,
        session_document,
        session_policy_arn,
    )


SERVICES = Layer("services", Inputs, Outputs, build)


def _startup_taints(config: ClusterConfig) -> list[str]:
    """The keys of taints that the autoscaler is to be told are removed."""
    return sorted({taint.key for pool in config.pools for taint in pool.taints if taint.startup})


def _addons(config: ClusterConfig) -> str | Sub:
    """What is switched on, as a JSON object with what each needs to know."""
    told = {Addon.EBS_CSI: {AddonField.ROLE: "${EbsCsiRoleArn}"}}
    text = json.dumps({addon: told.get(addon, {}) for addon in config.addons.enabled}, separators=(",", ":"))
    return Sub(text) if any(told.get(addon) for addon in config.addons.enabled) else text


def _listed(names: ListValue) -> Join:
    """A list as text: SSM refuses an empty value, and no name holds a comma, so "," stands for "none"."""
    return Join("", [Join(",", names), ","])
