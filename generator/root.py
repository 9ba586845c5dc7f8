"""The root template: what a person may set, and how the layers join. Read this first."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from troposphere import Join, Output, Select, Split, StackId, Sub, Template
from troposphere.cloudformation import CustomResource

from coordination.names import (
    API_PORT,
    GIVEN_VPC_METADATA,
    JOIN_CA,
    TEARDOWN_RESOURCE_TYPE,
    TEARDOWN_TIMEOUT_SECONDS,
    UPDATE_CHECK_RESOURCE_TYPE,
    UPDATE_CHECK_TIMEOUT_SECONDS,
    StatedVpc,
)
from generator import rendering, tags
from generator.config.model import ClusterConfig
from generator.layer import Layer, Parent, Wire, logical_id, new_template
from generator.layers import controlplane, database, iam, lifecycle, monitoring, network, services, workers
from generator.layers.controlplane import CONTROLPLANE
from generator.layers.database import DATABASE
from generator.layers.iam import IAM
from generator.layers.lifecycle import LIFECYCLE
from generator.layers.monitoring import MONITORING
from generator.layers.network import NETWORK
from generator.layers.services import SERVICES
from generator.root_parameters import RootParameters, declare
from generator.values import ClusterId, ClusterUuid, FunctionArn, GroupNames

# How long the creation of a nested stack may take. The control plane: the hour of ClusterReady and the ten minutes of
# Start, whose own time-outs say more and so have to come first, and twenty minutes for what is made in a moment.
_CONTROL_PLANE_MINUTES = 90
# A pool: CloudFormation waits until the instances of its smallest size run. Where a zone has no room for them it would
# wait for six hours, and after one it is no matter of minutes any more.
_POOL_MINUTES = 60


class Teardown(CustomResource):
    """Custom::Teardown: its deletion comes first and ends the cluster's life before its machines go."""

    resource_type = TEARDOWN_RESOURCE_TYPE
    props = {**CustomResource.props, "ClusterId": (str, True)}


class UpdateCheck(CustomResource):
    """Custom::UpdateCheck: its update comes before those of all launch templates, and the function may refuse it."""

    resource_type = UPDATE_CHECK_RESOURCE_TYPE
    props = {
        **CustomResource.props,
        "Replacement": (str, True),
        # CloudFormation asks only when a property has changed: these two do with whatever replaces control planes.
        "ControlPlaneParameters": (dict, True),
        "ControlPlaneTemplate": (str, True),
    }


@dataclass(frozen=True)
class Root:
    """Everything that generating yields: the root, the nested templates by layer name, the wires between them."""

    template: Template
    children: dict[str, Template]
    wires: list[Wire]


