"""Names and numbers that the templates and run time share, each once: tags, hooks, SSM paths, items, units, time-outs.

With `release` what the generator may import of coordination, so it stands on the standard library alone. Templates
pass the functions below what CloudFormation replaces by the value: `launching_hook("${ClusterUuid}")`.
"""

from __future__ import annotations

from enum import StrEnum

CLUSTER_TAG = "holdfast:cluster"
COMMIT_TAG = "holdfast:commit"
"""Of a stack: the commit of the project that created it, as `git describe` writes one, with -dirty where it was."""
ROLE_TAG = "holdfast:role"
SLOT_TAG = "holdfast:slot"
POOL_TAG = "holdfast:pool"
POOL_LABEL = "node-restriction.kubernetes.io/holdfast-pool"
"""Of a worker's Node: its pool, by the word of Auto Scaling. No kubelet can set or change it."""
SIGNALLED_LABEL = "node-restriction.kubernetes.io/holdfast-signalled"
"""Of a worker's Node of which its pool's stack was told. No kubelet can set or change it."""

CONTROL_PLANE_ROLE = "control-plane"
WORKER_ROLE = "worker"

IDENTITY_METADATA = "Holdfast"
"""The key of each template's Metadata under which it is said what made it."""


class Identity(StrEnum):
    """What is said there."""

    CLUSTER = "Cluster"
    CONFIGURATION = "ConfigurationDigest"
    VERSION = "GeneratorVersion"
    PARTITION = "Partition"
    COMMIT = "Commit"
    """Of the root once it is packaged: as COMMIT_TAG."""


# Partition -> the domain of its hosts, which is what AWS::URLSuffix is: `dnsSuffix` in the AWS SDKs' partition data.
URL_SUFFIXES = {
    "aws": "amazonaws.com",
    "aws-us-gov": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-eusc": "amazonaws.eu",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
}

GIVEN_VPC_METADATA = "HoldfastGivenVpc"
"""The key of the root's Metadata under which it is said what the configuration states of a given VPC."""


class StatedVpc(StrEnum):
    """What is said there."""

    CIDRS = "CidrBlocks"
    """All ranges, the primary one first."""
    TENANCY = "InstanceTenancy"


ETCD_DEVICE = "/dev/sdb"
"""The name by which a control plane's launch template attaches etcd's own volume, and by which the node finds it."""

# The port of the Kubernetes API, on the balancer and on every control plane.
API_PORT = 6443


IMAGE_TAG = "holdfast:image"
"""Of an AMI and of the image of Image Builder that made it: the name of the image stack."""
IN_USE_TAG = "holdfast:in-use"
"""Of an AMI that a cluster launches, with the value IN_USE: no lifecycle policy of an image stack deletes it."""
IN_USE = "true"


IMAGE_METADATA = "HoldfastImage"
"""The key of the image template's Metadata under which it is said what the commands look at."""
UNLOCKED = "Unlocked"
"""There: minors of Kubernetes of which no image can be built yet, each with what to do."""


class ImageOutput(StrEnum):
    """The outputs of an image stack that the commands read."""

    PIPELINE = "PipelineArn"
    PARAMETER = "ImageParameter"


class CatalogOutput(StrEnum):
    """The outputs of a catalog stack that the commands read."""

    PRODUCT = "ProductId"
    PORTFOLIO = "PortfolioId"
    ACTIONS = "ServiceActionIds"
    """The IDs of the service actions that every version has, with commas."""
    AUTOMATION_ROLE = "AutomationRoleArn"
    """By which they work: whoever launches has to let it use the cluster's key."""
    TEMPLATES = "TemplateLocation"
    """Where templates have to lie that the launch role may read, as bucket/ or bucket/prefix/."""


def image_parameter(image_stack: str) -> str:
    """The SSM parameter with the id of the newest AMI of an image stack, in each region that gets one.

    Image Builder's service-linked role writes parameters below /imagebuilder/, and no others.
    """
    return f"/imagebuilder/{image_stack}/image-id"


def launching_hook(cluster_uuid: str) -> str:
    """The name of the hook that holds a new instance of the cluster."""
    return f"{cluster_uuid}-launching"


def terminating_hook(cluster_uuid: str) -> str:
    """The name of the hook that holds a leaving instance of the cluster."""
    return f"{cluster_uuid}-terminating"


