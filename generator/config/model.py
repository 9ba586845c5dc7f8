"""The cluster configuration: everything that decides the shape of the templates.

What a person may choose anew at every deploy (image, instance type, zones by name, log retention) is a CloudFormation
parameter of the root template instead; see docs/architecture.md for the rule that tells them apart.
Field names are snake_case here and camelCase in YAML. Reading and refusing is in `read.py` and `rules.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Partition = Literal["aws", "aws-us-gov", "aws-cn", "aws-iso", "aws-iso-b"]
Shape = Literal["production", "development"]
VpcTenancy = Literal["default", "dedicated"]
PoolTenancy = Literal["default", "dedicated", "host"]
TaintEffect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]

# The name appears in resource tags and descriptions; 32 leaves room for the suffixes that CloudFormation
# adds to the 32-character names of load balancers and target groups.
ClusterName = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,30}[a-z0-9]$")]
# A pool's name is part of a template's file name and, in CamelCase, of logical ids and parameter names.
PoolName = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,22}[a-z0-9]$")]
HostGroupName = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,22}[a-z0-9]$")]
Cidr = Annotated[str, Meta(pattern=r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$")]


class _Section(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Base of every section: immutable, camelCase in YAML, unknown keys refused."""


class Taint(_Section, frozen=True, kw_only=True):
    """A taint that the kubelet of a pool registers its Node with."""

    key: str
    value: str = ""
    effect: TaintEffect


class ControlPlane(_Section, frozen=True, kw_only=True):
    """The control plane: one Auto Scaling group per slot."""

    # 3 tolerates one loss, 5 two; the number is chosen at creation and never changes (docs/limits.md).
    slots: Annotated[int, Meta(ge=3, le=5)] = 3
    tenancy: PoolTenancy = "dedicated"
    host_resource_group: HostGroupName | None = None
    root_volume_gib: Annotated[int, Meta(ge=20, le=1024)] = 50
    etcd_volume_gib: Annotated[int, Meta(ge=8, le=1024)] = 20
    # "surge": the new node joins before the old one leaves. "remove-first": where capacity has no room for one more.
    replacement: Literal["surge", "remove-first"] = "surge"


class Pool(_Section, frozen=True, kw_only=True):
    """A worker pool: one nested stack, one Auto Scaling group over all zones."""

    name: PoolName
    tenancy: PoolTenancy = "dedicated"
    host_resource_group: HostGroupName | None = None
    labels: dict[str, str] = {}
    taints: tuple[Taint, ...] = ()
    root_volume_gib: Annotated[int, Meta(ge=20, le=16384)] = 100
    # Defaults of the pool's root parameters; the sizes themselves are chosen at deploy time.
    instance_type: str = "m7i.large"
    min_size: Annotated[int, Meta(ge=0, le=1000)] = 2
    max_size: Annotated[int, Meta(ge=0, le=1000)] = 10


class Network(_Section, frozen=True, kw_only=True):
    """The network: made by the cluster, or given (`vpc: given`)."""

    vpc: Literal["create", "given"] = "create"
    tenancy: VpcTenancy = "dedicated"
    # Static, because subnets are cut from it while generating and overlaps are refused then.
    # With a given VPC it states the VPC's own range, for the security groups and the overlap check.
    vpc_cidr: Cidr = "10.0.0.0/16"
    # Endpoints of the AWS services: made here, or already reachable from the given VPC (central endpoints).
    endpoints: Literal["create", "given"] = "create"
    # "all": one network interface per zone and endpoint. "one": in the first zone only (development shape).
    endpoint_zones: Literal["all", "one"] = "all"
    # The private hosted zone of the API's name: made here, or given by a root parameter.
    private_zone: Literal["create", "given"] = "create"


class Kubernetes(_Section, frozen=True, kw_only=True):
    """Ranges inside the cluster."""

    pod_cidr: Cidr = "100.64.0.0/16"
    service_cidr: Cidr = "172.20.0.0/16"


class ClusterConfig(_Section, frozen=True, kw_only=True):
    """One cluster's shape; the defaults are examples/default.yaml."""

    name: ClusterName = "holdfast"
    partition: Partition = "aws"
    shape: Shape = "production"
    zones: Annotated[int, Meta(ge=1, le=6)] = 3
    # Names of the host resource groups; each becomes a pair of root parameters (group ARN, licence configuration ARN).
    host_resource_groups: tuple[HostGroupName, ...] = ()
    network: Network = Network()
    kubernetes: Kubernetes = Kubernetes()
    control_plane: ControlPlane = ControlPlane()
    pools: tuple[Pool, ...] = (Pool(name="general"),)
