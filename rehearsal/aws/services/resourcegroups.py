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
