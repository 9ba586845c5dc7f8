"""The cluster configuration: everything that decides the shape of the templates.

What a person may choose anew at every deploy (image, instance type, zones by name, log retention) is a CloudFormation
parameter of the root template instead; see docs/architecture.md for the rule that tells them apart.
Field names are snake_case here and camelCase in YAML. `read.py` reads a file into these types, `rules/` refuses what
a type cannot say. A `description` reaches the editor through the JSON Schema; `extra["allowed"]` says in words what a
pattern allows.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from coordination.names import Addon
from generator.config.oidc import MOST_ISSUERS, OidcIssuer
from generator.config.section import Cidr
from generator.config.section import Section as _Section

Partition = Literal["aws", "aws-us-gov", "aws-cn", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"]
Shape = Literal["production", "development"]
VpcTenancy = Literal["default", "dedicated"]
NetworkEncryption = Literal["wireguard", "none"]
PoolTenancy = Literal["default", "dedicated", "host"]
PoolImage = Literal["shared", "own"]
TaintEffect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
MAX_POOL_NODES = 1000

# The name appears in resource tags and descriptions; 32 leaves room for the suffixes that CloudFormation
# adds to the 32-character names of load balancers and target groups.
ClusterName = Annotated[
    str,
    Meta(
        pattern="^[a-z][a-z0-9-]{0,30}[a-z0-9]$",
        extra={"allowed": "2 to 32 lower-case letters, digits and hyphens, beginning with a letter, no hyphen last"},
    ),
]
Namespace = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
        extra={"allowed": "1 to 63 lower-case letters, digits and hyphens, no hyphen first or last"},
    ),
]
# Names of ECR: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
RepositoryPattern = Annotated[
    str,
    Meta(
        pattern=r"^([a-z0-9][a-z0-9._/-]{0,98}\*?|\*)$",
        extra={
            "allowed": "1 to 100 lower-case letters, digits, dots, hyphens, underscores and slashes, beginning with a "
            "letter or digit, with * last for every name that begins so; * alone for all"
        },
    ),
]
# Names of DNS (RFC 1123), of two labels or more, for below a top-level domain anybody has a name; the last label begins
# with a letter, so no address is taken for one. With the asterisk DNS Firewall takes 255 characters (Route 53 API
# reference, UpdateFirewallDomains).
AllowedDomain = Annotated[
    str,
    Meta(
        max_length=253,
        pattern=r"^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
        extra={
            "allowed": "a lower-case DNS name of at least two labels, 253 characters at most, with *. first for every "
            "name below it"
        },
    ),
]
# A pool's name is part of a template's file name and, in CamelCase, of logical ids and parameter names.
_SHORT_NAME = Meta(
    pattern="^[a-z][a-z0-9-]{0,22}[a-z0-9]$",
    extra={"allowed": "2 to 24 lower-case letters, digits and hyphens, beginning with a letter, no hyphen last"},
)
PoolName = Annotated[str, _SHORT_NAME]
HostGroupName = Annotated[str, _SHORT_NAME]
ReservationName = Annotated[str, _SHORT_NAME]
InstanceType = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$",
        extra={"allowed": "an EC2 instance type such as m7i.large"},
    ),
]


# By its own word the cluster autoscaler takes every taint below it for one that is removed (utils/taints/taints.go).
STARTUP_TAINTS = "startup-taint.cluster-autoscaler.kubernetes.io/"


class Taint(_Section, frozen=True, kw_only=True):
    """A taint that the kubelet of a pool registers its Node with."""

    key: Annotated[str, Meta(description="Name of the taint, such as example.com/gpu.")]
    value: Annotated[str, Meta(description="Value of the taint; may be empty.")] = ""
    effect: Annotated[TaintEffect, Meta(description="What happens to pods that do not tolerate the taint.")]
    startup: Annotated[
        bool,
        Meta(
            description="true for a taint that something removes once a node is ready for pods, as CSI drivers do: the "
            f"cluster autoscaler then expects new nodes without it. Keys below {STARTUP_TAINTS} are such by themselves."
        ),
    ] = False

    @property
    def is_removed(self) -> bool:
        """Whether the taint is one of a node's start alone."""
        return self.startup or self.key.startswith(STARTUP_TAINTS)


