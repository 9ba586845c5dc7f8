"""How long things may take, from the templates' own numbers: what has to fit into what."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.templates.cluster import Cluster, Resource
from tests.templates.rules.groups import all_groups, slots
from tests.templates.rules.rule import rule

# The balancer takes so long to see a new target; a control plane is drained for so long, then it goes anyway; taking
# its member out of etcd takes at most so long.
REGISTRATION_SECONDS = 5 * 60
CONTROL_PLANE_DRAIN_SECONDS = 5 * 60
MEMBER_REMOVAL_SECONDS = 5 * 60
# Auto Scaling ends a hook after 48 h or 100 heartbeats, whichever is less.
LONGEST_HOOK_SECONDS = 48 * 3600
HEARTBEATS = 100
# CloudFormation waits for a custom resource and for a rolling update's signal at most this long.
LONGEST_WAIT_SECONDS = 3600


@rule
def a_hook_can_hold_an_instance_for_two_days(cluster: Cluster) -> Iterator[str]:
    for group in all_groups(cluster):
        for hook in group.properties["LifecycleHookSpecificationList"]:
            seconds = _heartbeat(cluster, group, hook["HeartbeatTimeout"], "Default")
            if HEARTBEATS * seconds < LONGEST_HOOK_SECONDS:
                yield f"{group}: {HEARTBEATS} heartbeats of {seconds} s are less than 48 h"


@rule
def drain_and_removal_and_the_longest_boot_fit_into_the_wait_for_a_signal(cluster: Cluster) -> Iterator[str]:
    """Or an update fails whose every step worked: the next slot's node waits for the removal of the last slot's."""
    for slot in slots(cluster):
        boots = [
            _heartbeat(cluster, slot, hook["HeartbeatTimeout"], "MaxValue")
            for hook in slot.properties["LifecycleHookSpecificationList"]
            if hook["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_LAUNCHING"
        ]
        needed = REGISTRATION_SECONDS + CONTROL_PLANE_DRAIN_SECONDS + MEMBER_REMOVAL_SECONDS + max(boots)
        pause = _seconds(slot.body["UpdatePolicy"]["AutoScalingRollingUpdate"]["PauseTime"])
        if not needed < pause <= LONGEST_WAIT_SECONDS:
            yield f"{slot}: {needed} s do not fit into {pause} s"


@rule
def the_cluster_is_ready_within_the_wait_for_a_first_boot(cluster: Cluster) -> Iterator[str]:
    ready = cluster.resource("controlplane", "ClusterReady")
    limit = _seconds(ready.body.get("CreationPolicy", {}).get("ResourceSignal", {}).get("Timeout", "PT0S"))
    heartbeat = int(cluster.parameter_default("LaunchHookHeartbeatSeconds"))
    if not heartbeat < limit <= LONGEST_WAIT_SECONDS:
        yield f"{ready}: waits {limit} s, and a boot may take {heartbeat} s"


@rule
def an_event_is_tried_again_for_longer_than_the_schedule_needs(cluster: Cluster) -> Iterator[str]:
    function = cluster.resource("lifecycle", "Reconcile").properties
    timeout = function.get("Timeout", 0)
    if function["Environment"]["Variables"].get("HOLDFAST_TIMEOUT_SECONDS") != str(timeout):
        yield f"lifecycle/Reconcile: is told another time-out than {timeout} s"
    if cluster.resource("lifecycle", "Schedule").properties.get("ScheduleExpression") != "rate(1 minute)":
        yield "lifecycle/Schedule: a lost event costs more than a minute"
    for rule_resource in cluster.resources("AWS::Events::Rule"):
        for target in rule_resource.properties["Targets"]:
            if target.get("RetryPolicy", {}).get("MaximumEventAgeInSeconds", 0) < 2 * timeout:
                yield f"{rule_resource}: gives an event up before a second try"


def _heartbeat(cluster: Cluster, group: Resource, value: object, bound: str) -> int:
    """Seconds between heartbeats; of a parameter its Default or its MaxValue, as `bound` says."""
    place = cluster.resolve(group.layer, value)
    if isinstance(place.expression, dict):
        parameter = cluster.templates["root"]["Parameters"][place.expression["Ref"]]
        return int(parameter[bound])
    return int(place.expression)


def _seconds(duration: str) -> int:
    """An ISO 8601 duration of hours, minutes and seconds."""
    match = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", duration)
    if match is None:
        raise ValueError(f"not a duration of hours, minutes and seconds: {duration}")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds
