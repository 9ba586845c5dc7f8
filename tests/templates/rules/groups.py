"""Auto Scaling groups: one per slot of the control plane, one per pool of workers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import pairwise

from tests.templates.cluster import Cluster, Resource
from tests.templates.rules.rule import rule

SUSPENDED = {"HealthCheck", "ReplaceUnhealthy", "AZRebalance", "AlarmNotification", "ScheduledActions"}
_AUTOSCALER = "k8s.io/cluster-autoscaler"


def all_groups(cluster: Cluster) -> list[Resource]:
    return cluster.resources("AWS::AutoScaling::AutoScalingGroup")


def slots(cluster: Cluster) -> list[Resource]:
    return [group for group in all_groups(cluster) if group.layer == "controlplane"]


def pools(cluster: Cluster) -> list[Resource]:
    return [group for group in all_groups(cluster) if group.layer != "controlplane"]


def parameter_prefix(pool: Resource) -> str:
    """What the names of a pool's root parameters begin with."""
    return "".join(part.capitalize() for part in pool.layer.removeprefix("workers-").split("-"))


def root_volume_gib(cluster: Cluster, layer: str) -> int:
    """The size of the root volume in a pool's launch template."""
    data = cluster.resource(layer, "Template").properties["LaunchTemplateData"]
    return int(
        next(each["Ebs"]["VolumeSize"] for each in data["BlockDeviceMappings"] if each["DeviceName"] == "/dev/xvda")
    )


def tags(group: Resource, *, propagated: bool | None = None) -> dict[str, object]:
    """The tags of a group by key; a key that is an expression stands as its Fn::Sub text."""
    return {
        entry["Key"] if isinstance(entry["Key"], str) else entry["Key"]["Fn::Sub"]: entry["Value"]
        for entry in group.properties["Tags"]
        if propagated in (None, entry["PropagateAtLaunch"])
    }


@rule
def there_is_one_group_per_slot_and_per_pool(cluster: Cluster) -> Iterator[str]:
    wanted = [f"controlplane/Slot{slot}" for slot in range(cluster.config.control_plane.slots)]
    wanted += [f"workers-{pool.name}/Group" for pool in cluster.config.pools]
    found = [str(group) for group in all_groups(cluster)]
    if found != wanted:
        yield f"groups {found}, not {wanted}"


@rule
def a_slot_is_made_empty_and_has_room_for_a_node_and_its_successor(cluster: Cluster) -> Iterator[str]:
    """CloudFormation waits for the instances of a new group; a desired capacity would be set back by updates."""
    for slot in slots(cluster):
        sizes = [slot.properties.get(key) for key in ("MinSize", "DesiredCapacity", "MaxSize")]
        if sizes != ["0", None, "2"]:
            yield f"{slot}: sizes {sizes}"


@rule
def a_pool_has_the_sizes_of_its_parameters_and_no_desired_capacity(cluster: Cluster) -> Iterator[str]:
    """An update that sets a desired capacity takes nodes away under the autoscaler's feet."""
    for pool in pools(cluster):
        if "DesiredCapacity" in pool.properties:
            yield f"{pool}: sets DesiredCapacity"
        for bound in ("MinSize", "MaxSize"):
            place = cluster.resolve(pool.layer, pool.properties.get(bound))
            if place != ("root", {"Ref": f"{parameter_prefix(pool)}{bound}"}):
                yield f"{pool}: {bound} is {place.expression}"


@rule
def slots_go_round_the_zones(cluster: Cluster) -> Iterator[str]:
    for index, slot in enumerate(slots(cluster)):
        wanted = [{"Fn::Select": [index % cluster.config.zones, {"Ref": "SubnetIds"}]}]
        if slot.properties["VPCZoneIdentifier"] != wanted:
            yield f"{slot}: stands in {slot.properties['VPCZoneIdentifier']}, not {wanted}"
    for pool in pools(cluster):
        if pool.properties["VPCZoneIdentifier"] != {"Ref": "SubnetIds"}:
            yield f"{pool}: does not stand in every zone"


