"""Every parameter of the root template, in the order in which the console shows them."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Template

from generator import parameter_rules
from generator.config.model import ClusterConfig
from generator.layer import logical_id
from generator.parameters import Parameters
from generator.root_parameters import capacity
from generator.root_parameters.capacity import HostGroup, PoolParameters
from generator.root_parameters.network import NetworkParameters, network
from generator.root_parameters.patterns import DNS_NAME, IAM_NAME, PARTITION
from generator.values import (
    CapacityReservationGroupArn,
    DnsNames,
    ImageId,
    InstanceType,
    Number,
    PolicyArn,
    PrincipalArns,
    RolePath,
    TopicArns,
)

# The retentions that CloudWatch Logs knows, in days.
RETENTION_DAYS = [
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
]
# A boot (one heartbeat), a drain and a removal have to fit into the hour that CloudFormation waits for a signal.
MAX_LAUNCH_HEARTBEAT_SECONDS = 2400
# Actions of an alarm for one of its states (CloudWatch API reference, PutMetricAlarm).
MOST_TOPICS = 5


@dataclass(frozen=True)
class RootParameters:
    control_plane_image: ImageId
    control_plane_instance_type: InstanceType
    launch_hook_heartbeat_seconds: Number
    api_extra_names: DnsNames
    pools: list[PoolParameters]
    host_groups: dict[str, HostGroup]
    reservations: dict[str, CapacityReservationGroupArn]
    network: NetworkParameters
    permissions_boundary_arn: PolicyArn
    key_operator_arns: PrincipalArns
    viewer_arns: PrincipalArns
    editor_arns: PrincipalArns
    administrator_arns: PrincipalArns
    role_path: RolePath
    log_retention_days: Number
    audit_log_retention_days: Number
    alarm_topic_arns: TopicArns | None


def declare(template: Template, config: ClusterConfig) -> RootParameters:
    parameters = Parameters(template)
    control_plane_image = capacity.image(parameters, "ControlPlaneImage", "control-plane nodes")
    images = capacity.pool_images(parameters, config)
    declared = RootParameters(
        control_plane_image=control_plane_image,
        network=network(parameters, config),
        host_groups={name: capacity.host_group(parameters, name) for name in config.host_resource_groups},
        reservations={name: capacity.reservation(parameters, name) for name in config.capacity_reservations},
        control_plane_instance_type=capacity.instance_type(
            parameters,
            "Control plane",
            "ControlPlaneInstanceType",
            "control-plane nodes",
            config.control_plane.instance_type,
        ),
        launch_hook_heartbeat_seconds=parameters.add(
            "Control plane",
            "LaunchHookHeartbeatSeconds",
            Number,
            "Heartbeat timeout of the launch hook (seconds)",
            "How long a new control-plane node may go without a heartbeat before its launch is abandoned",
            Default=1800,
            MinValue=30,
            MaxValue=MAX_LAUNCH_HEARTBEAT_SECONDS,
        ),
        api_extra_names=parameters.add(
            "Control plane",
            "ApiExtraNames",
            DnsNames,
            "Additional SANs of the API server certificate",
            "Comma-separated DNS names that the API server certificate is valid for besides the API's own name; empty "
            "for none",
            Default="",
            AllowedPattern=f"^({DNS_NAME})?$",
            ConstraintDescription="must be lower-case DNS names, separated by commas",
        ),
        pools=capacity.pools(parameters, config, images),
        viewer_arns=_principals(
            parameters,
            "Access",
            "ViewerArns",
            "Viewers",
            "Comma-separated ARNs of roles and users that may get a client certificate with which they read the "
            "cluster; empty for none",
        ),
        editor_arns=_principals(
            parameters,
            "Access",
            "EditorArns",
            "Editors",
            "Comma-separated ARNs of roles and users that may get a client certificate with which they change what is "
            "in the namespaces that an administrator opens to them; empty for none",
        ),
        administrator_arns=_principals(
            parameters,
            "Access",
            "AdministratorArns",
            "Administrators",
            "Comma-separated ARNs of roles and users that may get a client certificate with which they do everything "
            "in the cluster; empty for none",
        ),
        key_operator_arns=_principals(
            parameters,
            "Access",
            "KeyOperatorArns",
            "Key operators",
            "Comma-separated ARNs of roles and users that may use the cluster's KMS key through AWS services, as its "
            "own roles do: to read the cluster table, and to approve; empty for none",
        ),
        permissions_boundary_arn=parameters.add(
            "Account",
            "PermissionsBoundaryArn",
            PolicyArn,
            "Permissions boundary",
            "ARN of the managed policy that is the permissions boundary of every role of the cluster; empty for none",
            Default="",
            AllowedPattern=f"^({PARTITION}:iam::([0-9]{{12}}|aws):policy/({IAM_NAME}+/)*{IAM_NAME}{{1,128}})?$",
            ConstraintDescription="must be empty or the ARN of a managed policy",
        ),
        role_path=parameters.add(
            "Account",
            "RolePath",
            RolePath,
            "IAM role path",
            "IAM path of every role, instance profile and managed policy of the cluster",
            Default="/holdfast/",
            # The path of a managed policy takes less than that of a role, and is at most 512 characters long.
            AllowedPattern=f"^/({IAM_NAME}+/)*$",
            MaxLength=512,
            ConstraintDescription="must start and end with a slash, and hold letters, digits and +=,.@_-",
        ),
        log_retention_days=parameters.add(
            "Account",
            "LogRetentionDays",
            Number,
            "Log retention (days)",
            "How long CloudWatch Logs keeps the logs of nodes, the reconcile function and the network",
            Default=90,
            AllowedValues=RETENTION_DAYS,
        ),
        audit_log_retention_days=parameters.add(
            "Account",
            "AuditLogRetentionDays",
            Number,
            "Audit log retention (days)",
            "How long CloudWatch Logs keeps the Kubernetes audit logs, and the logs of sessions on nodes",
            Default=365,
            AllowedValues=RETENTION_DAYS,
        ),
        alarm_topic_arns=_topics(parameters) if config.monitoring.alarms else None,
    )
    parameters.add_interface()
    for pool in config.pools:
        parameter_rules.sizes(template, logical_id(pool.name))
    parameter_rules.prefix_lists(template)
    if config.network.vpc == "given":
        parameter_rules.given_network(template)
    return declared


def _topics(parameters: Parameters) -> TopicArns:
    return parameters.add(
        "Account",
        "AlarmTopicArns",
        TopicArns,
        "Topics of alarms",
        f"Comma-separated ARNs of at most {MOST_TOPICS} SNS topics of the stack's region that alarms notify; empty for "
        "none. A topic that is encrypted needs a key that CloudWatch may use",
        Default="",
        # CloudFormation checks it on every entry of the list.
        AllowedPattern=f"^({PARTITION}:sns:[a-z0-9-]+:[0-9]{{12}}:[A-Za-z0-9_-]{{1,256}}(\\.fifo)?)?$",
        ConstraintDescription="must be ARNs of SNS topics, separated by commas",
    )


def _principals(parameters: Parameters, group: str, name: str, label: str, text: str) -> PrincipalArns:
    return parameters.add(
        group,
        name,
        PrincipalArns,
        label,
        text,
        Default="",
        # CloudFormation checks the pattern on every entry of a list. A path may hold every printable character: without
        # those that mean something in a list, in a policy, and in the keys of requests (coordination/names.py).
        AllowedPattern=rf"^({PARTITION}:iam::[0-9]{{12}}:(role|user)/([!\"%-)+\-->@-~]+/)?[A-Za-z0-9+=.@_-]{{1,64}})?$",
        ConstraintDescription="must be ARNs of roles or users, separated by commas",
    )
