"""The services layer: what nodes need to know, as SSM parameters, and where they write their log.

Not made here, because CloudFormation cannot make a SecureString and a String cannot become one: the PKI sets below
`<prefix>/<epoch>/` and the join data below `<prefix>/join/`. The founder and the agents write those at run time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, Join, Ref, Sub, Template
from troposphere.logs import LogGroup
from troposphere.ssm import Parameter

from generator.config.model import ClusterConfig
from generator.layer import Layer, logical_id
from generator.names import JOIN, PARAMETER_ROOT, POOLS, SETTINGS
from generator.permissions import GROUPS, REPOSITORIES, On, Role, attach
from generator.values import (
    BucketName,
    ClusterId,
    ClusterUuid,
    DnsName,
    DnsNames,
    KeyArn,
    Number,
    ParameterPrefix,
    RoleName,
    VpcId,
)


@dataclass(frozen=True)
class Inputs:
    cluster_id: ClusterId
    cluster_uuid: ClusterUuid
    api_endpoint_name: DnsName
    api_extra_names: DnsNames
    backup_bucket: BucketName
    key_arn: KeyArn
    vpc_id: VpcId
    log_retention_days: Number
    control_plane_role_name: RoleName
    worker_role_name: RoleName


@dataclass(frozen=True)
class Outputs:
    parameter_prefix: ParameterPrefix


def build(template: Template, config: ClusterConfig, inputs: Inputs) -> Outputs:
    node_logs = template.add_resource(
        LogGroup("NodeLogGroup", KmsKeyId=inputs.key_arn, RetentionInDays=inputs.log_retention_days)
    )
    settings = {
        "cluster-id": inputs.cluster_id,
        "cluster-name": config.name,
        "api-endpoint": inputs.api_endpoint_name,
        # SSM refuses an empty value, and a name can hold no comma: "," stands for "none".
        "api-extra-names": Join("", [Join(",", inputs.api_extra_names), ","]),
        "control-plane-slots": str(config.control_plane.slots),
        "pod-cidr": config.kubernetes.pod_cidr,
        "service-cidr": config.kubernetes.service_cidr,
        "backup-bucket": inputs.backup_bucket,
        "key-arn": inputs.key_arn,
        "node-log-group": Ref(node_logs),
    }
    for name, value in settings.items():
        template.add_resource(
            Parameter(
                f"{logical_id(name)}Setting",
                Name=Sub(f"{PARAMETER_ROOT}/${{ClusterUuid}}/{SETTINGS}/{name}"),
                Type="String",
                Value=value,
            )
        )

    base = (
        f"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter{PARAMETER_ROOT}/${{ClusterUuid}}"
    )
    readable = [Sub(f"{base}/{part}") for folder in (SETTINGS, POOLS, JOIN) for part in (folder, f"{folder}/*")]
    log_streams = [GetAtt(node_logs, "Arn")]
    control_plane_resources: dict[On, list[Any]] = {On.PARAMETERS: [Sub(f"{base}/*")], On.NODE_LOGS: log_streams}
    # A worker's images and its group are nobody's resource here; its grants on them stand beside its settings.
    worker_resources: dict[On, list[Any]] = {
        On.JOIN_PARAMETERS: readable,
        On.NODE_LOGS: log_streams,
        On.REPOSITORIES: [REPOSITORIES],
        On.GROUPS: [GROUPS],
        On.ANY: ["*"],
    }
    for role, role_name, resources in (
        (Role.CONTROL_PLANE, inputs.control_plane_role_name, control_plane_resources),
        (Role.WORKER, inputs.worker_role_name, worker_resources),
    ):
        attach(
            template,
            SERVICES.name,
            role,
            role_name,
            resources,
            cluster_uuid=inputs.cluster_uuid,
            vpc_id=inputs.vpc_id,
            central_endpoints=config.network.endpoints == "given",
        )
    return Outputs(parameter_prefix=ParameterPrefix(Sub(f"{PARAMETER_ROOT}/${{ClusterUuid}}")))


SERVICES = Layer("services", Inputs, Outputs, build)
