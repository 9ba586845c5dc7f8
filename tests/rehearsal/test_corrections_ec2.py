"""EC2: the faults of plain moto that the local AWS corrects, about machines and what they are started from."""

from __future__ import annotations

import base64
from typing import Any

from botocore.exceptions import ClientError

from tests.rehearsal.corrections_suite import suite
from tests.rehearsal.ec2_network_probes import NETWORK_PROBES, in_region
from tests.rehearsal.moto_probes import Clients, by_name, refused, unique

USER_DATA = base64.b64encode(b"#!/bin/bash\ntrue\n").decode()


def network(ec2: Any, **vpc: str) -> tuple[str, str, str]:
    """Return a new VPC, a subnet and a security group in it."""
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16", **vpc)["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.0.0/24", AvailabilityZone="us-east-1a")["Subnet"][
        "SubnetId"
    ]
    group = ec2.create_security_group(GroupName=unique("nodes"), Description="nodes", VpcId=vpc_id)["GroupId"]
    return vpc_id, subnet, group


def image(ec2: Any) -> str:
    """Return a newly registered image with a root volume of 20 GiB."""
    device = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3"}}
    made = ec2.register_image(
        Name=unique("node"),
        RootDeviceName="/dev/xvda",
        Architecture="x86_64",
        VirtualizationType="hvm",
        BlockDeviceMappings=[device],
    )
    return str(made["ImageId"])


def launch_template(ec2: Any, **data: Any) -> dict[str, str]:
    """Return the specification of a new launch template with this data."""
    data = {"ImageId": image(ec2), "InstanceType": "m5.large", **data}
    made = ec2.create_launch_template(LaunchTemplateName=unique("nodes"), LaunchTemplateData=data)
    return {"LaunchTemplateId": made["LaunchTemplate"]["LaunchTemplateId"]}


def start(ec2: Any, template: dict[str, str], count: int = 1, **more: Any) -> list[dict[str, Any]]:
    """Start instances and return how EC2 describes them."""
    made = ec2.run_instances(LaunchTemplate=template, MinCount=count, MaxCount=count, **more)["Instances"]
    found = ec2.describe_instances(InstanceIds=[instance["InstanceId"] for instance in made])["Reservations"]
    return [instance for reservation in found for instance in reservation["Instances"]]


def profile(client: Clients) -> str:
    """Return the name of a new instance profile."""
    name = unique("nodes")
    client("iam").create_instance_profile(InstanceProfileName=name)
    return name


def launch_templates_reach_the_instances(client: Clients) -> bool:
    """Profile, metadata options, user data and volume tags of the second version arrive at the instance."""
    ec2 = client("ec2")
    _, subnet, group = network(ec2)
    template = launch_template(ec2)
    version = ec2.create_launch_template_version(
        **template,
        LaunchTemplateData={
            "ImageId": image(ec2),
            "InstanceType": "m5.xlarge",
            "IamInstanceProfile": {"Name": profile(client)},
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": [group], "DeleteOnTermination": True}],
            "TagSpecifications": [{"ResourceType": "volume", "Tags": [{"Key": "Name", "Value": "disk"}]}],
            "UserData": USER_DATA,
        },
    )["LaunchTemplateVersion"]["VersionNumber"]
    interface = {"DeviceIndex": 0, "Groups": [group], "SubnetId": subnet}
    (instance,) = start(ec2, {**template, "Version": str(version)}, NetworkInterfaces=[interface])
    attribute = ec2.describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute="userData")
    volume = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    tags = ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0].get("Tags")
    return (
        instance["InstanceType"] == "m5.xlarge"
        and "IamInstanceProfile" in instance
        and instance["MetadataOptions"]["HttpTokens"] == "required"
        and attribute["UserData"]["Value"] == USER_DATA
        and tags == [{"Key": "Name", "Value": "disk"}]
    )


def instances_keep_what_they_were_started_with(client: Clients) -> bool:
    """Dedicated tenancy (also the VPC's), termination protection and every instance's profile are kept."""
    ec2 = client("ec2")
    _, subnet, _ = network(ec2)
    _, dedicated_subnet, _ = network(ec2, InstanceTenancy="dedicated")
    asked = launch_template(
        ec2,
        DisableApiTermination=True,
        Placement={"Tenancy": "dedicated"},
        IamInstanceProfile={"Name": profile(client)},
    )
    first, second = start(ec2, asked, 2, SubnetId=subnet)
    (third,) = start(ec2, launch_template(ec2), SubnetId=dedicated_subnet)
    kept = [instance["Placement"].get("Tenancy") for instance in (first, second, third)]
    stop = ec2.terminate_instances
    return (
        kept == ["dedicated"] * 3
        and "IamInstanceProfile" in second
        and refused("OperationNotPermitted", stop, InstanceIds=[first["InstanceId"]])
    )


