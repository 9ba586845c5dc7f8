"""The metrics that alarms and dashboard look at: the cluster's own, and what AWS's services measure of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from coordination.names import METRIC_NAMESPACE, MetricDimension, MetricName
from generator.values import BalancerName, ClusterUuid, FunctionName, LogGroupName, TargetGroupName


@dataclass(frozen=True)
class Source:
    """One metric. A dimension's value is an expression of CloudFormation's."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Sources:
    """The metrics of one cluster."""

    cluster_uuid: ClusterUuid
    function: FunctionName
    audit_log_group: LogGroupName
    balancer: BalancerName
    target_group: TargetGroupName

    def own(self, name: MetricName) -> Source:
        """What the function or the leading agent writes (docs/metrics.md)."""
        return Source(METRIC_NAMESPACE, name.value, ((MetricDimension.CLUSTER.value, self.cluster_uuid),))

    def of_function(self, name: str) -> Source:
        """Lambda developer guide, "Types of metrics for Lambda functions"."""
        return Source("AWS/Lambda", name, (("FunctionName", self.function),))

    def of_targets(self, name: str) -> Source:
        """Elastic Load Balancing user guide, "CloudWatch metrics for your Network Load Balancer"."""
        dimensions = (("LoadBalancer", self.balancer), ("TargetGroup", self.target_group))
        return Source("AWS/NetworkELB", name, dimensions)

    def of_audit_log(self, name: str) -> Source:
        """CloudWatch Logs user guide, "Monitoring with CloudWatch metrics"."""
        return Source("AWS/Logs", name, (("LogGroupName", self.audit_log_group),))