class ControlPlane(_Section, frozen=True, kw_only=True):
    """The control plane: one Auto Scaling group per slot."""

    slots: Annotated[
        Literal[3, 5],
        Meta(description="Number of control planes: 3 survive one loss, 5 two. Never changes after creation."),
    ] = 3
    tenancy: Annotated[
        PoolTenancy,
        Meta(
            description="Hardware: shared (default), of this account alone (dedicated), or your dedicated hosts (host)."
        ),
    ] = "dedicated"
    host_resource_group: Annotated[
        HostGroupName | None,
        Meta(description="With tenancy host: which of hostResourceGroups the instances are placed in."),
    ] = None
    # Default of the root parameter, as of pools.
    instance_type: Annotated[
        InstanceType,
        Meta(description="Default of the parameter ControlPlaneInstanceType, which a deploy may change."),
    ] = "m7i.large"
    capacity_reservation: Annotated[
        ReservationName | None,
        Meta(description="Which of capacityReservations the instances are started in, where it has room."),
    ] = None
    root_volume_gib: Annotated[int, Meta(ge=20, le=1024, description="Size of the root volume in GiB.")] = 50
    etcd_volume_gib: Annotated[int, Meta(ge=8, le=1024, description="Size of etcd's own volume in GiB.")] = 20
    replacement: Annotated[
        Literal["surge", "remove-first"],
        Meta(
            description="surge: the new node joins before the old one leaves. "
            "remove-first: the old one leaves first, where capacity has no room for one more."
        ),
    ] = "surge"


class Pool(_Section, frozen=True, kw_only=True):
    """A worker pool: one nested stack, one Auto Scaling group over all zones."""

    name: Annotated[
        PoolName, Meta(description="Name of the pool; part of a template's name and of parameters, so never changes.")
    ]
    tenancy: Annotated[
        PoolTenancy,
        Meta(
            description="Hardware: shared (default), of this account alone (dedicated), or your dedicated hosts (host)."
        ),
    ] = "dedicated"
    host_resource_group: Annotated[
        HostGroupName | None,
        Meta(description="With tenancy host: which of hostResourceGroups the instances are placed in."),
    ] = None
    capacity_reservation: Annotated[
        ReservationName | None,
        Meta(description="Which of capacityReservations the instances are started in, where it has room."),
    ] = None
    # Each label and taint is also a tag of the Auto Scaling group, for the cluster autoscaler; a group has at most 50.
    labels: Annotated[
        dict[str, str], Meta(max_length=20, description="Labels that the kubelet of this pool registers its Node with.")
    ] = {}
    taints: Annotated[
        tuple[Taint, ...],
        Meta(max_length=10, description="Taints that the kubelet of this pool registers its Node with."),
    ] = ()
    root_volume_gib: Annotated[int, Meta(ge=20, le=16384, description="Size of the root volume in GiB.")] = 100
    image: Annotated[
        PoolImage,
        Meta(
            description="shared: nodes start from the parameter WorkerImage, as those of other pools do that share it. "
            "own: from a parameter of the pool, <Pool>Image, for another architecture or another build."
        ),
    ] = "shared"
    # Defaults of the pool's root parameters; the sizes themselves are chosen at deploy time.
    instance_type: Annotated[
        InstanceType, Meta(description="Default of the pool's InstanceType parameter, which a deploy may change.")
    ] = "m7i.large"
    # An update keeps MinSize nodes in service, and CloudFormation wants that to be less than MaxSize (rules/shape.py).
    min_size: Annotated[
        int,
        Meta(
            ge=0,
            le=MAX_POOL_NODES - 1,
            description="Default of the pool's MinSize parameter, which a deploy may change: less than maxSize.",
        ),
    ] = 2
    max_size: Annotated[
        int,
        Meta(
            ge=1,
            le=MAX_POOL_NODES,
            description="Default of the pool's MaxSize parameter, which a deploy may change: more than minSize.",
        ),
    ] = 10
    # At most a tenth of the largest pool. All nodes of a batch boot at once, and one that does not ends the update.
    update_batch: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="How many nodes an update replaces at a time; fewer where MaxSize less MinSize is fewer.",
        ),
    ] = 1


