"""What is refused, and the exact lines that say so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from generator.config import ConfigError, Problem, load, parse, rules
from generator.config.model import ClusterConfig
from generator.config.problem import quoted
from tests.unit.generator.config.instance_type_lines import INSTANCE_TYPES
from tests.unit.generator.config.oidc_lines import OIDC, TOO_LARGE

NAME = "2 to 24 lower-case letters, digits and hyphens, beginning with a letter, no hyphen last"
QUALIFIED = (
    "an optional DNS prefix and a slash, then 1 to 63 letters, digits, '-', '_' and '.', none of these outermost"
)
VALUE = "at most 63 letters, digits, '-', '_' and '.', none of these outermost"
KUBELET = "below kubernetes.io and k8s.io a kubelet may only set node.kubernetes.io, kubelet.kubernetes.io"
GIVEN = "vpc: given, tenancy: dedicated, vpcCidr: 10.0.0.0/16"
LESS = "less than maxSize (an update needs room for one more node)"
OWN_TAINTS = (
    "a key outside kubernetes.io, k8s.io, cilium.io, whose controllers set and remove them, or below "
    "node-role.kubernetes.io or startup-taint.cluster-autoscaler.kubernetes.io"
)
CUT = (
    "a range from /16 to /23 (subnets are cut from it; subnets of your own, in a smaller one, go with network.vpc: "
    "given)"
)

# What the model refuses: YAML, then the lines.
TYPES = [
    ("zone: 3", "zone: given an unknown key; allowed: name, partition, shape, zones, tags, hostResourceGroups, "
     "capacityReservations, network, kubernetes, access, addons, lifecycle, monitoring, controlPlane, "
     "pools (perhaps zones)"),
    ("network: {vpc_cidr: 10.0.0.0/16}", "network.vpc_cidr: given an unknown key; allowed: vpc, tenancy, vpcCidr, "
     "vpcSecondaryCidrs, endpoints, gatewayEndpoints, endpointZones, privateZone, encryption, "
     "dnsAllowedDomains (perhaps vpcCidr)"),
    ("zones: three", 'zones: given "three"; allowed: a whole number from 1 to 6 in plain digits'),
    ("zones: 7", "zones: given 7; allowed: a whole number from 1 to 6"),
    ("zones: yes", 'zones: given "yes"; allowed: a whole number from 1 to 6 in plain digits'),
    ("zones: true", "zones: given true; allowed: a whole number from 1 to 6"),
    ("zones:", "zones: given nothing; allowed: a whole number from 1 to 6"),
    ("zones: 03", 'zones: given "03"; allowed: a whole number from 1 to 6 in plain digits'),
    ("name: 5", "name: given 5; allowed: 2 to 32 lower-case letters, digits and hyphens, beginning with a letter, "
     "no hyphen last, in quotes"),
    ("name: Web", 'name: given "Web"; allowed: 2 to 32 lower-case letters, digits and hyphens, beginning with a '
     "letter, no hyphen last"),
    ('name: "web\\n"', 'name: given "web\\n"; allowed: text on one line, without control characters'),
    ("partition: aws-eu", 'partition: given "aws-eu"; allowed: aws, aws-us-gov, aws-cn, aws-eusc, '
     "aws-iso, aws-iso-b, aws-iso-e, aws-iso-f"),
    ("network: given", 'network: given "given"; allowed: a mapping with the keys vpc, tenancy, vpcCidr, '
      "vpcSecondaryCidrs, endpoints, gatewayEndpoints, endpointZones, privateZone, encryption, dnsAllowedDomains"),
    ("network: {encryption: ipsec}", 'network.encryption: given "ipsec"; allowed: wireguard, none'),
    ("controlPlane: {slots: 4}", "controlPlane.slots: given 4; allowed: 3, 5"),
    ("controlPlane: {etcdVolumeGib: 4}", "controlPlane.etcdVolumeGib: given 4; allowed: a whole number from 8 to 1024"),
    ("pools: []", "pools: given 0 entries; allowed: 1 to 12"),
    ("pools: general", 'pools: given "general"; allowed: a list'),
    ("pools: [{}]", f"pools[0].name: given nothing; allowed: {NAME}"),
    ("pools: [{name: a}]", f'pools[0].name: given "a"; allowed: {NAME}'),
    ("pools: [{name: aa, labels: [x]}]", 'pools[0].labels: given ["x"]; allowed: a mapping of text to text'),
    ("pools: [{name: aa, labels: {version: 1.10}}]", "pools[0].labels.version: given 1.10; allowed: text, in quotes"),
    ("pools: [{name: aa, labels: {on: true}}]", "pools[0].labels.on: given true; allowed: text, in quotes"),
    ("pools: [{name: aa, taints: [{key: a, effect: NoWay}]}]",
     'pools[0].taints[0].effect: given "NoWay"; allowed: NoSchedule, PreferNoSchedule, NoExecute'),
    ("pools: [{name: aa, taints: [{key: a}]}]",
     "pools[0].taints[0].effect: given nothing; allowed: NoSchedule, PreferNoSchedule, NoExecute"),
    ("pools: [{name: aa, minSize: 0, maxSize: 0}]",
     "pools[0].maxSize: given 0; allowed: a whole number from 1 to 1000"),
    ("pools: [{name: aa, minSize: 1000}]",
     "pools[0].minSize: given 1000; allowed: a whole number from 0 to 999"),
    ("pools: [{name: aa, updateBatch: 0}]", "pools[0].updateBatch: given 0; allowed: a whole number from 1 to 100"),
    ("pools: [{name: aa, instanceType: large}]",
     'pools[0].instanceType: given "large"; allowed: an EC2 instance type such as m7i.large'),
]  # fmt: skip

DOMAIN = "a lower-case DNS name of at least two labels, 253 characters at most, with *. first for every name below it"
DOMAINS = [
    ('network: {dnsAllowedDomains: ["*"]}', f'network.dnsAllowedDomains[0]: given "*"; allowed: {DOMAIN}'),
    ("network: {dnsAllowedDomains: ['*.com']}", f'network.dnsAllowedDomains[0]: given "*.com"; allowed: {DOMAIN}'),
    ("network: {dnsAllowedDomains: [a.example, A.example]}",
     f'network.dnsAllowedDomains[1]: given "A.example"; allowed: {DOMAIN}'),
    ("network: {dnsAllowedDomains: a.example}", 'network.dnsAllowedDomains: given "a.example"; allowed: a list'),
    (f"network: {{dnsAllowedDomains: [{', '.join(f'a{index}.example' for index in range(101))}]}}",
     "network.dnsAllowedDomains: given 101 entries; allowed: 0 to 100"),
    (f"network: {{{GIVEN}, dnsAllowedDomains: [a.example]}}", "network.dnsAllowedDomains: given 1 entry; allowed: "
     "none (only with network.vpc: create; what a given VPC resolves is its owner's to say)"),
    ("network: {dnsAllowedDomains: ['*.in-addr.arpa']}", 'network.dnsAllowedDomains[0]: given "*.in-addr.arpa"; '
     "allowed: names outside of arpa (of addresses, those of network.vpcCidr are allowed already)"),
    ("{partition: aws-cn, network: {dnsAllowedDomains: ['*.amazonaws.com.cn']}}", "network.dnsAllowedDomains[0]: "
     'given "*.amazonaws.com.cn"; allowed: domains that are not allowed already'),
    ("network: {dnsAllowedDomains: [a.example, b.example, a.example]}", "network.dnsAllowedDomains[2]: given "
     '"a.example"; allowed: a domain that network.dnsAllowedDomains[0] does not name'),
]  # fmt: skip

# What the rules refuse.
ADDRESSES = [
    ("network: {vpcCidr: 10.0.0.1/16}", 'network.vpcCidr: given "10.0.0.1/16"; allowed: 10.0.0.0/16, the same range '
     "written from its first address"),
    ("network: {vpcCidr: 10.0.0.0/33}", 'network.vpcCidr: given "10.0.0.0/33"; allowed: an IPv4 range such as '
     "10.0.0.0/16"),
    ("network: {vpcCidr: 10.0.0.0/15}", f'network.vpcCidr: given "10.0.0.0/15"; allowed: {CUT}'),
    ("network: {vpcCidr: 10.0.0.0/24}", f'network.vpcCidr: given "10.0.0.0/24"; allowed: {CUT}'),
    ("{zones: 4, network: {vpcCidr: 10.0.0.0/22}}", "zones: given 4; allowed: at most 3 in 10.0.0.0/22; subnets for 6 "
     "are cut from a range from /16 to /21"),
    ("{network: {vpcCidr: 10.0.0.0/23}, kubernetes: {podCidr: 100.64.0.0/10}, pools: [{name: aa, maxSize: 370}]}",
     'network.vpcCidr: given "10.0.0.0/23", which has 369 addresses for workers in 3 zones; allowed: a range with at '
     "least 370, the sum of maxSize of all pools"),
    ("network: {vpc: given, tenancy: dedicated, vpcCidr: 10.0.0.0/29}", 'network.vpcCidr: given "10.0.0.0/29"; '
     "allowed: a range from /16 to /28 (what AWS allows for a VPC)"),
    ("{network: {vpcCidr: 10.0.0.0/21}, kubernetes: {podCidr: 100.64.0.0/10}, pools: [{name: aa, maxSize: 754}]}",
     'network.vpcCidr: given "10.0.0.0/21", which has 753 addresses for workers in 3 zones; allowed: a range with at '
     "least 754, the sum of maxSize of all pools"),
    ("{network: {vpc: given, tenancy: dedicated}, kubernetes: {podCidr: 10.0.0.0/16}}",
     "network.vpcCidr: given nothing; allowed: the primary IPv4 range of the given VPC, such as 10.1.0.0/16"),
    ("{network: {vpc: given, vpcCidr: 10.0.0.0/16}, controlPlane: {tenancy: default}}",
     "network.tenancy: given nothing; allowed: default, dedicated (what the given VPC has)"),
    (f"{{network: {{{GIVEN}, vpcSecondaryCidrs: [10.1.0.0/16, 100.64.0.0/20]}}}}",
     'kubernetes.podCidr: given "100.64.0.0/16"; allowed: a range that does not overlap network.vpcSecondaryCidrs[1] '
     "(100.64.0.0/20)"),
    (f"{{network: {{{GIVEN}, vpcSecondaryCidrs: [10.0.128.0/20]}}}}", "network.vpcSecondaryCidrs[0]: given "
     '"10.0.128.0/20"; allowed: a range that does not overlap network.vpcCidr (10.0.0.0/16)'),
    (f"{{network: {{{GIVEN}, vpcSecondaryCidrs: [10.1.0.0/29]}}}}", "network.vpcSecondaryCidrs[0]: given "
     '"10.1.0.0/29"; allowed: a range from /16 to /28 (what AWS allows for a VPC)'),
    ("network: {vpcSecondaryCidrs: [10.1.0.0/16]}", "network.vpcSecondaryCidrs: given 1 entry; allowed: none (only "
     "with network.vpc: given; subnets of a made VPC are cut from network.vpcCidr)"),
    ("network: {vpcCidr: 169.254.0.0/16}", 'network.vpcCidr: given "169.254.0.0/16"; allowed: a range outside '
     "169.254.0.0/16 (link-local: instance metadata, DNS and time)"),
    ("kubernetes: {podCidr: 10.0.0.0/8}", 'kubernetes.podCidr: given "10.0.0.0/8"; allowed: a range that does not '
     "overlap network.vpcCidr (10.0.0.0/16)"),
    ("kubernetes: {serviceCidr: 100.64.255.0/24}", 'kubernetes.serviceCidr: given "100.64.255.0/24"; allowed: a range '
     "that does not overlap kubernetes.podCidr (100.64.0.0/16)"),
    ("{kubernetes: {podCidr: 100.64.0.0/20}, pools: [{name: aa, maxSize: 13}]}", "kubernetes.podCidr: given "
     '"100.64.0.0/20"; allowed: a range from /8 to /19 (a /24 for each of 17 nodes: slots, one replacement, and '
     "maxSize of all pools)"),
    (
        "kubernetes: {privilegedNamespaces: [Storage]}",
        'kubernetes.privilegedNamespaces[0]: given "Storage"; allowed: 1 to 63 lower-case letters, digits and hyphens, '
        "no hyphen first or last",
    ),
    (
        'kubernetes: {imageRepositories: ["team/*", "*/base"]}',
        'kubernetes.imageRepositories[1]: given "*/base"; allowed: 1 to 100 lower-case letters, digits, dots, hyphens, '
        "underscores and slashes, beginning with a letter or digit, with * last for every name that begins so; * alone "
        "for all",
    ),
    ("access: {ssm: on}", 'access.ssm: given "on"; allowed: true, false'),
    ("{access: {ssm: true}, kubernetes: {imageRepositories: [aa, bb, cc, dd, ee, ff, gg, hh, ii]}}",
     "kubernetes.imageRepositories: given 9 entries, 603 characters with 65 more for each; allowed: at most 580 with "
     "access.ssm (IAM bounds a role's policies), so one with * for several"),
    ("{access: {ssm: true}, addons: {ebsCsi: true}, kubernetes: {imageRepositories: [aa, bb, cc, dd, ee, ff]}}",
     "kubernetes.imageRepositories: given 6 entries, 402 characters with 65 more for each; allowed: at most 345 with "
     "access.ssm and addons.ebsCsi (IAM bounds a role's policies), so one with * for several"),
    ("addons: {ebsCSI: true}", "addons.ebsCSI: given an unknown key; allowed: metricsServer, ebsCsi (perhaps ebsCsi)"),
    ("addons: {metricsServer: 1}", "addons.metricsServer: given 1; allowed: true, false"),
    ("access: {ssm: 1}", "access.ssm: given 1; allowed: true, false"),
    ("kubernetes: {serviceCidr: 172.20.0.0/25}", 'kubernetes.serviceCidr: given "172.20.0.0/25"; allowed: a range '
     "from /12 to /24 (what the API server allocates from)"),
]  # fmt: skip
SHAPES = [
    ("zones: 2", "zones: given 2; allowed: 3 to 6 (fewer only with shape: development)"),
    ("network: {endpointZones: one}",
     'network.endpointZones: given "one"; allowed: all (one only with shape: development)'),
    (f"{{shape: development, network: {{{GIVEN}, endpoints: given, endpointZones: one}}}}",
     'network.endpointZones: given "one"; allowed: all (endpoints are given)'),
    ("network: {endpoints: given}",
     'network.endpoints: given "given"; allowed: create (given only with network.vpc: given)'),
    ("network: {gatewayEndpoints: given}",
     'network.gatewayEndpoints: given "given"; allowed: create (given only with network.vpc: given)'),
    ("network: {privateZone: given}",
     'network.privateZone: given "given"; allowed: create (given only with network.vpc: given)'),
    ("pools: [{name: aa, minSize: 3, maxSize: 2}]", f"pools[0].minSize: given 3; allowed: 0 to 1, {LESS}"),
    ("pools: [{name: aa, minSize: 2, maxSize: 2}]", f"pools[0].minSize: given 2; allowed: 0 to 1, {LESS}"),
    ("pools: [{name: aa, maxSize: 1}]", f"pools[0].minSize: given 2; allowed: 0 to 0, {LESS}"),
]  # fmt: skip
TENANCIES = [
    ("lifecycle: {functionInVpc: true}", "lifecycle.functionInVpc: given true; allowed: false (true with "
     "network.tenancy: default; Lambda connects to no VPC of dedicated tenancy)"),
    ("{lifecycle: {functionInVpc: true}, network: {vpc: given, vpcCidr: 10.0.0.0/16, tenancy: dedicated}}",
     "lifecycle.functionInVpc: given true; allowed: false (true with network.tenancy: default; Lambda connects to no "
     "VPC of dedicated tenancy)"),
    ("controlPlane: {tenancy: default}", 'controlPlane.tenancy: given "default"; allowed: dedicated, host (in a VPC '
     "with network.tenancy: dedicated)"),
    ("pools: [{name: aa}, {name: bb, tenancy: default}]", 'pools[1].tenancy: given "default"; allowed: dedicated, '
     "host (in a VPC with network.tenancy: dedicated)"),
    ("controlPlane: {tenancy: host}", "controlPlane.hostResourceGroup: given nothing; allowed: a name that "
     "hostResourceGroups declares (none), for tenancy is host"),
    ("{hostResourceGroups: [hh], controlPlane: {tenancy: host, hostResourceGroup: hh}, "
     "pools: [{name: aa, tenancy: host}]}",
     "pools[0].hostResourceGroup: given nothing; allowed: a name that hostResourceGroups declares (hh), for tenancy is "
     "host"),
    ("controlPlane: {tenancy: host, hostResourceGroup: hh}", 'controlPlane.hostResourceGroup: given "hh"; allowed: a '
     "name that hostResourceGroups declares (none)"),
    ("{hostResourceGroups: [hh], pools: [{name: aa, hostResourceGroup: hh}]}",
     'pools[0].hostResourceGroup: given "hh"; allowed: nothing (only with tenancy: host)'),
    ("hostResourceGroups: [hh]", 'hostResourceGroups[0]: given "hh"; allowed: the names that controlPlane and pools '
     "use"),
    ("{hostResourceGroups: [hh], pools: [{name: aa, tenancy: host, hostResourceGroup: hh, instanceType: t4g.large}]}",
     'pools[0].instanceType: given "t4g.large"; allowed: a family that EC2 offers with tenancy host, such as m7i'),
]  # fmt: skip
NAMES = [
    ("pools: [{name: aa}, {name: aa}]", 'pools[1].name: given "aa", which is taken by pools[0].name; allowed: a name '
     "of its own"),
    ("pools: [{name: a-b1}, {name: ab1}]", 'pools[1].name: given "ab1", which becomes the same logical ids as "a-b1" '
     "of pools[0].name; allowed: names that differ in more than hyphens"),
    ("pools: [{name: control-plane}]", 'pools[0].name: given "control-plane"; allowed: any other name '
     "(ControlPlaneInstanceType is already a root parameter)"),
    ("{hostResourceGroups: [hh, h-h], controlPlane: {tenancy: host, hostResourceGroup: hh}, "
     "pools: [{name: aa, tenancy: host, hostResourceGroup: h-h}]}",
     'hostResourceGroups[1]: given "h-h", which becomes the same logical ids as "hh" of hostResourceGroups[0]; '
     "allowed: names that differ in more than hyphens"),
]  # fmt: skip
LABELS = [
    ("{node-role.kubernetes.io/worker: ''}", "node-role.kubernetes.io/worker", KUBELET),
    ("{topology.kubernetes.io/zone: x}", "topology.kubernetes.io/zone", KUBELET),
    ("{team.k8s.io/a: x}", "team.k8s.io/a", KUBELET),
    ("{node.kubernetes.io/instance-type: x}", "node.kubernetes.io/instance-type",
     "labels that Holdfast does not set itself"),
    ("{Example.com/a: x}", "Example.com/a", QUALIFIED),
    ("{a/b/c: x}", "a/b/c", QUALIFIED),
    ("{-a.: x}", "-a.", QUALIFIED),
    (f"{{{'a' * 30}.{'b' * 30}/{'c' * 22}: x}}", f"{'a' * 30}.{'b' * 30}/{'c' * 22}",
     "at most 82 characters, so that the key fits into a tag for the cluster autoscaler"),
]  # fmt: skip
TAINTS = [
    ("{key: a b, effect: NoExecute}", f'key: given "a b"; allowed: {QUALIFIED}'),
    ("{key: a, value: a b, effect: NoExecute}", f'value: given "a b"; allowed: {VALUE}'),
    ("{key: node.kubernetes.io/not-ready, effect: NoExecute}",
     f'key: given "node.kubernetes.io/not-ready"; allowed: {OWN_TAINTS}'),
    ("{key: node.cilium.io/agent-not-ready, effect: NoExecute}",
     f'key: given "node.cilium.io/agent-not-ready"; allowed: {OWN_TAINTS}'),
    ("{key: a.node-role.kubernetes.io/x, effect: NoExecute}",
     f'key: given "a.node-role.kubernetes.io/x"; allowed: {OWN_TAINTS}'),
    ("{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}",
     'key: given "node-role.kubernetes.io/control-plane"; allowed: any other role: this one is for control planes'),
]  # fmt: skip
A_TAINT_TWICE = "[{key: a, effect: NoExecute}, {key: a, effect: NoSchedule}, {key: a, value: b, effect: NoExecute}]"
MUCH_TEXT = {
    "labels": "{" + ", ".join(f"{'k' * 60}{index}: {'v' * 63}" for index in range(20)) + "}",
    "taints": "[" + ", ".join(f"{{key: {'t' * 60}{index}, effect: NoSchedule}}" for index in range(10)) + "]",
}
REFUSALS = [*TYPES, *DOMAINS, *ADDRESSES, *SHAPES, *TENANCIES, *INSTANCE_TYPES, *NAMES]


Rule = Callable[[ClusterConfig], Iterable[Problem]]


def pool_with(labels: str = "{}", taints: str = "[]") -> str:
    return f"pools: [{{name: aa, labels: {labels}, taints: {taints}}}]"


def lines(text: str) -> list[str]:
    return refused(text, "")


def refused(text: str, source: str) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        parse(text, source)
    return str(refusal.value).split("\n")


@pytest.mark.parametrize(("text", "line"), REFUSALS, ids=[text for text, _ in REFUSALS])
def test_a_mistake_gives_its_line_and_no_other(text: str, line: str) -> None:
    assert lines(text) == [line]


@pytest.mark.parametrize(("labels", "key", "allowed"), LABELS, ids=[key for _, key, _ in LABELS])
def test_a_label_that_the_kubelet_may_not_set_is_refused(labels: str, key: str, allowed: str) -> None:
    assert lines(pool_with(labels=labels)) == [f'pools[0].labels["{key}"]: given this key; allowed: {allowed}']


@pytest.mark.parametrize(
    "label", ["a: ''", "a: 'no'", "node.kubernetes.io/group: x", "sub.node.kubernetes.io/a: x", "example.com/A_b.c: x"]
)
def test_a_label_that_the_kubelet_may_set_is_accepted(label: str) -> None:
    assert parse(pool_with(labels=f"{{{label}}}")).pools[0].labels


def test_a_pool_may_be_one_node_or_none() -> None:
    (pool,) = parse("pools: [{name: aa, minSize: 0, maxSize: 1}]").pools
    assert (pool.min_size, pool.max_size, pool.update_batch) == (0, 1, 1)


@pytest.mark.parametrize("value", ["a b", "-a", "a.", "v" * 64, "ä"])
def test_a_label_value_that_the_api_refuses_is_refused(value: str) -> None:
    (line,) = lines(pool_with(labels=f"{{a: '{value}'}}"))
    assert line == f"pools[0].labels.a: given {quoted(value)}; allowed: {VALUE}"


@pytest.mark.parametrize(("taint", "line"), TAINTS)
def test_a_taint_that_the_api_or_a_controller_would_not_keep_is_refused(taint: str, line: str) -> None:
    assert lines(pool_with(taints=f"[{taint}]")) == [f"pools[0].taints[0].{line}"]


def test_one_key_carries_an_effect_once() -> None:
    assert lines(pool_with(taints=A_TAINT_TWICE)) == [
        'pools[0].taints[2].effect: given "NoExecute" for "a" again; allowed: an effect that pools[0].taints[0] does '
        "not have, or another key"
    ]


@pytest.mark.parametrize("key", ["node-role.kubernetes.io/infra", "node-role.kubernetes.io/gpu", "example.com/a"])
def test_a_taint_of_a_role_is_accepted_with_several_effects(key: str) -> None:
    taints = f"[{{key: {key}, effect: NoSchedule}}, {{key: {key}, effect: NoExecute}}]"
    assert [taint.effect for taint in parse(pool_with(taints=taints)).pools[0].taints] == ["NoSchedule", "NoExecute"]


def test_labels_that_fill_a_parameter_are_refused() -> None:
    (line,) = lines(pool_with(**MUCH_TEXT))
    assert line.startswith("pools[0]: given labels and taints of ")
    assert line.endswith(" characters as JSON; allowed: at most 3500, to fit a parameter")


def test_all_mistakes_are_reported_at_once() -> None:
    text = """