def build(config: ClusterConfig) -> Root:
    template = new_template(f"Kubernetes on EC2, {config.name}: a self-managed, self-healing cluster", config)
    cluster_id = ClusterId(StackId)
    cluster_uuid = ClusterUuid(Select(2, Split("/", StackId)))
    parent = Parent(template, config, cluster_uuid)
    given = declare(template, config)
    if config.network.vpc == "given":
        template.metadata[GIVEN_VPC_METADATA] = {
            StatedVpc.CIDRS.value: [config.network.vpc_cidr, *config.network.vpc_secondary_cidrs],
            StatedVpc.TENANCY.value: config.network.tenancy,
        }

    # layers, each from what the ones above it give
    access = IAM.nest(
        parent,
        iam.Inputs(
            cluster_id=cluster_id,
            cluster_uuid=cluster_uuid,
            permissions_boundary_arn=given.permissions_boundary_arn,
            key_operator_arns=given.key_operator_arns,
            viewer_arns=given.viewer_arns,
            editor_arns=given.editor_arns,
            administrator_arns=given.administrator_arns,
            role_path=given.role_path,
        ),
    )
    made_vpc = config.network.vpc == "create"
    net = NETWORK.nest(
        parent,
        network.Inputs(
            api_client_cidrs=given.network.api_client_cidrs,
            api_client_prefix_list_id=given.network.api_client_prefix_list_id,
            s3_prefix_list_id=given.network.s3_prefix_list_id,
            dynamodb_prefix_list_id=given.network.dynamodb_prefix_list_id,
            zones=given.network.zones,
            flow_log_role_name=access.flow_log_role_name,
            flow_log_role_arn=access.flow_log_role_arn,
            key_arn=access.key_arn if made_vpc else None,
            log_retention_days=given.log_retention_days if made_vpc else None,
            vpc_id=given.network.vpc_id,
            control_plane_subnet_ids=given.network.control_plane_subnet_ids,
            worker_subnet_ids=given.network.worker_subnet_ids,
            route_table_ids=given.network.route_table_ids,
            endpoint_cidrs=given.network.endpoint_cidrs,
            cluster_uuid=cluster_uuid if config.network.private_zone == "create" else None,
            hosted_zone_id=given.network.hosted_zone_id,
            api_endpoint_name=given.network.api_endpoint_name,
        ),
        # Deleted before the role by which Lambda removes a function's interfaces, which hold subnets and groups. A VPC
        # that is made has wires from it.
        after=[IAM] if config.lifecycle.function_in_vpc and not made_vpc else [],
    )
    data = DATABASE.nest(
        parent,
        database.Inputs(
            cluster_id=cluster_id,
            key_arn=access.key_arn,
            vpc_id=net.vpc_id,
            role_path=given.role_path,
            control_plane_role_name=access.control_plane_role_name,
            control_plane_role_arn=access.control_plane_role_arn,
            viewer_arns=given.viewer_arns,
            editor_arns=given.editor_arns,
            worker_role_name=access.worker_role_name,
        ),
    )
    settings = SERVICES.nest(
        parent,
        services.Inputs(
            cluster_id=cluster_id,
            cluster_uuid=cluster_uuid,
            api_endpoint_name=net.api_endpoint_name,
            api_extra_names=given.api_extra_names,
            backup_bucket=data.backup_bucket,
            key_arn=access.key_arn,
            vpc_id=net.vpc_id,
            log_retention_days=given.log_retention_days,
            audit_log_retention_days=given.audit_log_retention_days,
            control_plane_role_name=access.control_plane_role_name,
            worker_role_name=access.worker_role_name,
            autoscaler_role_name=access.autoscaler_role_name,
            autoscaler_role_arn=access.autoscaler_role_arn,
            viewer_arns=given.viewer_arns,
            editor_arns=given.editor_arns,
            administrator_arns=given.administrator_arns,
            access_table_name=data.access_table_name,
            role_path=given.role_path if config.access.ssm else None,
            ebs_csi_role_name=access.ebs_csi_role_name,
            ebs_csi_role_arn=access.ebs_csi_role_arn,
        ),
    )
    reconcile = LIFECYCLE.nest(
        parent,
        lifecycle.Inputs(
            cluster_id=cluster_id,
            cluster_uuid=cluster_uuid,
            function_role_name=access.function_role_name,
            function_role_arn=access.function_role_arn,
            key_arn=access.key_arn,
            table_name=data.table_name,
            table_arn=data.table_arn,
            table_stream_arn=data.table_stream_arn,
            api_target_group_arn=net.api_target_group_arn,
            log_retention_days=given.log_retention_days,
            subnet_ids=net.control_plane_subnet_ids if config.lifecycle.function_in_vpc else None,
            security_group_id=net.function_security_group_id,
        ),
    )
    # Groups come after everything that their hooks need, so that on deletion they go before it: the function's ARN is
    # a wire from the layer that holds all of that.
    control_plane_hosts = given.host_groups.get(config.control_plane.host_resource_group or "")
    control_plane = CONTROLPLANE.nest(
        parent,
        controlplane.Inputs(
            cluster_id=cluster_id,
            cluster_uuid=cluster_uuid,
            function_arn=reconcile.function_arn,
            image=given.control_plane_image,
            instance_type=given.control_plane_instance_type,
            instance_profile_arn=access.control_plane_instance_profile_arn,
            function_role_name=access.function_role_name,
            role_name=access.control_plane_role_name,
            key_arn=access.key_arn,
            launch_hook_heartbeat_seconds=given.launch_hook_heartbeat_seconds,
            vpc_id=net.vpc_id,
            subnet_ids=net.control_plane_subnet_ids,
            security_group_id=net.control_plane_security_group_id,
            api_target_group_arn=net.api_target_group_arn,
            table_name=data.table_name,
            parameter_prefix=settings.parameter_prefix,
            host_resource_group_arn=control_plane_hosts.arn if control_plane_hosts else None,
            license_configuration_arn=control_plane_hosts.license if control_plane_hosts else None,
            capacity_reservation_group_arn=given.reservations.get(config.control_plane.capacity_reservation or ""),
        ),
        timeout_minutes=_CONTROL_PLANE_MINUTES,
    )
    _check_updates(parent, reconcile.function_arn)
    worker_groups: list[GroupNames] = []
    layers_with_groups: list[Layer[Any, Any]] = [CONTROLPLANE]
    for pool in given.pools:
        pool_hosts = given.host_groups.get(pool.pool.host_resource_group or "")
        pool_layer = workers.workers(pool.pool)
        made = pool_layer.nest(
            parent,
            workers.Inputs(
                cluster_uuid=cluster_uuid,
                min_size=pool.min_size,
                max_size=pool.max_size,
                image=pool.image,
                instance_type=pool.instance_type,
                instance_profile_arn=access.worker_instance_profile_arn,
                key_arn=access.key_arn,
                subnet_ids=net.worker_subnet_ids,
                security_group_id=net.worker_security_group_id,
                table_name=data.table_name,
                parameter_prefix=settings.parameter_prefix,
                host_resource_group_arn=pool_hosts.arn if pool_hosts else None,
                license_configuration_arn=pool_hosts.license if pool_hosts else None,
                capacity_reservation_group_arn=given.reservations.get(pool.pool.capacity_reservation or ""),
            ),
            # After the cluster is there. A worker then finds what the control plane's stack tells nodes, its minutes do
            # not pass while the cluster is founded, and a pool's group is never an account's first: the launches of
            # that one fail until the role of Auto Scaling, which it makes, can be used.
            after=[CONTROLPLANE],
            timeout_minutes=_POOL_MINUTES,
        )
        worker_groups.append(made.group_name)
        layers_with_groups.append(pool_layer)

    watch = _watch(parent, given, net, settings, reconcile) if config.monitoring.any else monitoring.Outputs()

    # Deleted first: it waits for nothing but itself, and everything else waits for it.
    template.add_resource(
        Teardown(
            "Teardown",
            ServiceToken=reconcile.function_arn,
            ServiceTimeout=TEARDOWN_TIMEOUT_SECONDS,
            ClusterId=cluster_id,
            DependsOn=[logical_id(layer.name) for layer in layers_with_groups],
        )
    )
    tags.add(template, config.tags)
    for name, description, value in (
        ("ApiEndpoint", "URL of the Kubernetes API", Sub(f"https://${{Name}}:{API_PORT}", Name=net.api_endpoint_name)),
        ("ClusterUuid", "UUID of the cluster, which its tags, lifecycle hooks and SSM parameters carry", cluster_uuid),
        ("TableName", "Name of the cluster table in DynamoDB", data.table_name),
        ("AccessTableName", "Name of the DynamoDB table in which people request access", data.access_table_name),
        (
            "ApiBalancerName",
            "DNS name of the API's load balancer, for clients that cannot resolve the API's own name",
            net.api_balancer_name,
        ),
        (
            "ViewOperatorPolicyArn",
            "ARN of the managed policy with which ViewerArns request access",
            data.view_policy_arn,
        ),
        (
            "EditOperatorPolicyArn",
            "ARN of the managed policy with which EditorArns request access",
            data.edit_policy_arn,
        ),
        (
            "AdminOperatorPolicyArn",
            "ARN of the managed policy with which AdministratorArns request access and approve",
            data.admin_policy_arn,
        ),
        ("BackupBucket", "Name of the S3 bucket for etcd snapshots", data.backup_bucket),
        ("KeyArn", "ARN of the KMS key that encrypts the cluster's data at rest", access.key_arn),
        (
            "ControlPlaneGroups",
            "Names of the slots' Auto Scaling groups, separated by commas",
            control_plane.group_names.to_text(),
        ),
        (
            "WorkerGroups",
            "Names of the pools' Auto Scaling groups, separated by commas",
            Join(",", [group.to_text() for group in worker_groups]),
        ),
        (
            "CertificateAuthorityCommand",
            "Command that prints the cluster's CA certificate, once the first node has published it",
            Sub(
                f"aws ssm get-parameter --name ${{Prefix}}/{JOIN_CA} --query Parameter.Value --output text",
                Prefix=settings.parameter_prefix,
            ),
        ),
        (
            "SessionDocument",
            "Name of the Session Manager document by which shells on nodes are opened",
            settings.session_document,
        ),
        (
            "SessionPolicyArn",
            "ARN of the managed policy to attach to whoever opens shells on nodes",
            settings.session_policy_arn,
        ),
        ("DashboardName", "Name of the cluster's dashboard in CloudWatch", watch.dashboard_name),
    ):
        if value is not None:
            template.add_output(Output(name, Description=description, Value=value))
    return Root(template, parent.children, parent.wires)


