"""What the states of the root stack, and of its resources, say about the cluster."""

from __future__ import annotations

# States in which CloudFormation takes the cluster away, or has tried to. Nothing but another delete leaves them, so
# what was read once holds for ever. ROLLBACK_… is the end of a creation that failed. An update that is rolled back, or
# cleans up, deletes single resources, but no cluster; CREATE_FAILED is a creation that stays as it is, and may go on.
DELETING_STATES = frozenset(
    {
        "ROLLBACK_IN_PROGRESS",
        "ROLLBACK_FAILED",
        "ROLLBACK_COMPLETE",
        "DELETE_IN_PROGRESS",
        "DELETE_FAILED",
        "DELETE_COMPLETE",
    }
)
# States at rest of a stack whose creation has succeeded.
SETTLED_STATES = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)
# States of an Auto Scaling group's resource in which CloudFormation does nothing to the group, whatever it does to
# others. A state that is not here is not known to be one.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackResource.html
RESOURCE_AT_REST_STATES = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_FAILED",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)
