"""What IAM has to know of EC2's resources: their tags, and what is launched from launch templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws


class Ec2Resources:
    """moto's EC2 resources as IAM asks about them."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def tags(self, region: str, resource_id: str) -> Mapping[str, str]:
        """A resource's tags; empty where there is no such resource."""
        from moto.ec2.models import ec2_backends

        with self._aws.lock:
            return dict(ec2_backends[self._aws.account_id][region].tags.get(resource_id, {}))

    def launch_template(self, region: str, wanted: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
        """The id of the launch template that a request names by id or name, and the data of the version it names."""
        from moto.ec2.models import ec2_backends

        name = wanted.get("LaunchTemplateId") or wanted.get("LaunchTemplateName")
        with self._aws.lock:
            for template in ec2_backends[self._aws.account_id][region].launch_templates.values():
                if name in (template.id, template.name):
                    number = {
                        "$Latest": template.latest_version_number,
                        "$Default": template.default_version_number,
                    }.get(wanted.get("Version") or "$Default", wanted.get("Version"))
                    versions = [each for each in template.versions if str(each.number) == str(number)]
                    return (str(template.id), dict(versions[0].data)) if versions else None
        return None
