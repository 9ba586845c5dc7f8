"""What a grant is: a role, actions, and the kind of resource that they are on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from awacs.aws import Action

from coordination.names import Addon


class Role(Enum):
    """Who is allowed; the value is the CamelCase part of logical ids."""

    CONTROL_PLANE = "ControlPlane"
    WORKER = "Worker"
    FUNCTION = "Function"
    AUTOSCALER = "Autoscaler"
    EBS_CSI = "EbsCsi"
    # of the image stack
    BUILD = "Build"
    IMAGE_LIFECYCLE = "Lifecycle"


NODE_ROLES = (Role.CONTROL_PLANE, Role.WORKER)
"""Those of instance profiles."""
HANDED_ROLES = (Role.AUTOSCALER, Role.EBS_CSI)
"""Those of add-ons, whose credentials the agents of control planes hand over (docs/decisions/0019)."""
IN_VPC = (*NODE_ROLES, *HANDED_ROLES)
"""Those whose calls come from nodes."""


class On(Enum):
    """What a grant is on; the layer that owns it says its ARNs."""

    KEY = "key"
    REPOSITORIES = "repositories"
    TABLE = "table"
    ACCESS_TABLE = "access table"
    STREAM = "stream"
    BUCKET = "bucket"
    BUCKET_OBJECTS = "bucket objects"
    PARAMETERS = "parameters"
    JOIN_PARAMETERS = "parameters that workers read"
    CONTROL_PLANE_LOGS = "control-plane logs"
    WORKER_LOGS = "worker logs"
    FUNCTION_LOGS = "function logs"
    SESSION_KEY = "key, in sessions"
    SESSION_LOGS = "session logs"
    QUEUE = "queue"
    NETWORK_INTERFACES = "network interfaces"
    GROUPS = "groups"
    ADD_ON_ROLES = "the roles of add-ons"
    INSTANCES = "instances"
    VOLUMES = "volumes"
    ROOT_STACK = "root stack"
    OWN_STACK = "own stack"
    POOL_STACKS = "stacks of the pools"
    API_TARGETS = "targets of the API"
    # of the image stack
    COMPONENTS = "components"
    BUILDER_BUCKETS = "buckets of Image Builder"
    SOURCES = "sources of components"
    REGISTRY = "* of the registry"
    BUILD_LOGS = "build logs"
    LOG_BUCKET_OBJECTS = "log bucket objects"
    IMAGES = "images"
    AMIS = "AMIs"
    SNAPSHOTS = "snapshots"
    ANY = "*"


@dataclass(frozen=True)
class Grant:
    """Actions that a role may take on one kind of resource.

    `reason` is required where the resource is `*`, and where a node's grant is not confined to the cluster's VPC. What
    is not confined is called by a service, from its side of the network.
    """

    role: Role
    sid: str
    actions: tuple[Action, ...]
    on: On
    reason: str = ""
    confined: bool = True
    # Called with a token that was got before with the role's credentials: of these such a call may say nothing.
    by_token: bool = False
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # A key's: only these services may call it on the role's behalf.
    via: tuple[str, ...] = ()
    # The resource must carry the cluster's tag.
    tagged: bool = False
    # The request must give the cluster's tag to what it creates.
    tagging: bool = False
    # Granted with `access.ssm` only.
    sessions: bool = False
    # Granted with `tags` only.
    tags: bool = False
    # Granted with `lifecycle.functionInVpc` only.
    function_in_vpc: bool = False
    # Granted where `addons` has it only.
    addon: Addon | None = None
