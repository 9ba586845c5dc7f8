"""EC2: what plain moto gets wrong, one module for each subject, and what IAM has to know of its resources.

Importing it registers the corrections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.aws.resource_facts import EC2_RESOURCES
from rehearsal.aws.services.ec2 import (
    endpoints,
    filters,
    images,
    instances,
    launch_templates,
    network,
    security_groups,
)
from rehearsal.aws.services.ec2.tags import Ec2Resources

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

__all__ = ["endpoints", "filters", "images", "instances", "launch_templates", "network", "security_groups"]


def start(aws: LocalAws) -> None:
    """Tell IAM of the EC2 resources of this local AWS."""
    aws.facts.register(EC2_RESOURCES, Ec2Resources(aws))
