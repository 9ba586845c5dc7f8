"""The alarms. Each says that a person should look, and its description says where to begin.

What heals by itself has its time to do so; docs/metrics.md has the list with the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from troposphere import Template
from troposphere.cloudwatch import Alarm, MetricDimension

from coordination.names import MetricName
from generator.config.model import ClusterConfig
from generator.layers.monitoring.sources import Source, Sources

_MINUTE = 60
_FIVE_MINUTES = 300
# Of the 48 hours for which a hook holds an instance: a removal takes minutes.
_HELD_SECONDS = 3600
# A leading agent looks every half a minute; another one leads a minute after the last one was there.
_LOOK_SECONDS = 300


class Missing(StrEnum):
    """What an alarm takes a period without data for (CloudWatch user guide, "Configuring how CloudWatch alarms treat
    missing data")."""

    BREACHING = "breaching"
    """Who would write it does not."""
    NOT_BREACHING = "notBreaching"
    """It is written only when there is something to count."""
    IGNORED = "ignore"
    """What was known last; another alarm says that nobody looks."""


@dataclass(frozen=True)
class Rule:
    """When an alarm goes off: `statistic` of the metric compares so with `threshold` in each of `periods` periods."""

    name: str
    source: Source
    statistic: str
    comparison: str
    threshold: float
    seconds: int
    periods: int
    missing: Missing
    text: str


def add(template: Template, config: ClusterConfig, sources: Sources, actions: Any) -> list[Alarm]:
    """Add every alarm; `actions` are what it notifies when it goes off, and when that is over."""
    return [template.add_resource(_alarm(rule, actions)) for rule in rules(config, sources)]


def rules(config: ClusterConfig, sources: Sources) -> Iterator[Rule]:
    """All of them, the gravest first."""
    above, below = "GreaterThanThreshold", "LessThanThreshold"
    yield Rule(
        "ApiUnavailable",
        sources.of_targets("HealthyHostCount"),
        "Maximum",
        below,
        1,
        _MINUTE,
        3,
        Missing.BREACHING,
        "No control plane has answered the load balancer for three minutes: nobody reaches the Kubernetes API. "
        "`make status` needs no node; docs/how-to/recover-from-lost-quorum.md.",
    )
    yield Rule(
        "SlotsNotWhole",
        sources.own(MetricName.SLOTS_WHOLE),
        "Maximum",
        below,
        config.control_plane.slots,
        _FIVE_MINUTES,
        6,
        Missing.BREACHING,
        f"For half an hour fewer than {config.control_plane.slots} slots had one control plane that serves and is a "
        "voter of etcd, or the reconcile function did not look. A rolling update that takes longer is a reason, too. "
        "`make status` says which slot; docs/how-to/a-slot-does-not-boot.md.",
    )
    yield Rule(
        "NoAgentLeads",
        sources.own(MetricName.OBSERVATION_AGE),
        "Maximum",
        above,
        _LOOK_SECONDS,
        _FIVE_MINUTES,
        2,
        Missing.BREACHING,
        "For ten minutes no agent has looked at etcd's members, so that none is removed or replaced. `make status`, "
        "then `sudo holdfast-node status` on a control plane; docs/how-to/look-at-a-cluster.md.",
    )
    yield Rule(
        "TerminationHeld",
        sources.own(MetricName.OLDEST_HOOK_AGE),
        "Maximum",
        above,
        _HELD_SECONDS,
        _FIVE_MINUTES,
        1,
        Missing.IGNORED,
        "A control plane has been held at its termination for an hour, because etcd cannot spare it yet. `make status` "
        "says why; docs/how-to/a-voter-is-held.md.",
    )
    yield Rule(
        "ConditionsStored",
        sources.own(MetricName.CONDITIONS),
        "Maximum",
        above,
        0,
        _FIVE_MINUTES,
        3,
        Missing.IGNORED,
        "For a quarter of an hour the cluster has named something that waits or is wrong. `make status` has each "
        "condition with its next step; docs/how-to/conditions.md.",
    )
    yield Rule(
        "FunctionFails",
        sources.of_function("Errors"),
        "Sum",
        above,
        0,
        _FIVE_MINUTES,
        3,
        Missing.NOT_BREACHING,
        "For a quarter of an hour runs of the reconcile function have failed: instances that terminate may be held. "
        "Its log group says why.",
    )
    yield Rule(
        "ReadingsUnknown",
        sources.own(MetricName.UNKNOWN_READINGS),
        "Minimum",
        above,
        0,
        _FIVE_MINUTES,
        2,
        Missing.IGNORED,
        "For ten minutes no pass of the reconcile function could read or understand all that it decides on. Its log "
        "group says what.",
    )
    yield Rule(
        "AuditLogSilent",
        sources.of_audit_log("IncomingLogEvents"),
        "Sum",
        below,
        1,
        _FIVE_MINUTES,
        6,
        Missing.BREACHING,
        "For half an hour no control plane has shipped a line of the Kubernetes audit log. `sudo holdfast-node status` "
        "on a control plane says what keeps it; docs/hardening.md.",
    )


def _alarm(rule: Rule, actions: Any) -> Alarm:
    return Alarm(
        rule.name,
        AlarmDescription=rule.text,
        Namespace=rule.source.namespace,
        MetricName=rule.source.name,
        Dimensions=[MetricDimension(Name=name, Value=value) for name, value in rule.source.dimensions],
        Statistic=rule.statistic,
        ComparisonOperator=rule.comparison,
        Threshold=rule.threshold,
        Period=rule.seconds,
        EvaluationPeriods=rule.periods,
        TreatMissingData=rule.missing.value,
        AlarmActions=actions,
        OKActions=actions,
    )
