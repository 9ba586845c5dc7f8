"""Names that cross from the templates to run time: tags, hooks, SSM paths, paths on a node.

coordination/names.py holds the same names for what runs on nodes and in the function; neither may import the other,
so a test says that they are equal.
"""

from __future__ import annotations

CLUSTER_TAG = "holdfast:cluster"
ROLE_TAG = "holdfast:role"
SLOT_TAG = "holdfast:slot"
POOL_TAG = "holdfast:pool"

CONTROL_PLANE_ROLE = "control-plane"
WORKER_ROLE = "worker"

LAUNCHING_HOOK_SUFFIX = "-launching"
TERMINATING_HOOK_SUFFIX = "-terminating"

# Everything a cluster keeps in SSM is below /holdfast/<uuid>/.
PARAMETER_ROOT = "/holdfast"
SETTINGS = "settings"
POOLS = "pools"
JOIN = "join"

TABLE_KEY = "Id"
CLUSTER_ITEM = "cluster"
BOOT_ITEM_PREFIX = "boot#"
RELEASE_GRANT_ITEM_PREFIX = "release-grant#"
MEMBER_ITEM_PREFIX = "member#"

NODE_FILE = "/etc/holdfast/node.json"
BOOT_UNIT = "holdfast-boot.service"

FUNCTION_HANDLER = "functions.reconcile.handler.handle"
FUNCTION_BUNDLE = "../build/reconcile.zip"
