"""Names that may never change: a changed one replaces what it names, in every cluster that exists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from tests.templates.cluster import Cluster
from tests.templates.rules.rule import rule

# Nested stack in the root -> its template. A pool's are WorkersX and workers-x.json.
STACKS = {
    "Iam": "iam.json",
    "Network": "network.json",
    "Database": "database.json",
    "Services": "services.json",
    "Lifecycle": "lifecycle.json",
    "Controlplane": "controlplane.json",
}
# With monitoring.alarms, monitoring.dashboard, or both.
MONITORING_STACK = {"Monitoring": "monitoring.json"}
# With monitoring.alarms and monitoring.dashboard. An alarm's name stands in people's mails and tools.
ALARM_RESOURCES = dict.fromkeys(
    (
        "monitoring/ApiUnavailable",
        "monitoring/AuditLogSilent",
        "monitoring/ConditionsStored",
        "monitoring/FunctionFails",
        "monitoring/NoAgentLeads",
        "monitoring/ReadingsUnknown",
        "monitoring/SlotsNotWhole",
        "monitoring/TerminationHeld",
    ),
    "AWS::CloudWatch::Alarm",
)
DASHBOARD_RESOURCES = {"monitoring/Dashboard": "AWS::CloudWatch::Dashboard"}
# Resources that hold state, or that something outside of the templates knows by their logical id.
RESOURCES = {
    "root/Teardown": "Custom::Teardown",
    "iam/Key": "AWS::KMS::Key",
    "iam/ControlPlaneRole": "AWS::IAM::Role",
    "iam/WorkerRole": "AWS::IAM::Role",
    "iam/FunctionRole": "AWS::IAM::Role",
    "iam/AutoscalerRole": "AWS::IAM::Role",
    "network/ApiBalancer": "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "network/ApiTargetGroup": "AWS::ElasticLoadBalancingV2::TargetGroup",
    "network/ApiRecord": "AWS::Route53::RecordSet",
    "network/BalancerGroup": "AWS::EC2::SecurityGroup",
    "network/ControlPlaneGroup": "AWS::EC2::SecurityGroup",
    "network/WorkerGroup": "AWS::EC2::SecurityGroup",
    "database/Table": "AWS::DynamoDB::Table",
    "database/BackupBucket": "AWS::S3::Bucket",
    "services/ControlPlaneLogGroup": "AWS::Logs::LogGroup",
    "services/WorkerLogGroup": "AWS::Logs::LogGroup",
    "services/AuditLogGroup": "AWS::Logs::LogGroup",
    "lifecycle/Reconcile": "AWS::Lambda::Function",
    "lifecycle/FailureQueue": "AWS::SQS::Queue",
    "controlplane/ClusterReady": "AWS::CloudFormation::WaitCondition",
}
# Where the VPC is made.
VPC_RESOURCES = {
    "network/Vpc": "AWS::EC2::VPC",
    "network/ControlPlaneSubnet0": "AWS::EC2::Subnet",
    "network/WorkerSubnet0": "AWS::EC2::Subnet",
    "network/QueryLogGroup": "AWS::Logs::LogGroup",
}
# With access.ssm.
SESSION_RESOURCES = {
    "services/SessionLogGroup": "AWS::Logs::LogGroup",
    "services/SessionDocument": "AWS::SSM::Document",
    "services/SessionPolicy": "AWS::IAM::ManagedPolicy",
}
# With addons.ebsCsi.
EBS_CSI_RESOURCES = {"iam/EbsCsiRole": "AWS::IAM::Role"}
SESSION_OUTPUTS = {"SessionDocument", "SessionPolicyArn"}
PARAMETERS = {
    "ApiClientCidrs",
    "ApiClientPrefixListId",
    "ApiExtraNames",
    "AdministratorArns",
    "AuditLogRetentionDays",
    "ControlPlaneImage",
    "ControlPlaneInstanceType",
    "DynamoDbPrefixListId",
    "EditorArns",
    "KeyOperatorArns",
    "LaunchHookHeartbeatSeconds",
    "LogRetentionDays",
    "PermissionsBoundaryArn",
    "RolePath",
    "S3PrefixListId",
    "ViewerArns",
    "WorkerImage",
}
MADE_VPC_PARAMETERS = {"AvailabilityZones"}
GIVEN_VPC_PARAMETERS = {"ControlPlaneSubnetIds", "VpcId", "WorkerSubnetIds"}
GIVEN_ENDPOINTS_PARAMETERS = {"EndpointCidrs"}
GIVEN_ZONE_PARAMETERS = {"ApiEndpointName", "HostedZoneId"}
OUTPUTS = {
    "AccessTableName",
    "AdminOperatorPolicyArn",
    "ApiBalancerName",
    "ApiEndpoint",
    "BackupBucket",
    "CertificateAuthorityCommand",
    "ClusterUuid",
    "ControlPlaneGroups",
    "EditOperatorPolicyArn",
    "KeyArn",
    "TableName",
    "ViewOperatorPolicyArn",
    "WorkerGroups",
}
HOOKS = {"${ClusterUuid}-launching", "${ClusterUuid}-terminating"}
SETTINGS = {
    "api-endpoint",
    "api-extra-names",
    "audit-log-group",
    "access-table",
    "addons",
    "administrators",
    "autoscaler-role",
    "backup-bucket",
    "cluster-id",
    "cluster-name",
    "control-plane-log-group",
    "control-plane-slots",
    "control-plane-stack",
    "editors",
    "etcd-volume-gib",
    "key-arn",
    "network-encryption",
    "pod-cidr",
    "privileged-namespaces",
    "service-cidr",
    "startup-taints",
    "tags",
    "viewers",
    "worker-log-group",
}


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


@rule
def nested_stacks_keep_their_names(cluster: Cluster) -> Iterator[str]:
    wanted = {**STACKS, **(MONITORING_STACK if cluster.config.monitoring.any else {})}
    wanted |= {f"Workers{_camel(pool.name)}": f"workers-{pool.name}.json" for pool in cluster.config.pools}
    found = {stack.logical_id: f"{layer}.json" for layer, stack in cluster.stacks.items()}
    if found != wanted:
        yield f"root: {found}, not {wanted}"


@rule
def resources_that_hold_state_keep_their_logical_ids(cluster: Cluster) -> Iterator[str]:
    wanted = RESOURCES | (VPC_RESOURCES if cluster.config.network.vpc == "create" else {})
    wanted |= SESSION_RESOURCES if cluster.config.access.ssm else {}
    wanted |= EBS_CSI_RESOURCES if cluster.config.addons.ebs_csi else {}
    wanted |= ALARM_RESOURCES if cluster.config.monitoring.alarms else {}
    wanted |= DASHBOARD_RESOURCES if cluster.config.monitoring.dashboard else {}
    wanted |= {f"controlplane/Slot{slot}": "AWS::AutoScaling::AutoScalingGroup" for slot in range(3)}
    wanted |= {f"workers-{pool.name}/Group": "AWS::AutoScaling::AutoScalingGroup" for pool in cluster.config.pools}
    found = {str(resource): resource.type for resource in cluster.resources()}
    for name, kind in wanted.items():
        if found.get(name) != kind:
            yield f"{name}: is {found.get(name)}, not {kind}"


@rule
def parameters_and_outputs_of_the_root_keep_their_names(cluster: Cluster) -> Iterator[str]:
    config = cluster.config
    given = config.network.vpc == "given"
    wanted = PARAMETERS | (GIVEN_VPC_PARAMETERS if given else MADE_VPC_PARAMETERS)
    wanted |= GIVEN_ENDPOINTS_PARAMETERS if config.network.endpoints == "given" else set()
    wanted |= GIVEN_ZONE_PARAMETERS if config.network.private_zone == "given" else set()
    wanted |= {"RouteTableIds"} if given and config.network.gateway_endpoints == "create" else set()
    wanted |= {"AlarmTopicArns"} if config.monitoring.alarms else set()
    wanted -= set() if any(pool.image == "shared" for pool in config.pools) else {"WorkerImage"}
    for pool in config.pools:
        own = ("Image",) if pool.image == "own" else ()
        wanted |= {f"{_camel(pool.name)}{what}" for what in ("InstanceType", "MinSize", "MaxSize", *own)}
    for group in config.host_resource_groups:
        wanted |= {f"HostResourceGroup{_camel(group)}Arn", f"LicenseConfiguration{_camel(group)}Arn"}
    wanted |= {f"CapacityReservationGroup{_camel(name)}Arn" for name in config.capacity_reservations}
    root = cluster.templates["root"]
    if set(root["Parameters"]) != wanted:
        yield f"root: parameters differ by {sorted(set(root['Parameters']) ^ wanted)}"
    outputs = OUTPUTS | (SESSION_OUTPUTS if config.access.ssm else set())
    outputs |= {"DashboardName"} if config.monitoring.dashboard else set()
    if set(root["Outputs"]) != outputs:
        yield f"root: outputs differ by {sorted(set(root['Outputs']) ^ outputs)}"


@rule
def hooks_and_settings_keep_their_names(cluster: Cluster) -> Iterator[str]:
    hooks = {
        hook["LifecycleHookName"]["Fn::Sub"]
        for group in cluster.resources("AWS::AutoScaling::AutoScalingGroup")
        for hook in group.properties["LifecycleHookSpecificationList"]
    }
    if hooks != HOOKS:
        yield f"hooks {sorted(hooks)}, not {sorted(HOOKS)}"
    settings = {parameter.properties["Name"]["Fn::Sub"] for parameter in cluster.resources("AWS::SSM::Parameter")}
    wanted = {f"/holdfast/${{ClusterUuid}}/settings/{name}" for name in SETTINGS}
    wanted |= {f"/holdfast/${{ClusterUuid}}/pools/{pool.name}" for pool in cluster.config.pools}
    # By the URL alone: a change of anything else is a change of the same parameter.
    urls = (issuer.url for issuer in cluster.config.access.oidc)
    wanted |= {f"/holdfast/${{ClusterUuid}}/oidc/{hashlib.sha256(url.encode()).hexdigest()[:16]}" for url in urls}
    if settings != wanted:
        yield f"settings differ by {sorted(settings ^ wanted)}"
    aliases = [alias.properties["AliasName"] for alias in cluster.resources("AWS::KMS::Alias")]
    if aliases != [{"Fn::Sub": "alias/holdfast-${ClusterUuid}"}]:
        yield f"iam: key aliases {aliases}"
