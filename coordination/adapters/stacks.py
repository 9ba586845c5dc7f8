"""The root stack in CloudFormation, and what its nested stacks hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coordination.adapters.errors import AWS_ERRORS, unknown
from coordination.outcomes import Known, Reading, Unknown


class RootStack:
    """The stack with the id `stack_id`; by its id, since a name may be taken by another stack later."""

    def __init__(self, client: Any, stack_id: str) -> None:
        self._client = client
        self._stack_id = stack_id

    def status(self) -> Reading[str]:
        """The stack's status, such as CREATE_COMPLETE."""
        try:
            stacks = self._client.describe_stacks(StackName=self._stack_id)["Stacks"]
        except AWS_ERRORS as error:
            return unknown("DescribeStacks", error)
        for stack in stacks:
            if stack["StackId"] == self._stack_id:
                return Known(str(stack["StackStatus"]))
        return Unknown("DescribeStacks: the answer does not name the root stack")

    def resource_states(self, stack_id: str) -> Reading[Mapping[str, str]]:
        """The status of each resource of a nested stack, such as UPDATE_IN_PROGRESS, by its logical id.

        Of a stack with more than a hundred resources only the first ones:
        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html
        """
        try:
            found = self._client.describe_stack_resources(StackName=stack_id)["StackResources"]
        except AWS_ERRORS as error:
            return unknown("DescribeStackResources", error)
        return Known({each["LogicalResourceId"]: str(each["ResourceStatus"]) for each in found})
