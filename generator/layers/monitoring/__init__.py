"""The monitoring layer: alarms that say when a person should look at the cluster, and a dashboard of its metrics.

Nothing else knows of it: a cluster without it lives as well, and nobody is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from troposphere import Equals, If, Join, Not, NoValue, Ref, Template

from generator.config.model import ClusterConfig
from generator.layer import Layer
from generator.layers.monitoring import alarms, dashboard
from generator.layers.monitoring.sources import Sources
from generator.values import (
    BalancerName,
    ClusterUuid,
    DashboardName,
    FunctionName,
    LogGroupName,
    TargetGroupName,
    TopicArns,
)


@dataclass(frozen=True)
class Inputs:
    cluster_uuid: ClusterUuid
    function_name: FunctionName
    audit_log_group_name: Annotated[LogGroupName, "Name of the log group of the Kubernetes audit logs"]
    api_balancer_full_name: BalancerName
    api_target_group_full_name: TargetGroupName
    # with monitoring.alarms
    alarm_topic_arns: TopicArns | None = None


@dataclass(frozen=True)
class Outputs:
    # with monitoring.dashboard
    dashboard_name: DashboardName | None = None


def build(template: Template, config: ClusterConfig, inputs: Inputs) -> Outputs:
    sources = Sources(
        inputs.cluster_uuid,
        inputs.function_name,
        inputs.audit_log_group_name,
        inputs.api_balancer_full_name,
        inputs.api_target_group_full_name,
    )
    made = []
    if inputs.alarm_topic_arns is not None:
        # One empty text stands for none, and is no action.
        told = template.add_condition("HasAlarmTopics", Not(Equals(Join("", inputs.alarm_topic_arns), "")))
        made = alarms.add(template, config, sources, If(told, inputs.alarm_topic_arns, NoValue))
    if not config.monitoring.dashboard:
        return Outputs()
    return Outputs(DashboardName(Ref(dashboard.add(template, config, sources, made))))


MONITORING = Layer("monitoring", Inputs, Outputs, build)