name: Web
zonnes: 3
controlPlane: {slots: 4, tenancy: default}
kubernetes: {podCidr: 10.0.0.0/16}
pools:
  - {name: aa, labels: {node-role.kubernetes.io/x: y}, rootVolumeGib: 1}
  - {name: aa, minSize: 9, maxSize: 1}
"""
    assert [line.split(": given")[0] for line in refused(text, "cluster.yaml")] == [
        "cluster.yaml:2: name",
        "cluster.yaml:3: zonnes",
        "cluster.yaml:4: controlPlane.slots",
        "cluster.yaml:4: controlPlane.tenancy",
        "cluster.yaml:5: kubernetes.podCidr",
        "cluster.yaml:7: pools[0].rootVolumeGib",
        'cluster.yaml:7: pools[0].labels["node-role.kubernetes.io/x"]',
        "cluster.yaml:8: pools[1].name",
        "cluster.yaml:8: pools[1].minSize",
    ]


def test_no_rule_judges_a_default_that_stands_in_for_an_unreadable_field() -> None:
    # `shape` may have been meant to be development: that two zones are too few is not known.
    assert lines("{shape: 3, zones: 2}") == ["shape: given 3; allowed: production, development"]
    assert lines("{shap: development, zones: 2}") == [
        "shap: given an unknown key; allowed: name, partition, shape, zones, tags, hostResourceGroups, "
        "capacityReservations, network, kubernetes, access, addons, lifecycle, monitoring, controlPlane, "
        "pools (perhaps shape)"
    ]


@pytest.mark.parametrize("rule", rules.RULES, ids=[rule.__name__ for rule in rules.RULES])
def test_every_rule_alone_refuses_something_above(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that is added without a line in the tables is untested."""
    monkeypatch.setattr(rules, "RULES", (rule,))
    texts = [text for text, _ in (*DOMAINS, *ADDRESSES, *SHAPES, *TENANCIES, *INSTANCE_TYPES, *NAMES, *OIDC)]
    texts += [pool_with(labels=labels) for labels, _, _ in LABELS]
    texts += [pool_with(taints=f"[{taint}]") for taint, _ in TAINTS]
    texts += [pool_with(labels="{a: -}"), pool_with(taints=A_TAINT_TWICE), pool_with(**MUCH_TEXT), TOO_LARGE]
    assert any(is_refused(text) for text in texts)


def is_refused(text: str) -> bool:
    try:
        parse(text)
    except ConfigError:
        return True
    return False


def test_a_file_that_is_not_there_is_refused_like_any_other_mistake(tmp_path: Path) -> None:
    for path, line in ((tmp_path / "none.yaml", "no such file"), (tmp_path, "is a directory")):
        with pytest.raises(ConfigError) as refusal:
            load(path)
        assert str(refusal.value) == f"{path}: {line}"
