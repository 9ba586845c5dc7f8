"""What plain moto gets wrong about resource groups."""

from __future__ import annotations

import json
from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import around


@correction("resource-groups", "GetGroup knows the parameter GroupName only, and not Group, a name or an ARN")
def a_group_is_found_by_its_arn() -> None:
    from moto.resourcegroups.responses import ResourceGroupsResponse

    @around(ResourceGroupsResponse, "get_group")
    def get_group(plain: Any, self: Any) -> Any:
        asked = self._get_param("Group")
        if not asked:
            return plain(self)
        group = self.resourcegroups_backend.get_group(group_name=asked)
        told = {"GroupArn": group.arn, "Name": group.name, "Description": group.description}
        return json.dumps({"Group": told})


@correction(
    "resource-groups",
    "GetGroupConfiguration fails for a group that is named by its ARN, or is not there; there is no ListGroupResources",
)
def a_groups_configuration_and_members_are_told() -> None:
    from moto.resourcegroups import urls
    from moto.resourcegroups.responses import ResourceGroupsResponse

    urls.url_paths["{0}/list-group-resources$"] = ResourceGroupsResponse.dispatch

    @around(ResourceGroupsResponse, "get_group_configuration")
    def get_group_configuration(plain: Any, self: Any) -> Any:
        group = self.resourcegroups_backend.get_group(group_name=self._get_param("Group"))
        return json.dumps({"GroupConfiguration": {"Configuration": group.configuration or []}})

    # Nothing here puts a resource into a group.
    @around(ResourceGroupsResponse, "list_group_resources")
    def list_group_resources(plain: Any, self: Any) -> Any:
        self.resourcegroups_backend.get_group(group_name=self._get_param("Group"))
        return json.dumps({"Resources": [], "ResourceIdentifiers": []})
