"""Trees of templates to judge values by: the committed ones of the examples, and one of a configuration of our own."""

from __future__ import annotations

import json
from functools import cache

from deployment import templates
from deployment.templates import Body
from generator.config.read import parse
from generator.root import templates as generated
from tests.templates.golden import golden_folder

IMAGE = "ami-0123456789abcdef0"
VPC = "vpc-0123456789abcdef0"
SUBNETS = [f"subnet-{number:017x}" for number in range(6)]
IMAGES = {"ControlPlaneImage": IMAGE, "WorkerImage": IMAGE}
GIVEN = {
    "default": IMAGES | {"AvailabilityZones": "us-east-1a,us-east-1b,us-east-1c"},
    "production": IMAGES | {"AvailabilityZones": "us-east-1a,us-east-1b,us-east-1c"},
    "existing-network": IMAGES
    | {
        "BatchImage": "ami-0fedcba9876543210",
        "VpcId": VPC,
        "ControlPlaneSubnetIds": ",".join(SUBNETS[:3]),
        "WorkerSubnetIds": ",".join(SUBNETS[3:]),
        "EndpointCidrs": "10.2.0.0/24",
        "RouteTableIds": "rtb-0123456789abcdef0",
        "HostedZoneId": "Z0123456789ABCDEFGHIJ",
        "ApiEndpointName": "api.example.internal",
    },
    "dedicated-hosts": IMAGES
    | {
        "AvailabilityZones": "us-east-1a,us-east-1b,us-east-1c",
        "HostResourceGroupControlArn": "arn:aws:resource-groups:us-east-1:123456789012:group/control",
        "LicenseConfigurationControlArn": "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-1",
        "HostResourceGroupLicensedArn": "arn:aws:resource-groups:us-east-1:123456789012:group/licensed",
        "CapacityReservationGroupPaidArn": "arn:aws:resource-groups:us-east-1:123456789012:group/paid",
        "LicenseConfigurationLicensedArn": "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-2",
    },
}
"""Sound values for the parameters without a default."""


@cache
def example(name: str) -> dict[str, Body]:
    """The templates of an example. Whoever changes them changes them for all."""
    return templates.tree(golden_folder(name) / "root.json")


@cache
def of(configuration: str) -> dict[str, Body]:
    """The templates that the generator makes of a configuration in YAML, as `templates.tree` would read them."""
    texts = {name: json.loads(text) for name, text in generated(parse(configuration)).items()}
    bodies: dict[str, Body] = {"": texts["root.json"]}
    for name, resource in bodies[""]["Resources"].items():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            bodies[name] = texts[resource["Properties"]["TemplateURL"].removeprefix("./")]
    return bodies