class Network(_Section, frozen=True, kw_only=True):
    """The network: made by the cluster, or given (`vpc: given`)."""

    vpc: Annotated[
        Literal["create", "given"],
        Meta(description="create: VPC and subnets are made. given: root parameters name existing ones."),
    ] = "create"
    tenancy: Annotated[
        VpcTenancy,
        Meta(description="Instance tenancy of the VPC; with a given VPC that VPC's, which has to be stated."),
    ] = "dedicated"
    # Static, because subnets are cut from it while generating and overlaps are refused then.
    # With a given VPC it states the primary range (`rules/given_vpc.py`), for the overlap check.
    vpc_cidr: Annotated[
        Cidr, Meta(description="Range of the VPC; with a given VPC its primary range, which has to be stated.")
    ] = "10.0.0.0/16"
    # https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html: 5 ranges of a VPC, 50 after a request
    vpc_secondary_cidrs: Annotated[
        tuple[Cidr, ...],
        Meta(max_length=49, description="Secondary ranges of a given VPC: all that it has, also those without nodes."),
    ] = ()
    endpoints: Annotated[
        Literal["create", "given"],
        Meta(
            description="Interface endpoints of the AWS services: made in the VPC, or already reachable from the given "
            "VPC, there or in another one."
        ),
    ] = "create"
    gateway_endpoints: Annotated[
        Literal["create", "given"],
        Meta(
            description="Gateway endpoints of S3 and DynamoDB: made in the route tables that a root parameter lists, "
            "or already there. Those of another VPC are reached by no route."
        ),
    ] = "create"
    endpoint_zones: Annotated[
        Literal["all", "one"],
        Meta(description="all: one network interface per zone and endpoint. one: first zone only (development shape)."),
    ] = "all"
    private_zone: Annotated[
        Literal["create", "given"],
        Meta(description="Private hosted zone of the API's name: made, or named by a root parameter."),
    ] = "create"
    # A change is no update of the stack alone (docs/how-to/change-the-encryption.md).
    encryption: Annotated[
        NetworkEncryption,
        Meta(
            description="What pods on different nodes send each other. wireguard: encrypted, and taken from nodes of "
            "the cluster only. none: as it is; any instance in the nodes' security groups can send in a pod's name. "
            "Chosen at creation: a change cuts pods on different nodes off until Cilium is changed by hand, too.",
        ),
    ] = "wireguard"
    # A domain list takes 1000 domains in one request, and the reverse names of the VPC's range are 128 at most.
    dns_allowed_domains: Annotated[
        tuple[AllowedDomain, ...],
        Meta(
            max_length=100,
            description="Domains that the resolver of a made VPC answers besides AWS's and the cluster's own; with *. "
            "first every name below. Their owners read what is asked for. An alias needs its target's domain, too.",
        ),
    ] = ()


class Kubernetes(_Section, frozen=True, kw_only=True):
    """Ranges inside the cluster, and who in it may reach its nodes."""

    pod_cidr: Annotated[
        Cidr, Meta(description="Range of the pods' addresses; every node takes a /24 of it. Never changes.")
    ] = "100.64.0.0/16"
    service_cidr: Annotated[Cidr, Meta(description="Range of the Services' addresses. Never changes.")] = (
        "172.20.0.0/16"
    )
    # Pod Security admission exempts them (userdata/kubeadm/admission.py).
    privileged_namespaces: Annotated[
        tuple[Namespace, ...],
        Meta(
            max_length=20,
            description="Namespaces besides kube-system whose pods may be privileged, use the host's network or its "
            "files: with a pod there one has the node. A change reaches a control plane when it is replaced.",
        ),
    ] = ()
    # Not `*`: any repository of the account may hold what is no business of the cluster's pods.
    image_repositories: Annotated[
        tuple[RepositoryPattern, ...],
        Meta(
            min_length=1,
            max_length=10,
            description="Repositories of the account's ECR that nodes may pull images from; with * last all that begin "
            "so, * alone for every one.",
        ),
    ] = ("holdfast/*",)


class Access(_Section, frozen=True, kw_only=True):
    """How people come in: with tokens to the API, and by shells to nodes."""

    oidc: Annotated[
        tuple[OidcIssuer, ...],
        Meta(max_length=MOST_ISSUERS, description="OpenID Connect issuers whose tokens the API servers take."),
    ] = ()
    # A change replaces every node, and takes effect for AWS's side of it at once (docs/how-to/open-a-shell.md).
    ssm: Annotated[
        bool,
        Meta(
            description="Shells on nodes by AWS Systems Manager's Session Manager: endpoints, rights of the nodes, an "
            "encrypted log of each session, and a policy for people. Whoever else may start sessions in the account "
            "gets a shell by it, too."
        ),
    ] = False