def _watch(
    parent: Parent,
    given: RootParameters,
    net: network.Outputs,
    settings: services.Outputs,
    reconcile: lifecycle.Outputs,
) -> monitoring.Outputs:
    """Alarms and a dashboard, once there is a cluster that they can look at."""
    function, audit_log = reconcile.function_name, settings.audit_log_group_name
    balancer, targets = net.api_balancer_full_name, net.api_target_group_full_name
    if function is None or audit_log is None or balancer is None or targets is None:
        raise ValueError("monitoring: a layer left out an output that this configuration needs")
    return MONITORING.nest(
        parent,
        monitoring.Inputs(
            cluster_uuid=parent.cluster_uuid,
            function_name=function,
            audit_log_group_name=audit_log,
            api_balancer_full_name=balancer,
            api_target_group_full_name=targets,
            alarm_topic_arns=given.alarm_topic_arns,
        ),
        after=[CONTROLPLANE],
    )


def _check_updates(parent: Parent, function_arn: FunctionArn) -> None:
    """Have the function asked before an update of the control planes; pools come after those."""
    name = logical_id(CONTROLPLANE.name)
    stack = parent.template.resources[name]
    # Words alone ask nobody: of a template that makes the same resources the digest is the same.
    body = json.dumps(rendering.effect(parent.children[CONTROLPLANE.name]), sort_keys=True)
    check = parent.template.add_resource(
        UpdateCheck(
            "UpdateCheck",
            ServiceToken=function_arn,
            ServiceTimeout=UPDATE_CHECK_TIMEOUT_SECONDS,
            ControlPlaneParameters=stack.Parameters,
            ControlPlaneTemplate=hashlib.sha256(body.encode()).hexdigest()[:16],
            # There is nothing to delete, and a function that is broken by then need not be waited for.
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            Replacement=parent.config.control_plane.replacement,
        )
    )
    stack.DependsOn = [check.title]


def templates(config: ClusterConfig) -> dict[str, str]:
    """File name -> JSON text of every template of a cluster; the same bytes for the same configuration, always."""
    root = build(config)
    return {
        f"{name}.json": rendering.text(template) for name, template in {"root": root.template, **root.children}.items()
    }


def wires(config: ClusterConfig) -> list[Wire]:
    """Every value that one layer gives to another."""
    return build(config).wires