# Parameters of SSM, below the cluster's prefix.
SETTINGS = "settings"
POOLS = "pools"
JOIN = "join"
OIDC = "oidc"
"""Issuers of tokens, one parameter each: control planes alone read them."""
JOIN_DATA = f"{JOIN}/data"
JOIN_CA = f"{JOIN}/ca"


class Setting(StrEnum):
    """The parameters below SETTINGS: what holds for every node of the cluster."""

    CLUSTER_ID = "cluster-id"
    CLUSTER_NAME = "cluster-name"
    API_ENDPOINT = "api-endpoint"
    API_EXTRA_NAMES = "api-extra-names"
    CONTROL_PLANE_SLOTS = "control-plane-slots"
    POD_CIDR = "pod-cidr"
    SERVICE_CIDR = "service-cidr"
    ETCD_VOLUME_GIB = "etcd-volume-gib"
    PRIVILEGED_NAMESPACES = "privileged-namespaces"
    NETWORK_ENCRYPTION = "network-encryption"
    BACKUP_BUCKET = "backup-bucket"
    KEY_ARN = "key-arn"
    CONTROL_PLANE_LOG_GROUP = "control-plane-log-group"
    WORKER_LOG_GROUP = "worker-log-group"
    AUDIT_LOG_GROUP = "audit-log-group"
    CONTROL_PLANE_STACK = "control-plane-stack"
    AUTOSCALER_ROLE = "autoscaler-role"
    VIEWERS = "viewers"
    EDITORS = "editors"
    ADMINISTRATORS = "administrators"
    ACCESS_TABLE = "access-table"
    TAGS = "tags"
    STARTUP_TAINTS = "startup-taints"
    ADDONS = "addons"


class Addon(StrEnum):
    """Add-ons that a cluster has by its configuration: the keys of the JSON object that Setting.ADDONS holds."""

    METRICS_SERVER = "metrics-server"
    EBS_CSI = "ebs-csi"


class AddonField(StrEnum):
    """The fields of an add-on's object there."""

    ROLE = "role"
    """The ARN of its role in AWS, where it has one."""


EBS_CSI_TAG = "ebs.csi.aws.com/cluster"
"""With the value `true` the EBS CSI driver gives it to every volume that it creates. No instance's volume has it."""


class AccessGroup(StrEnum):
    """What a person may do with the cluster, the least first: what each group may, the next one may as well."""

    VIEW = "view"
    EDIT = "edit"
    ADMIN = "admin"

    @property
    def kubernetes_group(self) -> str:
        """The group that the person's certificate names."""
        return f"holdfast:{self.value}"

    @property
    def within(self) -> tuple[AccessGroup, ...]:
        """This group and those that may do less."""
        return tuple(AccessGroup)[: list(AccessGroup).index(self) + 1]


ACCESS_SETTINGS = {
    AccessGroup.VIEW: Setting.VIEWERS,
    AccessGroup.EDIT: Setting.EDITORS,
    AccessGroup.ADMIN: Setting.ADMINISTRATORS,
}
"""Where it is said who may have a group: ARNs of roles and users, each followed by a comma."""


class Encryption(StrEnum):
    """What is done to the pods' packets between two nodes; the values of Setting.NETWORK_ENCRYPTION."""

    WIREGUARD = "wireguard"
    NONE = "none"


class PoolField(StrEnum):
    """The fields of the JSON text that a pool's parameter below POOLS holds."""

    LABELS = "labels"
    TAINTS = "taints"
    STARTUP_TAINTS = "startup-taints"
    """Those that something removes again."""
    STACK = "stack"
    GROUP = "group"


class OidcField(StrEnum):
    """The fields of the JSON text that an issuer's parameter below OIDC holds."""

    URL = "url"
    DISCOVERY_URL = "discovery-url"
    AUDIENCES = "audiences"
    CERTIFICATE_AUTHORITY = "certificate-authority"
    USERNAME_CLAIM = "username-claim"
    USERNAME_PREFIX = "username-prefix"
    GROUPS_CLAIM = "groups-claim"
    GROUPS_PREFIX = "groups-prefix"
    GROUPS = "groups"


def parameter_prefix(cluster_uuid: str) -> str:
    """What the names of all the cluster's parameters begin with."""
    return f"/holdfast/{cluster_uuid}"


