"""Ways to break one field of a valid configuration.

Each function changes the document (the mapping that a YAML file holds) and returns the path of the field that a
refusal has to name.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network
from typing import Any

from hypothesis import strategies as st

Document = dict[str, Any]
Draw = Callable[..., Any]

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_DOMAINS = (
    *("*", "*.", "*.com", "com", "", "A.example", "*a.example", "a.*.example", "*.*.example", "-a.example"),
    *("a-.example", "a_b.example", "a..example", ".a.example", "a.example.", "a.example\n", "10.0.0.1", "a b.example"),
    *(f"{'a' * 64}.example", f"{'a.' * 124}example", 3, None),
    *("in-addr.arpa", "*.1.10.in-addr.arpa", "*.ip6.arpa", "*.compute.internal", "*.fine.example"),
)


def _pool(draw: Draw, document: Document) -> tuple[int, Document]:
    index = draw(st.integers(0, len(document["pools"]) - 1))
    return index, document["pools"][index]


def _put(section: str, key: str, values: Sequence[Any]) -> Callable[[Draw, Document], str]:
    """A break that puts one of the values into a section's field."""

    def put(draw: Draw, document: Document) -> str:
        (document[section] if section else document)[key] = draw(st.sampled_from(values))
        return f"{section}.{key}" if section else key

    put.__name__ = f"put_{section}_{key}"
    return put


def _put_namespace(draw: Draw, document: Document) -> str:
    wrong = draw(st.sampled_from(("A", "-a", "a-", "a" * 64, "a,b", "a.", "", "a\n", 3)))
    document["kubernetes"]["privilegedNamespaces"] = ["fine", wrong]
    return "kubernetes.privilegedNamespaces[1]"


def _put_repository(draw: Draw, document: Document) -> str:
    wrong = draw(st.sampled_from(("", "a*b", "A", "a?", "**", "/a", "a" * 101, "a\n", 3)))
    document["kubernetes"]["imageRepositories"] = ["fine/*", wrong]
    return "kubernetes.imageRepositories[1]"


def _put_domain(draw: Draw, document: Document) -> str:
    wrong = draw(st.sampled_from(_DOMAINS))
    document["network"]["dnsAllowedDomains"] = ["*.fine.example", wrong]
    return "network.dnsAllowedDomains[1]"


def _domains_in_a_given_vpc(draw: Draw, document: Document) -> str:
    document["network"] |= {"vpc": "given", "dnsAllowedDomains": ["a.example"]}
    return "network.dnsAllowedDomains"


def _put_in_pool(key: str, values: Sequence[Any]) -> Callable[[Draw, Document], str]:
    def put(draw: Draw, document: Document) -> str:
        index, pool = _pool(draw, document)
        pool[key] = draw(st.sampled_from(values))
        return f"pools[{index}].{key}"

    put.__name__ = f"put_in_pool_{key}"
    return put


def _unknown_key(draw: Draw, document: Document) -> str:
    index, pool = _pool(draw, document)
    sections = {"": document, f"pools[{index}].": pool}
    sections |= {f"{name}.": document[name] for name in ("network", "kubernetes", "access", "controlPlane")}
    prefix = draw(st.sampled_from(sorted(sections)))
    sections[prefix]["colour"] = "blue"
    return f"{prefix}colour"


def _too_few_zones(draw: Draw, document: Document) -> str:
    document["shape"] = "production"
    document["network"]["endpointZones"] = "all"
    document["zones"] = draw(st.integers(1, 2))
    return "zones"


def _overlapping_pods(draw: Draw, document: Document) -> str:
    document["kubernetes"]["podCidr"] = document["network"]["vpcCidr"]
    return "kubernetes.podCidr"


def _pods_in_a_secondary_range(draw: Draw, document: Document) -> str:
    document["network"] |= {"vpc": "given", "dnsAllowedDomains": [], "vpcSecondaryCidrs": ["198.18.0.0/16"]}
    document["kubernetes"]["podCidr"] = "198.18.0.0/15"
    return "kubernetes.podCidr"


def _secondary_range_of_a_made_vpc(draw: Draw, document: Document) -> str:
    document["network"] |= {"vpc": "create", "vpcSecondaryCidrs": ["198.18.0.0/16"]}
    return "network.vpcSecondaryCidrs"


def _put_secondary_range(draw: Draw, document: Document) -> str:
    wrong = draw(st.sampled_from(("198.18.0.1/16", "198.18.0.0/15", "198.18.0.0/29", "127.0.0.0/16", "fd00::/64", 3)))
    document["network"] |= {"vpc": "given", "dnsAllowedDomains": [], "vpcSecondaryCidrs": ["198.19.0.0/24", wrong]}
    return "network.vpcSecondaryCidrs[1]"


def _unstated_range_of_a_given_vpc(draw: Draw, document: Document) -> str:
    document["network"] |= {"vpc": "given", "dnsAllowedDomains": []}
    del document["network"]["vpcCidr"]
    return "network.vpcCidr"