@rule
def an_update_walks_the_slots_one_after_the_other(cluster: Cluster) -> Iterator[str]:
    found = slots(cluster)
    for before, slot in pairwise(found):
        if before.logical_id not in slot.depends_on:
            yield f"{slot}: does not wait for {before.logical_id}"


@rule
def a_group_comes_after_what_its_nodes_need_at_once(cluster: Cluster) -> Iterator[str]:
    """The policy with the signal, and the settings that say where to send it; later slots wait for the first one."""
    for group in [*slots(cluster)[:1], *pools(cluster)]:
        for needed in cluster.resources("AWS::IAM::RolePolicy", "AWS::SSM::Parameter", layer=group.layer):
            # What the function may do is no node's need.
            if needed.logical_id not in {*group.depends_on, "FunctionPolicy"}:
                yield f"{group}: does not wait for {needed}"


@rule
def health_is_the_machines_own(cluster: Cluster) -> Iterator[str]:
    """With the balancer's, one lost quorum would terminate every patient."""
    for group in all_groups(cluster):
        if group.properties.get("HealthCheckType") != "EC2":
            yield f"{group}: HealthCheckType {group.properties.get('HealthCheckType')}"


@rule
def maintenance_is_explicit(cluster: Cluster) -> Iterator[str]:
    for group in all_groups(cluster):
        low, high = (0, 100) if group.layer == "controlplane" else (100, 200)
        wanted = {"MinHealthyPercentage": low, "MaxHealthyPercentage": high}
        if group.properties.get("InstanceMaintenancePolicy") != wanted:
            yield f"{group}: {group.properties.get('InstanceMaintenancePolicy')}, not {wanted}"


@rule
def an_update_waits_for_signals_with_everything_else_suspended(cluster: Cluster) -> Iterator[str]:
    for group in all_groups(cluster):
        policy = group.body.get("UpdatePolicy", {})
        update = policy.get("AutoScalingRollingUpdate", {})
        if set(update.get("SuspendProcesses", [])) != SUSPENDED:
            yield f"{group}: suspends {update.get('SuspendProcesses')}"
        signals = [update.get(key) for key in ("WaitOnResourceSignals", "MinSuccessfulInstancesPercent", "PauseTime")]
        if signals != [True, 100, "PT1H"]:
            yield f"{group}: signals {signals}"
        if policy.get("AutoScalingScheduledAction") != {"IgnoreUnmodifiedGroupSizeProperties": True}:
            yield f"{group}: an update sets sizes back that changed at run time"
        if "CreationPolicy" in group.body:
            yield f"{group}: waits for signals at creation, when the slots have to start together"


@rule
def a_slot_is_replaced_one_node_at_a_time(cluster: Cluster) -> Iterator[str]:
    in_service = 1 if cluster.config.control_plane.replacement == "surge" else 0
    for slot in slots(cluster):
        update = slot.body.get("UpdatePolicy", {}).get("AutoScalingRollingUpdate", {})
        found = [update.get(key) for key in ("MaxBatchSize", "MinInstancesInService")]
        if found != [1, in_service]:
            yield f"{slot}: MaxBatchSize and MinInstancesInService are {found}, not {[1, in_service]}"
        # CloudFormation wants room for the instances that replace the others.
        if in_service >= int(slot.properties["MaxSize"]):
            yield f"{slot}: MinInstancesInService {in_service} with MaxSize {slot.properties['MaxSize']}"


@rule
def a_pool_is_replaced_in_batches_and_keeps_its_smallest_size(cluster: Cluster) -> Iterator[str]:
    """MinInstancesInService is the only floor: MinActiveInstancesPercent is asked at the end of an update."""
    configured = {f"workers-{pool.name}": pool for pool in cluster.config.pools}
    for group in pools(cluster):
        update = group.body.get("UpdatePolicy", {}).get("AutoScalingRollingUpdate", {})
        if update.get("MaxBatchSize") != configured[group.layer].update_batch:
            yield f"{group}: batches of {update.get('MaxBatchSize')}, not {configured[group.layer].update_batch}"
        place = cluster.resolve(group.layer, update.get("MinInstancesInService"))
        if place != ("root", {"Ref": f"{parameter_prefix(group)}MinSize"}):
            yield f"{group}: MinInstancesInService is {place.expression}"


