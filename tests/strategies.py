"""Hypothesis strategies of cluster configurations: valid ones, and valid ones with one field broken.

Configurations are built to be valid (sizes follow from the ranges that were drawn), so nothing is filtered away.
"""

from __future__ import annotations

import copy
import json
import string
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from hypothesis import strategies as st

from coordination.names import URL_SUFFIXES
from generator.config import ClusterConfig, parse
from tests.breaks import BREAKS, Document, Draw
from tests.compute_breaks import COMPUTE_BREAKS
from tests.oidc_breaks import OIDC_BREAKS
from tests.pem import CERTIFICATE

_ALPHANUMERIC = string.ascii_letters + string.digits
_PRIVATE_AREAS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


@dataclass(frozen=True)
class Broken:
    """A configuration that is refused, and the path of the field that the refusal has to name."""

    document: Document
    path: str

    @property
    def text(self) -> str:
        return json.dumps(self.document)


def valid_configs() -> st.SearchStrategy[ClusterConfig]:
    """Configurations of every shape that the generator accepts."""
    # JSON is YAML, so what is drawn goes through the reader as a file would.
    return valid_documents().map(lambda document: parse(json.dumps(document)))


@st.composite
def valid_documents(draw: Draw) -> Document:
    """The same as valid_configs, as the mapping that a YAML file holds."""
    development = draw(st.booleans())
    zones = draw(st.integers(1 if development else 3, 6))
    slots = draw(st.sampled_from((3, 5)))
    vpc_area, pod_area, service_area, _ = draw(_AREA_ORDERS)
    network, vpc_nodes = _network(draw, vpc_area, zones, development)
    pods = _range(draw, pod_area, 8, 20)
    pod_nodes = pods.num_addresses // 256 - slots - 1
    names = draw(_POOL_NAMES)
    groups = draw(_GROUP_NAMES)
    most_nodes = min(1000, min(vpc_nodes, pod_nodes) // len(names))
    pools = [_pool_section(draw, name, network["tenancy"], groups, most_nodes) for name in names]
    control_plane = {
        "slots": slots,
        **draw(_VOLUMES),
        "instanceType": draw(_INSTANCE_TYPES),
        "replacement": draw(_REPLACEMENTS),
        **_tenancy(draw, network["tenancy"], groups),
    }
    sessions = draw(st.booleans())
    reserved = {nodes["capacityReservation"] for nodes in (control_plane, *pools) if nodes.get("capacityReservation")}
    used = {nodes.get("hostResourceGroup") for nodes in (control_plane, *pools)}
    return {
        "name": draw(_CLUSTER_NAMES),
        "partition": draw(_PARTITIONS),
        "shape": "development" if development else "production",
        "zones": zones,
        "tags": draw(_TAGS),
        "hostResourceGroups": [group for group in groups if group in used],
        "capacityReservations": sorted(reserved),
        "network": network,
        "kubernetes": {
            "podCidr": str(pods),
            "serviceCidr": str(_range(draw, service_area, 12, 24)),
            "privilegedNamespaces": draw(_NAMESPACES),
            # With sessions a role's policies have room for fewer.
            "imageRepositories": draw(_FEW_REPOSITORIES if sessions else _REPOSITORIES),
        },
        # Lambda connects to no VPC of dedicated tenancy, which is the default.
        "lifecycle": {"functionInVpc": network["tenancy"] == "default" and draw(st.booleans())},
        "access": {"ssm": sessions, "oidc": _issuers(draw)},
        # With both they have room for one or two.
        "addons": {"metricsServer": draw(st.booleans()), "ebsCsi": not sessions and draw(st.booleans())},
        "controlPlane": control_plane,
        "pools": pools,
    }


@st.composite
def invalid_configs(draw: Draw) -> Broken:
    """A valid configuration with one field broken, together with that field's path."""
    document = copy.deepcopy(draw(valid_documents()))
    path = draw(st.sampled_from((*BREAKS, *OIDC_BREAKS, *COMPUTE_BREAKS)))(draw, document)
    return Broken(document, path)


# Strategies that depend on nothing are made once, and what depends on earlier draws are plain functions: hypothesis
# validates every strategy object that it has not met before, which would take most of the time.


def _without_hyphens(name: str) -> str:
    return name.replace("-", "")


def _words(first: str, inner: str, last: str, longest: int) -> st.SearchStrategy[str]:
    """Words of 2 to `longest` characters from three alphabets."""
    parts = st.tuples(st.sampled_from(first), st.text(inner, max_size=longest - 2), st.sampled_from(last))
    return parts.map("".join)


def _names(longest: int) -> st.SearchStrategy[str]:
    lower, digits = string.ascii_lowercase, string.digits
    names = _words(lower, lower + digits + "-", lower + digits, longest)
    return names.filter(lambda name: _without_hyphens(name) not in ("controlplane", "worker"))


_CLUSTER_NAMES = _names(32)
_POOL_NAMES = st.lists(_names(24), min_size=1, max_size=5, unique_by=_without_hyphens)
_GROUP_NAMES = st.lists(_names(24), max_size=3, unique_by=_without_hyphens)
_NAMESPACES = st.lists(_names(63), max_size=3)
_REPOSITORY = st.from_regex(r"[a-z0-9][a-z0-9._/-]{0,98}\*?|\*", fullmatch=True)
_REPOSITORIES = st.lists(_REPOSITORY, min_size=1, max_size=10)
_FEW_REPOSITORIES = st.lists(_REPOSITORY, min_size=1, max_size=3)
_DOMAINS = st.lists(
    st.from_regex(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){1,3}(com|example|xn--p1ai)", fullmatch=True),
    max_size=3,
    unique=True,
)
# Hypothesis knows this word from the code, and a rule of templates asks that nothing but the generator writes it.
_WORDS = st.sampled_from(_ALPHANUMERIC) | _words(_ALPHANUMERIC, _ALPHANUMERIC + "-_.", _ALPHANUMERIC, 63).filter(
    lambda word: "amazonaws" not in word
)
_VALUES = st.just("") | _WORDS
# Keys of labels and taints, some in the user's own domains.
_KEYS = st.tuples(st.sampled_from(("", "example.com/", "team-1.internal/")), _WORDS).map("".join)
_LABELS = st.dictionaries(_KEYS, _VALUES, max_size=4)
# A key is one of a node's start everywhere or nowhere.
_STARTUP_TAINTS: st.SearchStrategy[Document] = st.sampled_from(
    (
        {"key": "ebs.csi.aws.com/agent-not-ready", "startup": True},
        {"key": "startup-taint.cluster-autoscaler.kubernetes.io/disk"},
        {"key": "startup.example.com/disk", "startup": True},
    )
)
_TAINTS = st.lists(
    st.fixed_dictionaries({"key": _KEYS, "value": _VALUES, "effect": st.sampled_from(_EFFECTS)})
    | _STARTUP_TAINTS.map(lambda taint: {**taint, "value": "", "effect": "NoSchedule"}),
    max_size=3,
    unique_by=lambda taint: (taint["key"], taint["effect"]),
)
_TAGS = st.dictionaries(_WORDS.filter(lambda key: key.lower() != "name"), _WORDS, max_size=3).filter(
    lambda tags: len({key.casefold() for key in tags}) == len(tags)
)
_VOLUMES = st.fixed_dictionaries({"rootVolumeGib": st.integers(20, 1024), "etcdVolumeGib": st.integers(8, 1024)})
_CHOICES = st.sampled_from(("create", "given"))
# No area that other ranges are drawn from.
_SECONDARY = st.lists(st.sampled_from(("198.18.0.0/16", "198.19.4.0/24", "192.0.2.64/28")), max_size=3, unique=True)
_ENCRYPTIONS = st.sampled_from(("wireguard", "none"))
_TENANCIES = st.sampled_from(("default", "dedicated"))
_INSTANCE_TYPES = st.sampled_from(("m7i.large", "c6i.4xlarge", "r6g.metal", "t3.large"))
_ARM_TYPES = ("r6g.metal",)
_RESERVATIONS = st.sampled_from((None, "reserved", "reserved-too"))
_IMAGES = st.sampled_from(("shared", "own"))
_BATCHES = st.integers(1, 100)
_AREA_ORDERS = st.permutations(_PRIVATE_AREAS)
_PARTITIONS = st.sampled_from(sorted(URL_SUFFIXES))
_REPLACEMENTS = st.sampled_from(("surge", "remove-first"))


_NUMBER_OF_ISSUERS = st.integers(0, 3)
_PLAIN_TEXTS = st.text(_ALPHANUMERIC + "äß€-_.:/ {}\"'\\", min_size=1, max_size=20)
_ISSUERS = st.fixed_dictionaries(
    {
        "audiences": st.lists(_PLAIN_TEXTS, min_size=1, max_size=3, unique=True),
        # No area that other ranges are drawn from.
        "cidrs": st.lists(
            st.sampled_from(("198.51.100.0/24", "203.0.113.7/32", "8.0.0.0/8")), min_size=1, max_size=3, unique=True
        ),
    },
    optional={
        "certificateAuthority": st.sampled_from((CERTIFICATE, 2 * CERTIFICATE)),
        "usernameClaim": st.sampled_from(("email", "https://example.com/name", "cognito:username")),
    },
)
_ISSUER_GROUPS = st.dictionaries(
    st.sampled_from(("view", "edit", "admin")), st.lists(_PLAIN_TEXTS, max_size=3, unique=True)
)


def _issuers(draw: Draw) -> list[Document]:
    """Issuers that are told apart by a number in their names and prefixes."""
    issuers = []
    for index in range(draw(_NUMBER_OF_ISSUERS)):
        issuer = {"url": f"https://idp{index}.example.com", "usernamePrefix": f"{index}:", **draw(_ISSUERS)}
        if draw(st.booleans()):
            issuer["discoveryUrl"] = f"https://mirror.example.com:8443/{index}"
        if draw(st.booleans()):
            issuer |= {"groupsClaim": "groups", "groupsPrefix": f"{index}-", "groups": draw(_ISSUER_GROUPS)}
        issuers.append(issuer)
    return issuers


def _range(draw: Draw, area: str, largest: int, smallest: int) -> IPv4Network:
    """A range within `area`, between the two prefix lengths."""
    within = IPv4Network(area)
    prefix = draw(st.integers(max(largest, within.prefixlen), smallest))
    index = draw(st.integers(0, 2 ** (prefix - within.prefixlen) - 1))
    return IPv4Network((int(within.network_address) + index * 2 ** (32 - prefix), prefix))


def _network(draw: Draw, area: str, zones: int, development: bool) -> tuple[Document, int]:
    """The network section, and how many workers its subnets have room for."""
    given = draw(st.booleans())
    endpoints = draw(_CHOICES) if given else "create"
    one_zone = development and endpoints == "create" and draw(st.booleans())
    vpc = _range(draw, area, 16, 28 if given else 23 if zones <= 3 else 21)
    network = {
        "vpc": "given" if given else "create",
        "tenancy": draw(_TENANCIES),
        "vpcCidr": str(vpc),
        "vpcSecondaryCidrs": draw(_SECONDARY) if given else [],
        "endpoints": endpoints,
        "gatewayEndpoints": draw(_CHOICES) if given else "create",
        "endpointZones": "one" if one_zone else "all",
        "privateZone": draw(_CHOICES) if given else "create",
        "encryption": draw(_ENCRYPTIONS),
        "dnsAllowedDomains": [] if given else draw(_DOMAINS),
    }
    return network, 10_000 if given else zones * (vpc.num_addresses // (8 if vpc.prefixlen <= 21 else 4) - 5)


def _tenancy(draw: Draw, vpc_tenancy: str, groups: Sequence[str]) -> Document:
    """Tenancy and host resource group of the control plane or a pool."""
    allowed = ["dedicated"]
    if vpc_tenancy == "default":
        allowed.append("default")
    if groups:
        allowed.append("host")
    tenancy = draw(st.sampled_from(allowed))
    if tenancy == "host":
        return {"tenancy": tenancy, "hostResourceGroup": draw(st.sampled_from(groups))}
    return {"tenancy": tenancy, "capacityReservation": draw(_RESERVATIONS)}


def _pool_section(draw: Draw, name: str, vpc_tenancy: str, groups: Sequence[str], most_nodes: int) -> Document:
    max_size = draw(st.integers(1, most_nodes))
    instance_type = draw(_INSTANCE_TYPES)
    return {
        "name": name,
        **_tenancy(draw, vpc_tenancy, groups),
        "labels": draw(_LABELS),
        "taints": draw(_TAINTS),
        "rootVolumeGib": draw(st.integers(20, 16384)),
        "instanceType": instance_type,
        # Types of two architectures share no image, and the name of a shared image's parameter is taken.
        "image": "own" if instance_type in _ARM_TYPES else draw(_IMAGES),
        "minSize": draw(st.integers(0, max_size - 1)),
        "maxSize": max_size,
        "updateBatch": draw(_BATCHES),
    }