def _services_among_pods(draw: Draw, document: Document) -> str:
    pods = IPv4Network(document["kubernetes"]["podCidr"])
    document["kubernetes"]["serviceCidr"] = f"{pods.network_address}/24"
    return "kubernetes.serviceCidr"


def _host_bits(draw: Draw, document: Document) -> str:
    section, key = draw(st.sampled_from((("network", "vpcCidr"), ("kubernetes", "podCidr"))))
    network = IPv4Network(document[section][key])
    document[section][key] = f"{network.network_address + 1}/{network.prefixlen}"
    return f"{section}.{key}"


def _shared_nodes_in_a_dedicated_vpc(draw: Draw, document: Document) -> str:
    document["network"]["tenancy"] = "dedicated"
    index, pool = _pool(draw, document)
    path, nodes = draw(st.sampled_from((("controlPlane", document["controlPlane"]), (f"pools[{index}]", pool))))
    nodes["tenancy"] = "default"
    return f"{path}.tenancy"


def _host_without_group(draw: Draw, document: Document) -> str:
    index, pool = _pool(draw, document)
    pool["tenancy"] = "host"
    pool.pop("hostResourceGroup", None)
    return f"pools[{index}].hostResourceGroup"


def _undeclared_group(draw: Draw, document: Document) -> str:
    document["controlPlane"] |= {"tenancy": "host", "hostResourceGroup": "nowhere-declared"}
    return "controlPlane.hostResourceGroup"


def _group_without_host(draw: Draw, document: Document) -> str:
    document["controlPlane"] |= {"tenancy": "dedicated", "hostResourceGroup": "some-group"}
    return "controlPlane.hostResourceGroup"


def _unused_group(draw: Draw, document: Document) -> str:
    document["hostResourceGroups"].append("nobody-uses-this")
    return f"hostResourceGroups[{len(document['hostResourceGroups']) - 1}]"


def _same_pool_twice(draw: Draw, document: Document) -> str:
    twin = copy.deepcopy(document["pools"][0])
    name = twin["name"]
    twin["name"] = draw(st.sampled_from((name, f"{name[0]}-{name[1:]}"[:24].rstrip("-")))) if len(name) < 24 else name
    document["pools"].append(twin)
    return f"pools[{len(document['pools']) - 1}].name"


def _no_room_for_an_update(draw: Draw, document: Document) -> str:
    index, pool = _pool(draw, document)
    pool["minSize"] = pool["maxSize"] + draw(st.sampled_from((0, 1)))
    return f"pools[{index}].minSize"


def _refused_label(draw: Draw, document: Document) -> str:
    index, pool = _pool(draw, document)
    key = draw(
        st.sampled_from(
            (
                "node-role.kubernetes.io/worker",
                "kubernetes.io/hostname",
                "topology.kubernetes.io/zone",
                "node.kubernetes.io/instance-type",
                "team.k8s.io/a",
                "-a",
                "a/b/c",
                "A.example/b",
                "",
                "a" * 64,
                "example.com/" + "a" * 63 + ".b",
                "a" * 40 + ".example.internal/" + "a" * 40,
            )
        )
    )
    pool["labels"] = {key: "x"}
    plain = key.replace("-", "").isalnum() and key[0].isalpha()
    return f"pools[{index}].labels" + (f".{key}" if plain else f"[{json.dumps(key)}]")


def _refused_label_value(draw: Draw, document: Document) -> str:
    index, pool = _pool(draw, document)
    pool["labels"] = {"a": draw(st.sampled_from(("-", "a b", "x" * 64, "ä", 1, True, 1.5, None, ["x"])))}
    return f"pools[{index}].labels.a"


def _refused_taint(draw: Draw, document: Document) -> str:
    index, pool = _pool(draw, document)
    good = {"key": "a", "value": "b", "effect": "NoSchedule"}
    field, value = draw(
        st.sampled_from(
            (
                ("effect", "NoWay"),
                ("effect", None),
                ("key", "node.kubernetes.io/not-ready"),
                ("key", "node.cilium.io/agent-not-ready"),
                ("key", "a b"),
                ("value", "a b"),
            )
        )
    )
    pool["taints"] = [{**good, field: value}]
    return f"pools[{index}].taints[0].{field}"


def _same_taint_twice(draw: Draw, document: Document) -> str:
    index, pool = _pool(draw, document)
    effect = draw(st.sampled_from(_EFFECTS))
    pool["taints"] = [{"key": "a", "effect": effect}, {"key": "a", "value": "other", "effect": effect}]
    return f"pools[{index}].taints[1].effect"


def _endpoints_in_one_zone(draw: Draw, document: Document) -> str:
    document["shape"], document["zones"] = "production", 3
    document["network"]["endpointZones"] = "one"
    return "network.endpointZones"


def _given_part_of_a_made_network(draw: Draw, document: Document) -> str:
    key = draw(st.sampled_from(("endpoints", "gatewayEndpoints", "privateZone")))
    document["network"] |= {"vpc": "create", key: "given"}
    return f"network.{key}"