# The cluster table: its key, and the keys of its items.
TABLE_KEY = "Id"
CLUSTER_ITEM = "cluster"
TEARDOWN_ITEM = "teardown"
OBSERVATION_ITEM = "observation"
OPERATION_ITEM = "operation"
START_ITEM = "start"
MEMBER_ITEM_PREFIX = "member#"
BOOT_ITEM_PREFIX = "boot#"
LEASE_ITEM_PREFIX = "lease#"
CONDITION_ITEM_PREFIX = "condition#"
BOOT_FAILURES_ITEM_PREFIX = "boot-failures#"
RELEASE_GRANT_ITEM_PREFIX = "release-grant#"
DRAIN_ITEM_PREFIX = "drain#"
TIMER_ITEM_PREFIX = "timer#"
REPLACEMENT_ITEM_PREFIX = "replacement#"
APPROVAL_ITEM_PREFIX = "approval#"
RESTORE_APPROVAL_ITEM = f"{APPROVAL_ITEM_PREFIX}restore"
REMOVAL_APPROVAL_ITEM = f"{APPROVAL_ITEM_PREFIX}removal"
# The key of a request for access begins so; it is in a table of its own.
ACCESS_ITEM_PREFIX = "access#"


class ReplacementState(StrEnum):
    """Whoever asks writes `requested`, and the function everything else."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    """The instance is being ended, and the slot waits for its successor."""
    REPLACED = "replaced"
    REFUSED = "refused"


class ReplacementField(StrEnum):
    """The fields that whoever asks writes, or reads."""

    SLOT = "Slot"
    STATE = "State"
    RESULT = "Result"
    INSTANCE_ID = "InstanceId"
    SUCCESSOR = "Successor"


REPLACED = "replaced"
"""What Result says of a replacement that has succeeded; of a refused one it is a line with the reason."""


def own_access_items(user_id: str, principal_arn: str) -> str:
    """What the keys of a person's requests for access begin with: IAM lets nobody write one with another beginning.

    `user_id` and `principal_arn` are IAM's `aws:userid` and `aws:PrincipalArn`. Of the latter a path may hold `#`:
    such a principal is in no list (generator/root_parameters/), and its keys are malformed.
    """
    return f"{ACCESS_ITEM_PREFIX}{user_id}#{principal_arn}#"


def access_item(user_id: str, principal_arn: str, group: str, number: str) -> str:
    """The key of a person's request for access as one of `group`."""
    return f"{own_access_items(user_id, principal_arn)}{group}#{number}"


def member_item(instance_id: str) -> str:
    """The key of an instance's member row."""
    return MEMBER_ITEM_PREFIX + instance_id


def first_request_name(instance_id: str, fingerprint: str) -> str:
    """The name of a worker's request for its first certificate, by the fingerprint of its key."""
    return f"holdfast-{instance_id}-{fingerprint[:12]}"


def boot_item(instance_arn: str) -> str:
    """The key of an instance's boot row; IAM lets an instance write the one with its own ARN only."""
    return BOOT_ITEM_PREFIX + instance_arn


def boot_failures_item(slot: str) -> str:
    """The key of the failed boots in a control plane's slot."""
    return BOOT_FAILURES_ITEM_PREFIX + slot


def release_grant_item(instance_id: str) -> str:
    """The key of an instance's release grant."""
    return RELEASE_GRANT_ITEM_PREFIX + instance_id


def drain_item(instance_id: str) -> str:
    """The key of a worker's drain."""
    return DRAIN_ITEM_PREFIX + instance_id


def replacement_item(request_id: str) -> str:
    """The key of a request that the instance of a slot be replaced."""
    return REPLACEMENT_ITEM_PREFIX + request_id


def condition_item(name: str) -> str:
    """The key of a condition."""
    return CONDITION_ITEM_PREFIX + name


def timer_item(name: str) -> str:
    """The key of a timer."""
    return TIMER_ITEM_PREFIX + name


def joiners_wait_timer(slot: str) -> str:
    """The name of the timer that runs while the joiners of a slot wait before the join gate."""
    return f"JoinersWait/slot-{slot}"


def lease_item(name: str) -> str:
    """The key of a lease."""
    return LEASE_ITEM_PREFIX + name


# What user data writes and starts.
NODE_FILE = "/etc/holdfast/node.json"
BOOT_UNIT = "holdfast-boot.service"
# The agent of Session Manager, of the package amazon-ssm-agent, and the file without which its unit does not start.
SESSION_AGENT_UNIT = "amazon-ssm-agent.service"
SESSIONS_FILE = "/etc/holdfast/session-manager"


