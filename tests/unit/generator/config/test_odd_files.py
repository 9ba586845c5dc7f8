"""Odd files, kind by kind, as people write them: what is accepted, and the line that refuses the others.

Each row is a file and its outcome. `…` stands for the part of a line that other tests hold.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from generator.config import ConfigError, read

FILE = "my-cluster.yaml"
ACCEPTED = ""
NOT_YAML = "given text that is not YAML"
ONE = "allowed: one YAML mapping"

Row = tuple[str | bytes, str]

SPELLING: list[Row] = [
    (
        "pools:\n- name: a1\n- name: a2\n- name: a3\n- name: a4\n  minsize: 3",
        "6: pools[3].minsize: … (perhaps minSize)",
    ),
    ("network:\n  vpcCIDR: 10.0.0.0/16", "2: network.vpcCIDR: given an unknown key; … (perhaps vpcCidr)"),
    ("network: {vpc-cidr: 10.0.0.0/16}", "1: network.vpc-cidr: given an unknown key; … (perhaps vpcCidr)"),
    ("ControlPlane: {slots: 3}", "1: ControlPlane: given an unknown key; … (perhaps controlPlane)"),
    ("network: {proxy: http://proxy:3128}", "1: network.proxy: given an unknown key; …"),
    ("pools:\n- name: general\n  spot: true", "3: pools[0].spot: given an unknown key; …"),
]
TABS: list[Row] = [
    ("network:\n\tvpc: create", f"2: {NOT_YAML} (column 1: a tab; indent with spaces); {ONE}"),
    ("pools:\n  - name: general\n\t  minSize: 3", f"3: {NOT_YAML} (column 1: a tab; indent with spaces); {ONE}"),
    ("pools:\n-\tname: general", f"2: {NOT_YAML} (column 2: a tab; indent with spaces); {ONE}"),
    ("name:\tweb", ACCEPTED),
    ('{\n\t"name": "web"\n}', ACCEPTED),
]
NUMBERS_AND_TEXT: list[Row] = [
    ("zones: 99999999999999999999999999", "1: zones: given 99999999999999999999999999; allowed: a whole number …"),
    ("zones: 3.0", "1: zones: given 3.0; allowed: a whole number from 1 to 6"),
    ("zones: 1e26", "1: zones: given 1e26; allowed: a whole number from 1 to 6"),
    ("zones: 010", '1: zones: given "010"; allowed: a whole number from 1 to 6 in plain digits'),
    ("zones: '3'", '1: zones: given "3"; allowed: a whole number from 1 to 6 in plain digits'),
    ("name: clüster", '1: name: given "clüster"; allowed: 2 to 32 lower-case letters…'),
    ("name: кластер", '1: name: given "кластер"; …'),
    ('name: "web\\u200b"', '1: name: given "web\\u200b"; …'),
    ("name: no", ACCEPTED),
    ("name: on", ACCEPTED),
    ("name: 2024", "1: name: given 2024; allowed: …, in quotes"),
    (
        "pools: [{name: aa, labels: {version: 1.10}}]",
        "1: pools[0].labels.version: given 1.10; allowed: text, in quotes",
    ),
]
POOL_NAMES: list[Row] = [
    (
        "pools:\n- name: web\n- name: web",
        '3: pools[1].name: given "web", which is taken by pools[0].name; allowed: a name of its own',
    ),
    ("pools:\n- name: w-eb\n- name: web", "3: pools[1].name: …; allowed: names that differ in more than hyphens"),
    ("pools:\n- name: control-plane", "2: pools[0].name: …; allowed: any other name …"),
]
HOST_GROUPS: list[Row] = [
    (
        "controlPlane:\n  tenancy: host\n  hostResourceGroup: control",
        '3: controlPlane.hostResourceGroup: given "control"; allowed: a name that hostResourceGroups declares (none)',
    ),
    (
        "hostResourceGroups: [web]\npools:\n- name: aa\n  tenancy: host\n  hostResourceGroup: web\n"
        "controlPlane:\n  tenancy: host\n  hostResourceGroup: control",
        "8: controlPlane.hostResourceGroup: …; allowed: a name that hostResourceGroups declares (web)",
    ),
    ("pools:\n- name: aa\n  tenancy: host", "2: pools[0].hostResourceGroup: given nothing; …, for tenancy is host"),
]
LABELS: list[Row] = [
    (
        "pools:\n- name: aa\n  labels:\n    topology.kubernetes.io/zone: a",
        '4: pools[0].labels["topology.kubernetes.io/zone"]: given this key; allowed: below kubernetes.io and k8s.io …',
    ),
    ("pools: [{name: aa, labels: {a/b/c: x}}]", '1: pools[0].labels["a/b/c"]: given this key; allowed: an optional …'),
    ("pools: [{name: aa, labels: {größe: x}}]", '1: pools[0].labels["größe"]: given this key; allowed: an optional …'),
    ("pools: [{name: aa, labels: {size: größe}}]", '1: pools[0].labels.size: given "größe"; allowed: at most 63 …'),
    ("pools: [{name: aa, labels: {a: c}}]", ACCEPTED),
]
TAINTS: list[Row] = [
    ("pools: [{name: aa, taints: [{key: node-role.kubernetes.io/infra, effect: NoSchedule}]}]", ACCEPTED),
    ("pools: [{name: aa, taints: [{key: node-role.kubernetes.io/gpu, value: a, effect: NoExecute}]}]", ACCEPTED),
    (
        "pools: [{name: aa, taints: [{key: node-role.kubernetes.io/master, effect: NoSchedule}]}]",
        "1: pools[0].taints[0].key: …; allowed: any other role: this one is for control planes",
    ),
    ("pools: [{name: aa, taints: [{key: a, effect: NoSchedule}, {key: a, effect: NoExecute}]}]", ACCEPTED),
    (
        "pools: [{name: aa, taints: [{key: a, effect: NoSchedule}, {key: a, value: b, effect: PreferNoSchedule}]}]",
        ACCEPTED,
    ),
    (
        "pools:\n- name: aa\n  taints:\n  - {key: a, effect: NoSchedule}\n  - {key: a, value: b, effect: NoSchedule}",
        '5: pools[0].taints[1].effect: given "NoSchedule" for "a" again; allowed: an effect that …',
    ),
    (
        "pools: [{name: aa, taints: [{key: node.kubernetes.io/not-ready, effect: NoExecute}]}]",
        '1: pools[0].taints[0].key: given "node.kubernetes.io/not-ready"; …',
    ),
]
SHARED = "network: {tenancy: default}\ncontrolPlane: {tenancy: default}\npools:\n- name: old\n  tenancy: default\n"
INSTANCE_TYPES: list[Row] = [
    ("controlPlane:\n  instanceType: m7i.xlarge", ACCEPTED),
    (
        "controlPlane:\n  instanceType: m7i",
        '2: controlPlane.instanceType: given "m7i"; allowed: an EC2 instance type …',
    ),
    *(
        (f"{SHARED}  instanceType: {each}", f'6: pools[0].instanceType: given "{each}"; allowed: a type that can be …')
        for each in ("t2.large", "m3.medium", "r3.8xlarge")
    ),
    *(
        (f"{SHARED}  instanceType: {each}", f'6: pools[0].instanceType: given "{each}"; allowed: a type whose …')
        for each in ("c1.medium", "m1.xlarge", "t1.micro", "a1.large")
    ),
    *(
        (f"pools:\n- name: macs\n  instanceType: {each}", f'3: pools[0].instanceType: given "{each}"; … runs Linux, …')
        for each in ("mac1.metal", "mac2-m2pro.metal", "mac-m4.metal")
    ),
    (f"{SHARED}  instanceType: mac2.metal", "6: pools[0].instanceType: …"),
    *((f"{SHARED}  instanceType: {each}", ACCEPTED) for each in ("c3.xlarge", "t3.large", "m7i.metal-24xl")),
    (
        "pools:\n- {name: general, instanceType: m7i.large}\n- {name: arm, instanceType: m7g.large, image: own}",
        ACCEPTED,
    ),
    (
        "pools:\n- {name: general, instanceType: m7i.large}\n- {name: arm, instanceType: m7g.large}",
        "3: pools[1].image: …",
    ),
]
RANGES: list[Row] = [
    ("network:\n  vpcCidr: 10.1.4.0/22\npools:\n- {name: general, maxSize: 20}", ACCEPTED),
    ("network:\n  vpcCidr: 10.1.4.0/23\npools:\n- {name: general, maxSize: 20}", ACCEPTED),
    (
        "network:\n  vpcCidr: 10.1.4.0/24",
        "2: network.vpcCidr: …; subnets of your own, in a smaller one, go with network.vpc: given)",
    ),
    ("zones: 4\nnetwork:\n  vpcCidr: 10.1.4.0/22", "1: zones: given 4; allowed: at most 3 in 10.1.4.0/22; …"),
    ("kubernetes:\n  podCidr: fd00:10:244::/56", '2: kubernetes.podCidr: given "fd00:10:244::/56"; allowed: an IPv4 …'),
    ("kubernetes:\n  podCidr: 100.80.0.0/12", ACCEPTED),
    (
        "network:\n  vpcCidr: 100.64.0.0/16",
        '2: kubernetes.podCidr: given "100.64.0.0/16"; allowed: a range that does …',
    ),
    ("kubernetes:\n  podCidr: 10.0.0.1/16", "2: kubernetes.podCidr: …; allowed: 10.0.0.0/16, the same range written …"),
    ("pools:\n- {name: general, minSize: 0, maxSize: 253}", "2: kubernetes.podCidr: …"),
]
MERGES: list[Row] = [
    ("pools:\n- &one\n  name: one\n  maxSize: 5\n- <<: *one\n  name: two", ACCEPTED),
    ("pools:\n- &one {name: one}\n- &two {name: two}\n- {<<: [*one, *two], name: three}", ACCEPTED),
    ("name: &name web\nhostResourceGroups: []\npools: [{name: *name}]", ACCEPTED),
    (
        "pools:\n- &one\n  name: one\n  maxsize: 5\n- <<: *one\n  name: two",
        "4: pools[0].maxsize: …\n4: pools[1].maxsize: …",
    ),
    ("pools:\n- &one {name: one}\n- <<: *one", "2: pools[1].name: …; allowed: a name of its own"),
    ("pools:\n- {name: one, <<: *none}", f"2: {NOT_YAML} (column 19: found undefined alias); {ONE}"),
    ("network: &network\n  <<: *network", '2: network["<<"]: given an alias (*) of what it is in; …'),
]
EMPTY: list[Row] = [
    ("name: web\nnetwork:\n  # vpc: given\ncontrolPlane:\n", ACCEPTED),
    ("pools:\n- name: general\n  labels:\n  taints:\n", ACCEPTED),
    ("access:\n  oidc:\nhostResourceGroups: ~\n", ACCEPTED),
    ("name: web\npools:\n", "2: pools: given nothing; allowed: a list"),
    ("zones:", "1: zones: given nothing; allowed: a whole number from 1 to 6"),
    ("", "given an empty file; allowed: …"),
    ("# nothing yet\n", "given an empty file; allowed: …"),
]
FORMS: list[Row] = [
    ('{"name": "web", "zones": 3}', ACCEPTED),
    ('{\n  "name": "web",\n  "zones": 2\n}', "3: zones: given 2; allowed: 3 to 6 (fewer only with shape: development)"),
    (b"\xef\xbb\xbfname: web\r\nzones: 3\r\n", ACCEPTED),
    (b"name: web\r\nzones: 9\r\n", "2: zones: given 9; …"),
    ("zones: 3\n---\nzones: 3\n", f"2: {NOT_YAML} (column 1: but found another document); {ONE}"),
    ("zones: 3\nname: a: b", f"2: {NOT_YAML} (column 8: mapping values are not allowed in this context); {ONE}"),
    (b"name: web\nshape: \xe9\n", "2: given bytes that are not UTF-8; allowed: a YAML file"),
    ("name: web\0", f"{NOT_YAML} (the character U+0000: …); {ONE}"),
    ("- zones: 3", "1: given a list; allowed: …"),
    (
        "name: !!python/object/apply:os.system [ls]",
        "1: name: given something tagged tag:yaml.org,2002:python/object/apply:os.system; …",
    ),
    ("network: !!omap {vpc: create}", "1: network: given something tagged tag:yaml.org,2002:omap; …"),
    ("zones: !!int 3", ACCEPTED),
    (f"pools: {'[' * 3000}{']' * 3000}", "1: pools[0][0]…: given a deeper level; …\n1: pools[0]: given [[[…"),
    ("zones: 3\nzones: 4", "2: zones: given twice (lines 1 and 2); allowed: once"),
]
PLAIN: list[Row] = [
    ("name: prod-eu", ACCEPTED),
    ("controlPlane: {slots: 5, etcdVolumeGib: 1024}", ACCEPTED),
    ("pools:\n- {name: memory, minSize: 0, maxSize: 3, labels: {workload: memory}}", ACCEPTED),
    ("zones: 4", ACCEPTED),
]
KINDS = {
    "spelling": SPELLING,
    "tabs": TABS,
    "numbers and text": NUMBERS_AND_TEXT,
    "pool names": POOL_NAMES,
    "host resource groups": HOST_GROUPS,
    "labels": LABELS,
    "taints": TAINTS,
    "instance types": INSTANCE_TYPES,
    "ranges": RANGES,
    "anchors and merge keys": MERGES,
    "empty": EMPTY,
    "forms of files": FORMS,
    "what is plain": PLAIN,
}  # fmt: skip
ROWS = [(kind, number, *row) for kind, rows in KINDS.items() for number, row in enumerate(rows, 1)]


@pytest.mark.parametrize(
    ("content", "outcome"), [row[2:] for row in ROWS], ids=[f"{kind} {number}" for kind, number, *_ in ROWS]
)
def test_a_file_is_accepted_or_refused_by_its_line(
    content: str | bytes, outcome: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(FILE).write_bytes(content.encode() if isinstance(content, str) else content)
    assert re.fullmatch(_pattern(outcome), told())


def told() -> str:
    """The lines that refuse the file; empty for one that is accepted."""
    try:
        read(FILE)
    except ConfigError as refusal:
        return str(refusal)
    return ACCEPTED


def _pattern(outcome: str) -> str:
    lines = [f"{FILE}: {line}" if line[:1] in "g…" else f"{FILE}:{line}" for line in outcome.split("\n") if line]
    return "\n".join(re.escape(line).replace("…", "[^\n]*") for line in lines)


def test_a_range_of_public_addresses_is_accepted_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for field in (
        "network: {vpcCidr: 8.8.0.0/16}",
        "kubernetes: {podCidr: 30.0.0.0/10}",
        "kubernetes: {serviceCidr: 172.0.0.0/12}",
    ):
        Path(FILE).write_text(f"name: web\n{field}\npools: [{{name: general}}]\n")
        (note,) = read(FILE).notes
        assert str(note).startswith(f"{FILE}:2: ")
        assert " is no private range; " in str(note)
    Path(FILE).write_text(
        "network: {vpcCidr: 172.31.0.0/16}\nkubernetes: {podCidr: 198.18.0.0/15}\npools: [{name: general}]"
    )
    assert read(FILE).notes == []