@rule
def a_pool_has_room_for_one_more_node_than_its_smallest_size(cluster: Cluster) -> Iterator[str]:
    """CloudFormation refuses a rolling update where MinInstancesInService is not less than MaxSize."""
    root = cluster.templates["root"]
    asserted = [assertion["Assert"] for found in root.get("Rules", {}).values() for assertion in found["Assertions"]]
    for group in pools(cluster):
        names = [f"{parameter_prefix(group)}{bound}" for bound in ("MinSize", "MaxSize")]
        smallest, largest = (root["Parameters"][name] for name in names)
        for key in ("Default", "MinValue", "MaxValue"):
            if not smallest[key] < largest[key]:
                yield f"{group}: {key} of its sizes is {smallest[key]} and {largest[key]}"
        if {"Fn::Not": [{"Fn::Equals": [{"Ref": name} for name in names]}]} not in asserted:
            yield f"{group}: its two sizes may be the same"


@rule
def no_pool_may_have_more_nodes_than_the_ranges_have_room_for(cluster: Cluster) -> Iterator[str]:
    """Each other pool may have one node at least."""
    room = _room_for_workers(cluster) - len(pools(cluster)) + 1
    for group in pools(cluster):
        most = cluster.templates["root"]["Parameters"][f"{parameter_prefix(group)}MaxSize"]["MaxValue"]
        if most != min(room, 1000):
            yield f"{group}: up to {most} nodes in ranges with room for {room}"


def _room_for_workers(cluster: Cluster) -> int:
    """By the pods' range, of which each node has 256 addresses, and by the subnets, of which AWS keeps five."""
    pods: int = ipaddress.IPv4Network(cluster.config.kubernetes.pod_cidr).num_addresses // 256
    subnets = [
        ipaddress.IPv4Network(resource.properties["CidrBlock"]).num_addresses - 5
        for resource in cluster.resources("AWS::EC2::Subnet")
        if resource.logical_id.startswith("Worker")
    ]
    return min(pods - cluster.config.control_plane.slots - 1, sum(subnets) if subnets else pods)


@rule
def hooks_have_their_names_and_results(cluster: Cluster) -> Iterator[str]:
    """Inside the groups, so that no instance comes before its hook; a worker that nobody drains in time may go."""
    launching = ("${ClusterUuid}-launching", "autoscaling:EC2_INSTANCE_LAUNCHING", "ABANDON")
    ending = ("${ClusterUuid}-terminating", "autoscaling:EC2_INSTANCE_TERMINATING")
    for group in all_groups(cluster):
        wanted = [launching, (*ending, "ABANDON")] if group.layer == "controlplane" else [(*ending, "CONTINUE")]
        found = [
            (hook["LifecycleHookName"]["Fn::Sub"], hook["LifecycleTransition"], hook.get("DefaultResult"))
            for hook in group.properties.get("LifecycleHookSpecificationList", [])
        ]
        if found != wanted:
            yield f"{group}: hooks {found}, not {wanted}"
    for hook in cluster.resources("AWS::AutoScaling::LifecycleHook"):
        yield f"{hook}: stands beside its group, whose first instances would not wait for it"


@rule
def an_abandoned_control_plane_stays(cluster: Cluster) -> Iterator[str]:
    """It is still a voter: without retain, ABANDON does not stop a termination."""
    for slot in slots(cluster):
        retained = slot.properties.get("InstanceLifecyclePolicy", {}).get("RetentionTriggers")
        if retained != {"TerminateHookAbandon": "retain"}:
            yield f"{slot}: {retained}"
        if slot.properties.get("DeletionProtection") != "prevent-force-deletion":
            yield f"{slot}: can be deleted with its voter"


