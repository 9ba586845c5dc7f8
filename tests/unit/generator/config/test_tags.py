"""Which tags of an organisation are refused, and the lines that say so."""

from __future__ import annotations

import json

import pytest

from generator.config import ConfigError, parse

KEYS = "1 to 128 letters, digits, spaces and _.:/=+-@"
OWN = "keys besides Name and holdfast:…, which Holdfast sets itself"
KUBERNETES = "keys outside kubernetes.io, k8s.io, by which controllers find what is theirs"
VOLUMES = (
    "keys besides ebs.csi.aws.com/cluster, CSIVolumeName, CSIVolumeSnapshotName, by which the EBS CSI driver finds "
    "what is its own"
)
VALUES = "1 to 256 letters, digits, spaces and _.:/=+-@"
REFUSED_KEYS = [
    ("", KEYS),
    ("a" * 129, KEYS),
    ("a*b", KEYS),
    ("aws:owner", "keys that do not begin with aws:, which is AWS's own"),
    ("Aws:owner", "keys that do not begin with aws:, which is AWS's own"),
    ("Name", OWN),
    ("name", OWN),
    ("holdfast:cluster", OWN),
    ("kubernetes.io/cluster/prod", KUBERNETES),
    ("k8s.io/cluster-autoscaler/enabled", KUBERNETES),
    ("node.k8s.io/a", KUBERNETES),
    # On etcd's volumes it would give them to the driver's role.
    ("ebs.csi.aws.com/cluster", VOLUMES),
    ("csivolumename", VOLUMES),
]


def lines(tags: object) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        parse(json.dumps({"tags": tags}))
    return str(refusal.value).split("\n")


@pytest.mark.parametrize(("key", "allowed"), REFUSED_KEYS)
def test_a_key_that_a_service_refuses_or_somebody_acts_on_is_refused(key: str, allowed: str) -> None:
    (line,) = lines({key: "x"})

    given = json.dumps(key) if len(key) < 80 else f"{json.dumps(key)[:77]}..."
    assert line.endswith(f": given {given}; allowed: {allowed}")
    assert line.startswith(("tags.", "tags["))


@pytest.mark.parametrize("value", ["", "v" * 257, "a*b", "a{b", "§"])
def test_a_value_that_a_service_refuses_is_refused(value: str) -> None:
    (line,) = lines({"owner": value})

    assert line.startswith("tags.owner: given ")
    assert line.endswith(f"; allowed: {VALUES}")


@pytest.mark.parametrize(
    ("key", "value", "given"),
    [
        ("owner", "ö" * 129, "258 bytes in UTF-8; allowed: at most 256"),
        ("ö" * 65, "x", "130 bytes in UTF-8; allowed: at most 128"),
    ],
)
def test_a_tag_that_the_ebs_csi_driver_does_not_start_with_is_refused_where_a_cluster_has_it(
    key: str, value: str, given: str
) -> None:
    with pytest.raises(ConfigError, match=f"given {given} with addons.ebsCsi$"):
        parse(json.dumps({"tags": {key: value}, "addons": {"ebsCsi": True}}))
    assert parse(json.dumps({"tags": {key: value}})).tags == {key: value}


def test_a_value_that_yaml_reads_as_a_number_is_refused_by_its_field() -> None:
    assert lines({"cost-center": 4711}) == ["tags.cost-center: given 4711; allowed: text, in quotes"]


def test_two_keys_that_differ_in_case_alone_are_refused_because_iam_takes_them_for_one() -> None:
    assert lines({"CostCenter": "1", "costcenter": "2"}) == [
        'tags.costcenter: given "costcenter"; allowed: a key that differs from "CostCenter" in more than case'
    ]


def test_a_ninth_tag_has_no_room_in_a_hosted_zone() -> None:
    assert lines({f"key-{index}": "x" for index in range(9)}) == ["tags: given 9 entries; allowed: 0 to 8"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("CostCenter", "1234"), ("acme.com/owner", "Team Größe"), ("a b", "x@y.example:/=+-_"), ("k" * 128, "v" * 256)],
)
def test_what_every_service_takes_is_accepted(key: str, value: str) -> None:
    assert parse(json.dumps({"tags": {key: value}})).tags == {key: value}


def test_tags_that_nodes_could_not_read_from_a_parameter_are_refused() -> None:
    assert lines({f"key-{index}": "字" * 200 for index in range(7)}) == [
        "tags: given tags of 4291 bytes as JSON; allowed: at most 4096"
    ]
