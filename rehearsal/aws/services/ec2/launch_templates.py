"""What plain moto gets wrong about launch templates."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import around


@correction("ec2", "A launch template that does not exist is an empty answer, an internal error or a wrong code")
def an_unknown_launch_template_is_refused() -> None:
    from moto.ec2.exceptions import InvalidLaunchTemplateIdNotFound
    from moto.ec2.models import EC2Backend

    @around(EC2Backend, "describe_launch_templates")
    def describe_launch_templates(
        plain: Any, self: Any, template_names: Any = None, template_ids: Any = None, filters: Any = None
    ) -> Any:
        for template_id in template_ids or []:
            if template_id not in self.launch_templates:
                raise InvalidLaunchTemplateIdNotFound(template_id)
        return plain(self, template_names, template_ids, filters)

    @around(EC2Backend, "delete_launch_template")
    def delete_launch_template(plain: Any, self: Any, name: str, tid: str | None) -> Any:
        if tid and tid not in self.launch_templates:
            raise InvalidLaunchTemplateIdNotFound(tid)
        return plain(self, name, tid)


@correction("ec2", "A launch template's own tags appear in its data, and so in the versions that clients compare")
def own_tags_stay_out_of_the_data() -> None:
    from moto.ec2.models.launch_templates import LaunchTemplateVersion

    @around(LaunchTemplateVersion, "__init__")
    def init(plain: Any, self: Any, template: Any, number: int, data: dict[str, Any], description: str) -> None:
        specifications = [
            item for item in data.get("TagSpecifications") or [] if item["ResourceType"] != "launch-template"
        ]
        data = {name: value for name, value in data.items() if name != "TagSpecifications" and value is not None}
        if specifications:
            data["TagSpecifications"] = specifications
        plain(self, template, number, data, description)