def _too_many_nodes_for_the_pods(draw: Draw, document: Document) -> str:
    document["kubernetes"]["podCidr"] = str(next(IPv4Network(document["kubernetes"]["podCidr"]).subnets(new_prefix=23)))
    return "kubernetes.podCidr"


def _type_that_is_no_node(draw: Draw, document: Document) -> str:
    section, path = draw(
        st.sampled_from(((document["controlPlane"], "controlPlane"), (document["pools"][0], "pools[0]")))
    )
    section["instanceType"] = draw(st.sampled_from(("t2.large", "mac2.metal", "m1.large", "r3.8xlarge")))
    return f"{path}.instanceType"


def _type_that_no_host_carries(draw: Draw, document: Document) -> str:
    index, pool = _pool(draw, document)
    document["hostResourceGroups"] = ["a-group"]
    pool |= draw(
        st.sampled_from(
            (
                {"tenancy": "host", "hostResourceGroup": "a-group", "instanceType": "t4g.large"},
                {"tenancy": "host", "hostResourceGroup": "a-group", "instanceType": "m7i-flex.large"},
            )
        )
    )
    return f"pools[{index}].instanceType"


BREAKS: tuple[Callable[[Draw, Document], str], ...] = (
    _put("", "name", ("A", "a", "-a", "a-", "a" * 33, "a_b", "a\n", 3, None, ["a"])),
    _put("", "partition", ("azure", 1, None)),
    _put("", "shape", ("staging", True)),
    _put("", "zones", (0, 7, -1, "three", "03", 3.5, True, None)),
    _put("access", "ssm", ("true", "on", 1, None, ["ssm"])),
    _put("", "hostResourceGroups", ("a", {"a": 1}, 3)),
    _put("", "network", ("create", ["create"], 1)),
    _put("", "pools", ([], {}, "general", 17 * [{"name": "a"}])),
    _put("network", "vpc", ("make", True)),
    _put("network", "tenancy", ("host", "shared")),
    _put("network", "encryption", ("ipsec", "WireGuard", False, None)),
    _put("network", "dnsAllowedDomains", ("a.example", [f"a{i}.example" for i in range(101)], {"a": "b"})),
    _put_domain,
    _domains_in_a_given_vpc,
    _put("network", "vpcCidr", ("10.0.0.0", "10.0.0.0/15", "10.0.0.0/29", "127.0.0.0/16", "169.254.0.0/20")),
    _put("network", "vpcCidr", ("300.0.0.0/16", "10.0.0.0/33", "10.0.0.0/16 ", "::/64", 10, "224.0.0.0/16")),
    _put("kubernetes", "podCidr", ("100.64.0.0/7", "100.64.0.0/25", "x", "0.0.0.0/0")),
    _put("kubernetes", "serviceCidr", ("172.16.0.0/11", "172.20.0.0/25", "250.0.0.0/16", False)),
    _put("kubernetes", "privilegedNamespaces", ("a", 21 * ["a"], {"a": "b"})),
    _put_namespace,
    _put("kubernetes", "imageRepositories", ("*", 11 * ["a"], {"a": "b"})),
    _put_repository,
    _put("controlPlane", "slots", (0, 1, 2, 4, 7, "3", True)),
    _put("controlPlane", "tenancy", ("shared", None)),
    _put("controlPlane", "etcdVolumeGib", (7, 1025, "20")),
    _put("controlPlane", "replacement", ("rolling",)),
    _put_in_pool("name", ("A", "a", "a--", "x" * 25, "control-plane", "controlplane", None)),
    _put_in_pool("rootVolumeGib", (19, 16385, "0x20", 20.5)),
    _put_in_pool("minSize", (-1, 1000, "2")),
    _put_in_pool("maxSize", (0, 1001, "010")),
    _put_in_pool("updateBatch", (0, 101, "1", True)),
    _put_in_pool("instanceType", ("large", "m7i.", "M7I.large", "m7i large", 7)),
    _put_in_pool("taints", ("a", {"key": "a"}, 11 * [{"key": "a", "effect": "NoExecute"}])),
    _unknown_key,
    _too_few_zones,
    _overlapping_pods,
    _pods_in_a_secondary_range,
    _secondary_range_of_a_made_vpc,
    _put_secondary_range,
    _unstated_range_of_a_given_vpc,
    _services_among_pods,
    _host_bits,
    _shared_nodes_in_a_dedicated_vpc,
    _host_without_group,
    _undeclared_group,
    _group_without_host,
    _unused_group,
    _same_pool_twice,
    _no_room_for_an_update,
    _refused_label,
    _refused_label_value,
    _refused_taint,
    _same_taint_twice,
    _endpoints_in_one_zone,
    _given_part_of_a_made_network,
    _too_many_nodes_for_the_pods,
    _type_that_is_no_node,
    _type_that_no_host_carries,
)
