"""Where a problem is said to be, and how what was given is shown."""

from __future__ import annotations

import json

import pytest

from generator.config import ConfigError, parse
from generator.config.model import ClusterConfig

FILE = "my-cluster.yaml"
TEXT = """# a comment
name: web
network:
  tenancy: default

controlPlane:
  slots: 3
pools:
  - name: general
    minsize: 3
  -
    name: memory
    tenancy: host
    labels:
      topology.kubernetes.io/zone: a
  - labels: {}
"""


def refusals(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        parse(text, FILE)
    return str(refusal.value).split("\n")


def test_each_line_names_file_line_and_field() -> None:
    assert [line.partition(": given")[0] for line in refusals(TEXT)] == [
        f"{FILE}:10: pools[0].minsize",
        # What is missing is missing from its section.
        f"{FILE}:12: pools[1].hostResourceGroup",
        f'{FILE}:15: pools[1].labels["topology.kubernetes.io/zone"]',
        f"{FILE}:16: pools[2].name",
    ]


def test_json_has_lines_too() -> None:
    text = json.dumps({"zones": 3, "pools": [{"name": "aa", "taints": [{"key": "a"}]}]}, indent=1)
    (line,) = refusals(text)
    assert text.split("\n")[6].strip() == "{"
    assert line.startswith(f"{FILE}:7: pools[0].taints[0].effect: given nothing; ")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        # The default of a section that is not there, and the line of what it does not go with.
        ("name: web\nnetwork:\n  vpcCidr: 100.64.0.0/16", f"{FILE}:3: kubernetes.podCidr"),
        ("name: web\nkubernetes: {}\nnetwork:\n  vpcCidr: 100.64.0.0/16", f"{FILE}:2: kubernetes.podCidr"),
        ("# all default\n\nshape: production\nzones: 2", f"{FILE}:4: zones"),
        ("name: web\npools: [{name: a-b}, \n  {name: ab}]", f"{FILE}:3: pools[1].name"),
    ],
)
def test_what_is_not_there_has_the_line_of_its_section_or_of_what_it_rests_on(text: str, place: str) -> None:
    (line,) = refusals(text)
    assert line.startswith(f"{place}: given ")


@pytest.mark.parametrize(
    ("key", "near"),
    [
        *(("vpcCIDR", "vpcCidr"), ("vpc_cidr", "vpcCidr"), ("VPC-Cidr", "vpcCidr"), ("vpcCidrs", "vpcCidr")),
        *(("VPC", "vpc"), ("tenency", "tenancy"), ("privatezone", "privateZone"), ("dnsDomains", "dnsAllowedDomains")),
    ],
)
def test_the_nearest_key_is_the_one_that_was_meant_whatever_its_case(key: str, near: str) -> None:
    (line,) = refusals(f"network: {{{key}: 3}}")
    assert line.endswith(f" (perhaps {near})")


def test_a_key_that_is_there_already_is_not_what_another_meant() -> None:
    (line,) = refusals("network: {vpcCidr: 10.0.0.0/16, vpcCIDR: 10.1.0.0/16}")
    assert line.endswith("dnsAllowedDomains (perhaps vpc)")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((f"{each}", f"{each}") for each in ("99999999999999999999999999", "3.0", "1e3", "+7", "-1.50", "True", ".5")),
        ("9" * 5000, "9" * 77 + "..."),
        ("clüster", '"clüster"'),
        ("ラベル", '"ラベル"'),
        ('"a\\u202eb"', '"a\\u202eb"'),
        ("[99999999999999999999999999, ü]", '[99999999999999999999999999, "ü"]'),
    ],
)
def test_numbers_and_text_are_shown_as_they_were_typed(value: str, shown: str) -> None:
    (line,) = refusals(f"zones: {value}")
    assert line.startswith(f"{FILE}:1: zones: given {shown}; allowed: a whole number from 1 to 6")


@pytest.mark.parametrize(
    "text",
    [
        "name: holdfast\nnetwork:\nkubernetes:\naccess:\n  # ssm: true\ncontrolPlane: ~\nhostResourceGroups:\n",
        "network:\n  dnsAllowedDomains:\nkubernetes:\n  privilegedNamespaces:\naccess:\n  oidc:\n",
        "pools:\n  - name: general\n    labels:\n    taints:\n    hostResourceGroup:\n",
    ],
)
def test_a_section_or_list_with_nothing_in_it_is_as_if_it_were_not_there(text: str) -> None:
    assert parse(text) == ClusterConfig()


@pytest.mark.parametrize("text", ["pools:", "kubernetes: {imageRepositories: }", "zones:", "pools: [~]"])
def test_nothing_is_no_value_and_no_list_that_has_to_have_entries(text: str) -> None:
    (line,) = refusals(text)
    assert ": given nothing; allowed: " in line