class NodeField(StrEnum):
    """The fields of NODE_FILE; a control plane has a slot, a worker a pool and the digest of its settings."""

    CLUSTER = "cluster"
    ROLE = "role"
    SLOT = "slot"
    POOL = "pool"
    POOL_DIGEST = "pool-digest"
    REGION = "region"
    TABLE = "table"
    PARAMETERS = "parameters"


# The logical id of what waits, in the control plane's stack, until every slot has a healthy voter.
CLUSTER_READY = "ClusterReady"
# The custom resource whose deletion starts before every other one of the root stack.
TEARDOWN_RESOURCE_TYPE = "Custom::Teardown"
# ServiceTimeout of that resource: after it CloudFormation stops waiting for an answer. The last snapshot, every hook
# and every retained instance have to fit.
TEARDOWN_TIMEOUT_SECONDS = 900
# The custom resource whose creation has the function start every slot, in the control plane's stack.
START_RESOURCE_TYPE = "Custom::Start"
# ServiceTimeout of that resource. Lambda calls the function at most three times, waits one minute and two minutes
# between the calls, and each takes a minute at most: six minutes, and as many again for its queue.
START_TIMEOUT_SECONDS = 600
# The custom resource whose update comes before every launch template's, so that it may refuse an update: in the root.
UPDATE_CHECK_RESOURCE_TYPE = "Custom::UpdateCheck"
# ServiceTimeout of that resource. An update may begin while the function is away or throttled: Lambda keeps the event,
# tries again at most every five minutes, and the update waits.
UPDATE_CHECK_TIMEOUT_SECONDS = 1800
# The value of its property Replacement with which there is something to check.
REMOVE_FIRST = "remove-first"
# The field of an event with which a person asks the function the same, before an update begins.
CHECK_FIELD = "holdfast-check"


class FunctionVariable(StrEnum):
    """The environment of the reconcile function."""

    CLUSTER_ID = "HOLDFAST_CLUSTER_ID"
    CLUSTER_UUID = "HOLDFAST_CLUSTER_UUID"
    TABLE = "HOLDFAST_TABLE"
    TIMEOUT_SECONDS = "HOLDFAST_TIMEOUT_SECONDS"


# The processes of Auto Scaling that a rolling update suspends in the group that it rolls, and resumes at its end: while
# CloudFormation replaces instances nothing else may. Launch and Terminate stay on: they are the replacement.
SUSPENDED_BY_UPDATES = ("HealthCheck", "ReplaceUnhealthy", "AZRebalance", "AlarmNotification", "ScheduledActions")

# Metrics, in the lines that CloudWatch Logs extracts them from (coordination.metrics).
METRIC_NAMESPACE = "Holdfast"


class MetricName(StrEnum):
    """What is measured; docs/metrics.md explains each."""

    CONDITIONS = "Conditions"
    # of the function's passes
    HELD_HOOKS = "HeldHooks"
    OLDEST_HOOK_AGE = "OldestHookAge"
    OPERATIONS_IN_FLIGHT = "OperationsInFlight"
    OPERATION_AGE = "OperationAge"
    SLOTS_WHOLE = "SlotsWhole"
    OBSERVATION_AGE = "ObservationAge"
    UNKNOWN_READINGS = "UnknownReadings"
    AWS_CALLS = "AwsCalls"
    PASS_DURATION = "PassDuration"
    # of the leading agent's looks
    VOTERS = "Voters"
    VOTERS_ANSWERING = "VotersAnswering"
    VOTERS_SILENT = "VotersSilent"
    LEARNERS = "Learners"
    DATABASE_SIZE = "DatabaseSize"
    LOOK_INTERVAL = "LookInterval"


class MetricDimension(StrEnum):
    """What metrics are told apart by. CloudWatch bills every value as a metric of its own: no instance is one."""

    CLUSTER = "ClusterUuid"
    CONDITION = "Condition"


def slot_group(slot: object) -> str:
    """The logical id of a slot's Auto Scaling group, in the control plane's stack."""
    return f"Slot{slot}"


def teardown_physical_id(cluster_uuid: str) -> str:
    """The physical id of the cluster's Teardown resource: always the same, so that no update replaces it."""
    return f"teardown-{cluster_uuid}"


def start_physical_id(cluster_uuid: str) -> str:
    """The physical id of the cluster's Start resource: always the same, so that no update replaces it."""
    return f"start-{cluster_uuid}"


def update_check_physical_id(cluster_uuid: str) -> str:
    """The physical id of the cluster's UpdateCheck resource: always the same, so that no update replaces it."""
    return f"update-check-{cluster_uuid}"
