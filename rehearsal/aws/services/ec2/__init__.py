"""EC2: what plain moto gets wrong, one module for each subject. Importing it registers the corrections."""

from __future__ import annotations

from rehearsal.aws.services.ec2 import endpoints, images, instances, launch_templates, network, security_groups

__all__ = ["endpoints", "images", "instances", "launch_templates", "network", "security_groups"]
