"""A request to delete a cluster, as CloudFormation sends it to the function, that CloudFormation has not sent."""

from __future__ import annotations

from typing import Any

from coordination.names import TEARDOWN_RESOURCE_TYPE, teardown_physical_id

NOWHERE = "http://127.0.0.1:9/forged"
"""An address at which nobody waits for an answer."""


def forged_deletion(stack_id: str, url: str, **changes: Any) -> dict[str, Any]:
    """The request about the cluster of a root stack; the function is to answer at `url`."""
    return {
        "RequestType": "Delete",
        "ResponseURL": url,
        "StackId": stack_id,
        "RequestId": "forged",
        "LogicalResourceId": "Teardown",
        "ResourceType": TEARDOWN_RESOURCE_TYPE,
        "PhysicalResourceId": teardown_physical_id(stack_id.rsplit("/", 1)[1]),
        "ResourceProperties": {},
        **changes,
    }