def a_repeated_client_token_starts_nothing(client: Clients) -> bool:
    """The same token twice gives the same instance."""
    ec2 = client("ec2")
    _, subnet, _ = network(ec2)
    template, token = launch_template(ec2), unique("token")
    first, second = (start(ec2, template, SubnetId=subnet, ClientToken=token)[0] for _ in range(2))
    return bool(first["InstanceId"] == second["InstanceId"])


def block_devices_add_to_the_root_volume(client: Clients) -> bool:
    """A template's second volume leaves the image's root volume, with its size, and keeps IOPS and throughput."""
    ec2 = client("ec2")
    _, subnet, _ = network(ec2)
    ebs = {"VolumeSize": 5, "VolumeType": "gp3", "Iops": 4000, "Throughput": 200, "DeleteOnTermination": True}
    template = launch_template(ec2, BlockDeviceMappings=[{"DeviceName": "/dev/sdb", "Ebs": ebs}])
    (instance,) = start(ec2, template, SubnetId=subnet)
    ids = {device["DeviceName"]: device["Ebs"]["VolumeId"] for device in instance["BlockDeviceMappings"]}
    volumes = {name: ec2.describe_volumes(VolumeIds=[found])["Volumes"][0] for name, found in ids.items()}
    second = volumes["/dev/sdb"]
    return (
        set(volumes) == {"/dev/xvda", "/dev/sdb"}
        and volumes["/dev/xvda"]["Size"] == 20
        and (second["Iops"], second["Throughput"], second["Size"]) == (4000, 200, 5)
    )


def an_instance_takes_its_interface_along(client: Clients) -> bool:
    """Terminating the only instance leaves no interface in its subnet."""
    ec2 = client("ec2")
    _, subnet, _ = network(ec2)
    (instance,) = start(ec2, launch_template(ec2), SubnetId=subnet)
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    by_subnet = [{"Name": "subnet-id", "Values": [subnet]}]
    return not ec2.describe_network_interfaces(Filters=by_subnet)["NetworkInterfaces"]


def a_terminated_instance_is_terminated_again(client: Clients) -> bool:
    """TerminateInstances may be repeated."""
    ec2 = client("ec2")
    _, subnet, _ = network(ec2)
    interface = {"DeviceIndex": 0, "SubnetId": subnet, "DeleteOnTermination": True}
    (instance,) = start(ec2, launch_template(ec2), NetworkInterfaces=[interface])
    ids = [instance["InstanceId"]]
    ec2.terminate_instances(InstanceIds=ids)
    try:
        (again,) = ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"]
    except ClientError:
        return False
    return bool(again["PreviousState"]["Name"] == "terminated")


def an_instance_shows_its_interfaces_groups(client: Clients) -> bool:
    """The groups of the first interface are the instance's, and the interface has its tags."""
    ec2 = client("ec2")
    _, subnet, group = network(ec2)
    tags = [{"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": "node"}]}]
    interface = {"DeviceIndex": 0, "Groups": [group], "SubnetId": subnet}
    template = launch_template(ec2, TagSpecifications=tags)
    (instance,) = start(ec2, template, NetworkInterfaces=[interface])
    by_subnet = [{"Name": "subnet-id", "Values": [subnet]}]
    (made,) = ec2.describe_network_interfaces(Filters=by_subnet)["NetworkInterfaces"]
    return [found["GroupId"] for found in instance["SecurityGroups"]] == [group] and made["TagSet"] == tags[0]["Tags"]


def an_unknown_instance_profile_is_refused(client: Clients) -> bool:
    """Names and ARNs of profiles that do not exist start nothing."""
    ec2 = client("ec2")
    _, subnet, _ = network(ec2)
    unknown = ({"Name": "gone"}, {"Arn": "arn:aws:iam::123456789012:instance-profile/gone"})
    return all(
        refused(
            "InvalidParameterValue",
            start,
            ec2=ec2,
            template=launch_template(ec2, IamInstanceProfile=each),
            SubnetId=subnet,
        )
        for each in unknown
    )


def machines_start_only_where_they_are_offered(client: Clients) -> bool:
    """An unknown image, an unknown type and a zone without the type start nothing, and a dry run says so too."""
    ec2 = client("ec2")
    run, good = ec2.run_instances, {"ImageId": image(ec2), "InstanceType": "m6i.large", "MinCount": 1, "MaxCount": 1}
    unknown_image, unknown_type = {**good, "ImageId": "ami-0123456789abcdef0"}, {**good, "InstanceType": "m5.huge"}
    elsewhere = {**good, "Placement": {"AvailabilityZone": "us-east-1e"}}
    return all(
        refused("InvalidAMIID.NotFound", run, **unknown_image, DryRun=dry)
        and refused("InvalidInstanceType.NotFound", run, **unknown_type, DryRun=dry)
        and refused("Unsupported", run, **elsewhere, DryRun=dry)
        for dry in (False, True)
    ) and refused("DryRunOperation", run, **good, DryRun=True)