@rule
def a_slot_registers_with_the_balancer_and_a_pool_does_not(cluster: Cluster) -> Iterator[str]:
    for group in all_groups(cluster):
        targets = [str(cluster.resource_of(group.layer, arn)) for arn in group.properties.get("TargetGroupARNs", [])]
        if targets != (["network/ApiTargetGroup"] if group.layer == "controlplane" else []):
            yield f"{group}: target groups {targets}"


@rule
def instances_carry_cluster_role_and_slot_or_pool(cluster: Cluster) -> Iterator[str]:
    for group in all_groups(cluster):
        found = tags(group, propagated=True)
        if not cluster.is_cluster_uuid(group.layer, found.get("holdfast:cluster")):
            yield f"{group}: holdfast:cluster is {found.get('holdfast:cluster')}"
        if group.layer == "controlplane":
            wanted = {"holdfast:role": "control-plane", "holdfast:slot": group.logical_id.removeprefix("Slot")}
        else:
            wanted = {"holdfast:role": "worker", "holdfast:pool": group.layer.removeprefix("workers-")}
        ours = {key: value for key, value in found.items() if key.startswith("holdfast:")}
        if ours != {**wanted, "holdfast:cluster": found.get("holdfast:cluster")}:
            yield f"{group}: tags {ours}, not {wanted}"


@rule
def the_autoscaler_sees_pools_with_their_labels_taints_and_storage_and_no_slot(cluster: Cluster) -> Iterator[str]:
    for slot in slots(cluster):
        for key in tags(slot):
            if key.startswith(_AUTOSCALER):
                yield f"{slot}: {key} gives a control plane to the autoscaler"
    configured = {f"workers-{pool.name}": pool for pool in cluster.config.pools}
    for group in pools(cluster):
        pool = configured[group.layer]
        wanted: dict[str, object] = {f"{_AUTOSCALER}/enabled": "true", f"{_AUTOSCALER}/${{ClusterUuid}}": "owned"}
        # The agents' own mark of a pool is none of its settings.
        labels = {**pool.labels, "node-restriction.kubernetes.io/holdfast-pool": pool.name}
        wanted |= {f"{_AUTOSCALER}/node-template/label/{key}": value for key, value in labels.items()}
        # A group has one tag of a key: of several effects it is told the first that keeps pods off.
        for soft in (True, False):
            for taint in reversed([each for each in pool.taints if not each.is_removed]):
                if (taint.effect == "PreferNoSchedule") is soft:
                    wanted[f"{_AUTOSCALER}/node-template/taint/{taint.key}"] = f"{taint.value}:{taint.effect}"
        # A tenth is the kubelet's, and 8 GiB the image's.
        storage = f"{root_volume_gib(cluster, group.layer) * 9 // 10 - 8}Gi"
        wanted[f"{_AUTOSCALER}/node-template/resources/ephemeral-storage"] = storage
        found = {key: value for key, value in tags(group, propagated=False).items() if key.startswith(_AUTOSCALER)}
        if found != wanted:
            yield f"{group}: {found}, not {wanted}"
        # Those of the organisation may hold one: instances do not show their tags to what runs on them.
        for key in tags(group, propagated=True).keys() - cluster.config.tags.keys():
            if "/" in key:
                yield f"{group}: {key} would stand on every instance"


@rule
def tags_of_a_group_fit_ec2s_limits(cluster: Cluster) -> Iterator[str]:
    """50 tags, keys of 128 and values of 256 characters; a uuid has 36."""
    for group in all_groups(cluster):
        found = tags(group)
        if len(group.properties["Tags"]) > 50 or len(found) != len(group.properties["Tags"]):
            yield f"{group}: {len(group.properties['Tags'])} tags with {len(found)} keys"
        for key, value in found.items():
            length = len(key.replace("${ClusterUuid}", "u" * 36))
            if length > 128 or (isinstance(value, str) and len(value) > 256):
                yield f"{group}: {key} = {value} is too long"
