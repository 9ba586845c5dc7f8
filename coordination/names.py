"""Names that cross from the templates to run time: tags, hooks, items of the cluster table.

generator/names.py holds the same names for the templates; neither may import the other, so a test says that they are
equal.
"""

from __future__ import annotations

CLUSTER_TAG = "holdfast:cluster"
ROLE_TAG = "holdfast:role"

CONTROL_PLANE_ROLE = "control-plane"
WORKER_ROLE = "worker"

LAUNCHING_HOOK_SUFFIX = "-launching"
TERMINATING_HOOK_SUFFIX = "-terminating"

TABLE_KEY = "Id"
CLUSTER_ITEM = "cluster"
TEARDOWN_ITEM = "teardown"
OBSERVATION_ITEM = "observation"
OPERATION_ITEM = "operation"
MEMBER_ITEM_PREFIX = "member#"
BOOT_ITEM_PREFIX = "boot#"
LEASE_ITEM_PREFIX = "lease#"
CONDITION_ITEM_PREFIX = "condition#"
RELEASE_GRANT_ITEM_PREFIX = "release-grant#"
RESTORE_APPROVAL_ITEM = "approval#restore"

# The custom resource whose deletion starts before every other one of the root stack.
TEARDOWN_RESOURCE_TYPE = "Custom::Teardown"
# ServiceTimeout of that resource: CloudFormation stops waiting for an answer after it.
TEARDOWN_TIMEOUT_SECONDS = 900


def launching_hook(cluster_uuid: str) -> str:
    """The name of the hook that holds a new instance of the cluster."""
    return cluster_uuid + LAUNCHING_HOOK_SUFFIX


def terminating_hook(cluster_uuid: str) -> str:
    """The name of the hook that holds a leaving instance of the cluster."""
    return cluster_uuid + TERMINATING_HOOK_SUFFIX


def teardown_physical_id(cluster_uuid: str) -> str:
    """The physical id of the cluster's Teardown resource: always the same, so that no update replaces it."""
    return f"teardown-{cluster_uuid}"


def member_item(instance_id: str) -> str:
    """The key of an instance's member row."""
    return MEMBER_ITEM_PREFIX + instance_id


def boot_item(instance_arn: str) -> str:
    """The key of an instance's boot row; IAM lets an instance write the one with its own ARN only."""
    return BOOT_ITEM_PREFIX + instance_arn


def release_grant_item(instance_id: str) -> str:
    """The key of an instance's release grant."""
    return RELEASE_GRANT_ITEM_PREFIX + instance_id


def condition_item(name: str) -> str:
    """The key of a condition."""
    return CONDITION_ITEM_PREFIX + name


def lease_item(name: str) -> str:
    """The key of a lease."""
    return LEASE_ITEM_PREFIX + name