def every_region_has_zones(client: Clients) -> bool:
    """As many as a cluster wants."""
    zones = in_region(client, "eusc-de-east-1").describe_availability_zones()["AvailabilityZones"]
    return [zone["ZoneName"] for zone in zones] == [f"eusc-de-east-1{each}" for each in "abc"]


def every_region_offers_instance_types(client: Clients) -> bool:
    """GovCloud offers a common type in every one of its zones."""
    gov = in_region(client, "us-gov-west-1")
    wanted = [{"Name": "instance-type", "Values": ["m5.large"]}]
    found = gov.describe_instance_type_offerings(LocationType="availability-zone", Filters=wanted)
    zones = {zone["ZoneName"] for zone in gov.describe_availability_zones()["AvailabilityZones"]}
    return {item["Location"] for item in found["InstanceTypeOfferings"]} == zones


def a_registered_image_is_what_was_registered(client: Clients) -> bool:
    """Architecture and root volume are those of the registration."""
    ec2 = client("ec2")
    (found,) = ec2.describe_images(ImageIds=[image(ec2)])["Images"]
    size = found["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"]
    return (found.get("Architecture"), found["RootDeviceName"], size) == ("x86_64", "/dev/xvda", 20)


def a_deregistered_image_is_unknown(client: Clients) -> bool:
    """Describing an image after its deregistration fails."""
    ec2 = client("ec2")
    image_id = image(ec2)
    ec2.deregister_image(ImageId=image_id)
    return refused("InvalidAMIID.NotFound", ec2.describe_images, ImageIds=[image_id])


def an_unknown_launch_template_is_refused(client: Clients) -> bool:
    """Describing and deleting a launch template that is gone name its id."""
    ec2, gone = client("ec2"), "lt-0123456789abcdef0"
    code = "InvalidLaunchTemplateId.NotFound"
    return refused(code, ec2.describe_launch_templates, LaunchTemplateIds=[gone]) and refused(
        code, ec2.delete_launch_template, LaunchTemplateId=gone
    )


def own_tags_stay_out_of_the_data(client: Clients) -> bool:
    """A launch template's own tags are not in its version's data."""
    ec2 = client("ec2")
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "Name", "Value": "nodes"}]}]
    made = ec2.create_launch_template(
        LaunchTemplateName=unique("tagged"), LaunchTemplateData={"InstanceType": "m5.large"}, TagSpecifications=tags
    )["LaunchTemplate"]
    found = ec2.describe_launch_template_versions(LaunchTemplateId=made["LaunchTemplateId"])
    return bool(found["LaunchTemplateVersions"][0]["LaunchTemplateData"] == {"InstanceType": "m5.large"})


def filters_hold_at_most_200_values(client: Clients) -> bool:
    """All filters of a call together, whichever call it is."""
    ec2 = client("ec2")
    ids = [f"i-{number:017x}" for number in range(201)]
    named = {"Name": "private-dns-name", "Values": ids[:100]}
    ec2.describe_instances(Filters=[named, {"Name": "instance-id", "Values": ids[:100]}])
    ec2.describe_vpcs(Filters=[{"Name": "vpc-id", "Values": ids[:200]}])
    calls = (
        (ec2.describe_instances, [named, {"Name": "instance-id", "Values": ids[:101]}]),
        (ec2.describe_instances, [{"Name": "instance-id", "Values": ids}]),
        (ec2.describe_instance_status, [{"Name": "instance-state-name", "Values": ids}]),
        (ec2.describe_security_groups, [{"Name": "group-id", "Values": ids}]),
        (ec2.describe_network_interfaces, [{"Name": "network-interface-id", "Values": ids}]),
        (ec2.describe_tags, [{"Name": "resource-id", "Values": ids}]),
        (ec2.describe_vpc_endpoints, [{"Name": "vpc-endpoint-id", "Values": ids}]),
    )
    return all(refused("FilterLimitExceeded", call, Filters=filters) for call, filters in calls)


PROBES = NETWORK_PROBES | by_name(
    launch_templates_reach_the_instances,
    instances_keep_what_they_were_started_with,
    a_repeated_client_token_starts_nothing,
    block_devices_add_to_the_root_volume,
    an_instance_takes_its_interface_along,
    a_terminated_instance_is_terminated_again,
    an_instance_shows_its_interfaces_groups,
    an_unknown_instance_profile_is_refused,
    machines_start_only_where_they_are_offered,
    every_region_has_zones,
    every_region_offers_instance_types,
    a_registered_image_is_what_was_registered,
    a_deregistered_image_is_unknown,
    an_unknown_launch_template_is_refused,
    own_tags_stay_out_of_the_data,
    filters_hold_at_most_200_values,
)
(
    plain_fixture,
    aws_fixture,
    test_plain_moto_still_has_the_fault,
    test_the_local_aws_does_not_have_the_fault,
    test_every_correction_has_a_probe,
) = suite(__name__, PROBES, "ec2")