class Lifecycle(_Section, frozen=True, kw_only=True):
    """The reconcile function, which decides what happens to instances that terminate."""

    # For accounts whose service control policies refuse functions outside a VPC.
    function_in_vpc: Annotated[
        bool,
        Meta(
            description="The reconcile function runs in the subnets of the control plane, with a security group that "
            "reaches the endpoints, one of Elastic Load Balancing among them. Deleting the stack then takes longer."
        ),
    ] = False


class Monitoring(_Section, frozen=True, kw_only=True):
    """What CloudWatch makes of the metrics that every cluster writes."""

    alarms: Annotated[
        bool,
        Meta(
            description="Alarms that say when a person should look at the cluster. They notify the SNS topics of "
            "AlarmTopicArns."
        ),
    ] = True
    dashboard: Annotated[bool, Meta(description="A dashboard of the cluster in CloudWatch.")] = True

    @property
    def any(self) -> bool:
        """Whether there is anything to make."""
        return self.alarms or self.dashboard


class Addons(_Section, frozen=True, kw_only=True):
    """Add-ons besides the network, DNS and the autoscaler, which every cluster has."""

    metrics_server: Annotated[
        bool,
        Meta(
            description="metrics-server, for `kubectl top` and for autoscaling of pods. Switched off later, it stays "
            "until somebody deletes it."
        ),
    ] = False
    ebs_csi: Annotated[
        bool,
        Meta(
            description="The EBS CSI driver with a role of its own in AWS, and a default StorageClass of volumes that "
            "the cluster's key encrypts. Switched off later, it stays, without its role. Volumes outlive the cluster."
        ),
    ] = False

    @property
    def enabled(self) -> tuple[Addon, ...]:
        """Those that are switched on."""
        switches = {Addon.METRICS_SERVER: self.metrics_server, Addon.EBS_CSI: self.ebs_csi}
        return tuple(addon for addon, on in switches.items() if on)


class ClusterConfig(_Section, frozen=True, kw_only=True):
    """One cluster's shape; the defaults are examples/default.yaml."""

    name: Annotated[ClusterName, Meta(description="Name of the cluster in tags and descriptions.")] = "holdfast"
    partition: Annotated[
        Partition,
        Meta(
            description="AWS partition: commercial, GovCloud or China; or generated, but unproven, the European "
            "Sovereign Cloud (aws-eusc) or iso."
        ),
    ] = "aws"
    shape: Annotated[
        Shape,
        Meta(description="development allows fewer than three zones and endpoints in one zone: not for real work."),
    ] = "production"
    zones: Annotated[
        int, Meta(ge=1, le=6, description="Number of availability zones; their names are a root parameter.")
    ] = 3
    # A hosted zone takes ten (Route 53 API reference, ChangeTagsForResource): its own holdfast:cluster and, of a stack
    # that `make deploy` has created, holdfast:commit are two of them.
    tags: Annotated[
        dict[str, str],
        Meta(
            max_length=8,
            description="Tags of your organisation, on everything that the cluster creates and that takes tags. "
            "A change of them replaces every node.",
        ),
    ] = {}
    # Each becomes a pair of root parameters: the group's ARN and its license configuration's ARN.
    host_resource_groups: Annotated[
        tuple[HostGroupName, ...],
        Meta(max_length=8, description="Names of the host resource groups; their ARNs are root parameters."),
    ] = ()
    # Each becomes a root parameter: a resource group, since a reservation is of one zone and one type.
    capacity_reservations: Annotated[
        tuple[ReservationName, ...],
        Meta(
            max_length=8,
            description="Names of the resource groups of Capacity Reservations; their ARNs are root parameters.",
        ),
    ] = ()
    network: Network = Network()
    kubernetes: Kubernetes = Kubernetes()
    access: Access = Access()
    addons: Addons = Addons()
    lifecycle: Lifecycle = Lifecycle()
    monitoring: Monitoring = Monitoring()
    control_plane: ControlPlane = ControlPlane()
    # So many are generated and looked at in tests (tests/templates/test_largest.py).
    pools: Annotated[
        tuple[Pool, ...], Meta(min_length=1, max_length=12, description="The worker pools; at least one.")
    ] = (Pool(name="general"),)
