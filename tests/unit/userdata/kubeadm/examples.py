"""A cluster and its nodes, as tests of configurations need them."""

from __future__ import annotations

from coordination.names import AccessGroup
from userdata.kubeadm.cluster import Cluster
from userdata.kubeadm.node import CONTROL_PLANE_TAINT, Node, Taint, reserved
from userdata.kubeadm.oidc import OidcIssuer
from userdata.kubeadm.tokens import BootstrapToken

CLUSTER = Cluster(
    name="holdfast",
    version="v1.37.2",
    endpoint="api.holdfast.internal",
    pod_cidr="100.64.0.0/16",
    service_cidr="172.20.0.0/16",
    etcd_token="uuid-1",
    etcd_volume_gib=20,
    extra_names=("kubernetes.example.com",),
)
CONTROL_PLANE = Node(
    name="i-0123456789abcdef0",
    address="10.0.0.5",
    zone="us-east-1a",
    region="us-east-1",
    instance_type="m7i.large",
    taints=(CONTROL_PLANE_TAINT,),
)
WORKER = Node(
    name="i-0fedcba9876543210",
    address="10.0.64.7",
    zone="us-east-1b",
    region="us-east-1",
    instance_type="m7i.xlarge",
    labels={"example.com/disk": "ssd", "tier": ""},
    taints=(Taint("example.com/gpu", "NoSchedule", "true"), Taint("spot", "PreferNoSchedule")),
    reserved=reserved(cpus=4, memory_mib=16384),
)
TOKEN = BootstrapToken("abcdef", "0123456789abcdef")
ISSUER = OidcIssuer(
    url="https://idp.example.com",
    discovery_url="",
    audiences=("kubernetes",),
    certificate_authority="",
    username_claim="sub",
    username_prefix="idp:",
    groups_claim="groups",
    groups_prefix="idp:",
    groups={AccessGroup.ADMIN: ("admins",)},
)
