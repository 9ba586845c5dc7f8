"""Launch templates: what every node is made of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.templates.cluster import Cluster, Resource, as_list
from tests.templates.rules.rule import rule


def launch_templates(cluster: Cluster) -> list[tuple[Resource, dict[str, Any]]]:
    """Every launch template with its data."""
    found = cluster.resources("AWS::EC2::LaunchTemplate")
    return [(template, template.properties["LaunchTemplateData"]) for template in found]


def wanted_tenancy(cluster: Cluster, layer: str) -> tuple[str, str | None]:
    """Tenancy and host resource group of the nodes of a layer, as the configuration says."""
    nodes = {f"workers-{pool.name}": pool for pool in cluster.config.pools}
    chosen = cluster.config.control_plane if layer == "controlplane" else nodes[layer]
    return chosen.tenancy, chosen.host_resource_group


@rule
def metadata_needs_a_token_and_one_hop_and_holds_no_tags(cluster: Cluster) -> Iterator[str]:
    """IMDSv2; a pod is a hop away; a propagated tag key with "/" makes every launch fail where tags are on."""
    wanted = {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
        "InstanceMetadataTags": "disabled",
    }
    for template, data in launch_templates(cluster):
        if data.get("MetadataOptions") != wanted:
            yield f"{template}: {data.get('MetadataOptions')}"


@rule
def volumes_are_gp3_and_go_with_their_instance(cluster: Cluster) -> Iterator[str]:
    for template, data in launch_templates(cluster):
        devices = {mapping["DeviceName"]: mapping["Ebs"] for mapping in data["BlockDeviceMappings"]}
        # etcd's fsyncs must not wait behind image pulls.
        wanted = {"/dev/xvda", "/dev/sdb"} if template.layer == "controlplane" else {"/dev/xvda"}
        if set(devices) != wanted:
            yield f"{template}: volumes {sorted(devices)}"
        for device, volume in devices.items():
            if volume.get("VolumeType") != "gp3" or volume.get("DeleteOnTermination") is not True:
                yield f"{template}: {device} is {volume}"


@rule
def a_node_has_the_tenancy_of_its_configuration(cluster: Cluster) -> Iterator[str]:
    for template, data in launch_templates(cluster):
        tenancy, host_group = wanted_tenancy(cluster, template.layer)
        placement = data["Placement"]
        if placement["Tenancy"] != tenancy:
            yield f"{template}: tenancy {placement['Tenancy']}, the configuration says {tenancy}"
        name = "".join(part.capitalize() for part in (host_group or "").split("-"))
        licenses = data.get("LicenseSpecifications", [{}])
        for what, given, parameter in (
            ("host group", placement.get("HostResourceGroupArn"), f"HostResourceGroup{name}Arn"),
            ("licence", licenses[0].get("LicenseConfigurationArn"), f"LicenseConfiguration{name}Arn"),
        ):
            expression = cluster.resolve(template.layer, given).expression
            if expression != ({"Ref": parameter} if host_group else None):
                yield f"{template}: {what} {expression}"
        if "InstanceMarketOptions" in data:
            yield f"{template}: may be a Spot instance"


@rule
def a_node_is_started_in_the_reservations_of_its_configuration(cluster: Cluster) -> Iterator[str]:
    """No preference beside the group: where it has no room, the instance more that an update takes is On-Demand."""
    pools = {f"workers-{pool.name}": pool.capacity_reservation for pool in cluster.config.pools}
    wanted = {"controlplane": cluster.config.control_plane.capacity_reservation, **pools}
    for template, data in launch_templates(cluster):
        name = wanted[template.layer]
        camel = "".join(part.capitalize() for part in (name or "").split("-"))
        target = data.get("CapacityReservationSpecification", {}).get("CapacityReservationTarget", {})
        group = cluster.resolve(template.layer, target.get("CapacityReservationResourceGroupArn")).expression
        if group != ({"Ref": f"CapacityReservationGroup{camel}Arn"} if name else None):
            yield f"{template}: reservations {group}"
        if len(data.get("CapacityReservationSpecification", {})) != bool(name):
            yield f"{template}: {data.get('CapacityReservationSpecification')}"


@rule
def a_control_plane_is_protected_from_termination_by_hand(cluster: Cluster) -> Iterator[str]:
    for template, data in launch_templates(cluster):
        if template.layer == "controlplane" and data.get("DisableApiTermination") is not True:
            yield f"{template}: the EC2 API may terminate a voter"


@rule
def a_node_has_the_profile_and_the_group_of_its_role(cluster: Cluster) -> Iterator[str]:
    for template, data in launch_templates(cluster):
        role = "ControlPlane" if template.layer == "controlplane" else "Worker"
        # By Arn or by Name, never both: EC2 refuses that.
        if list(data["IamInstanceProfile"]) != ["Arn"]:
            yield f"{template}: profile {data['IamInstanceProfile']}"
        profile = cluster.resource_of(template.layer, data["IamInstanceProfile"].get("Arn"))
        if profile is None or profile.logical_id != f"{role}InstanceProfile":
            yield f"{template}: profile {profile}"
        elif profile.properties["Roles"] != [{"Ref": f"{role}Role"}]:
            yield f"{profile}: roles {profile.properties['Roles']}"
        for interface in data["NetworkInterfaces"]:
            groups = [str(cluster.resource_of(template.layer, group)) for group in interface.get("Groups", [])]
            if groups != [f"network/{role}Group"]:
                yield f"{template}: security groups {groups}"


@rule
def instances_volumes_and_interfaces_carry_the_clusters_tag(cluster: Cluster) -> Iterator[str]:
    """Of what is made from a launch template, a stack's tags reach nothing, and a group's the instances alone."""
    for template, data in launch_templates(cluster):
        tagged = {
            specification["ResourceType"]
            for specification in data.get("TagSpecifications", [])
            for tag in specification["Tags"]
            if tag["Key"] == "holdfast:cluster" and cluster.is_cluster_uuid(template.layer, tag["Value"])
        }
        for kind in sorted({"instance", "volume", "network-interface"} - tagged):
            yield f"{template}: its {kind} would not carry the cluster's tag"


@rule
def user_data_changes_with_what_nodes_read_of_their_pool(cluster: Cluster) -> Iterator[str]:
    """Nodes read labels and taints once: without a new launch template an update would leave the old ones in place."""
    digests: dict[str, str] = {}
    for template, data in launch_templates(cluster):
        found = re.findall(r'"pool-digest": "([^"]*)"', data["UserData"]["Fn::Base64"]["Fn::Sub"])
        if template.layer == "controlplane":
            if found:
                yield f"{template}: has a pool's digest"
            continue
        if len(found) != 1 or not re.fullmatch("[0-9a-f]{16}", found[0]):
            yield f"{template}: digests {found}"
            continue
        setting = cluster.resource(template.layer, "PoolSettings").properties["Value"]["Fn::Sub"]
        read = json.loads(setting)
        taints = sorted([*read["taints"], *read.get("startup-taints", [])], key=lambda taint: taint["key"])
        what = json.dumps([read["labels"], taints], sort_keys=True)
        # One digest for one text, in both directions.
        if digests.setdefault(what, found[0]) != found[0] or list(digests.values()).count(found[0]) != 1:
            yield f"{template}: digest {found[0]} of {what}, among {digests}"


@rule
def a_node_starts_from_the_image_and_type_that_were_chosen(cluster: Cluster) -> Iterator[str]:
    for template, data in launch_templates(cluster):
        pool = "".join(part.capitalize() for part in template.layer.removeprefix("workers-").split("-"))
        control_plane = template.layer == "controlplane"
        own = template.layer in {f"workers-{each.name}" for each in cluster.config.pools if each.image == "own"}
        worker_image = f"{pool}Image" if own else "WorkerImage"
        for key, parameter in (
            ("ImageId", "ControlPlaneImage" if control_plane else worker_image),
            ("InstanceType", "ControlPlaneInstanceType" if control_plane else f"{pool}InstanceType"),
        ):
            place = cluster.resolve(template.layer, data.get(key))
            if place != ("root", {"Ref": parameter}):
                yield f"{template}: {key} is {place.expression}, not the parameter {parameter}"


@rule
def a_group_takes_the_newest_version_of_its_launch_template(cluster: Cluster) -> Iterator[str]:
    for group in cluster.resources("AWS::AutoScaling::AutoScalingGroup"):
        machine = group.properties["LaunchTemplate"]
        name = machine["LaunchTemplateId"]["Ref"]
        own = f"{group.logical_id}Template" if group.layer == "controlplane" else "Template"
        if name != own or machine["Version"] != {"Fn::GetAtt": [name, "LatestVersionNumber"]}:
            yield f"{group}: {machine}"
        if group.properties.get("MixedInstancesPolicy") or as_list(group.properties.get("LaunchConfigurationName", [])):
            yield f"{group}: launches from something else, too"
