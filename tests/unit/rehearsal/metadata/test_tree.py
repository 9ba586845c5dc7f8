"""What instances read at which path."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rehearsal.aws.sessions import Session
from rehearsal.machines.metadata.facts import Facts
from rehearsal.machines.metadata.tree import read, tree
from rehearsal.machines.model import MetadataOptions
from tests.unit.rehearsal.metadata.instance import MAC, PROFILE, SESSION, facts, machine

CARD = f"meta-data/network/interfaces/macs/{MAC}"


def at(path: str, of: Facts | None = None) -> str | bytes | None:
    """What a path answers."""
    return read(tree(of or facts(), lambda: SESSION), path)


def parsed(path: str, of: Facts | None = None) -> Any:
    """What a path answers, as JSON."""
    found = at(path, of)
    assert isinstance(found, str)
    return json.loads(found)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("meta-data/ami-id", "ami-1"),
        ("meta-data/ami-launch-index", "0"),
        ("meta-data/autoscaling/target-lifecycle-state", "InService"),
        ("meta-data/hostname", "ip-10-0-0-10.ec2.internal"),
        ("meta-data/instance-id", "i-0123456789abcdef0"),
        ("meta-data/instance-life-cycle", "on-demand"),
        ("meta-data/instance-type", "m5.large"),
        ("meta-data/local-hostname", "ip-10-0-0-10.ec2.internal"),
        ("meta-data/local-ipv4", "10.0.0.10"),
        ("meta-data/mac", MAC),
        ("meta-data/placement/availability-zone", "us-east-1a"),
        ("meta-data/placement/availability-zone-id", "use1-az1"),
        ("meta-data/placement/region", "us-east-1"),
        ("meta-data/services/domain", "amazonaws.com"),
        ("meta-data/services/partition", "aws"),
        (f"{CARD}/device-number", "0"),
        (f"{CARD}/interface-id", "eni-1"),
        (f"{CARD}/local-hostname", "ip-10-0-0-10.ec2.internal"),
        (f"{CARD}/local-ipv4s", "10.0.0.10"),
        (f"{CARD}/mac", MAC),
        (f"{CARD}/owner-id", "123456789012"),
        (f"{CARD}/security-group-ids", "sg-1\nsg-2"),
        (f"{CARD}/security-groups", "nodes\ncontrol-planes"),
        (f"{CARD}/subnet-id", "subnet-1"),
        (f"{CARD}/subnet-ipv4-cidr-block", "10.0.0.0/24"),
        (f"{CARD}/vpc-id", "vpc-1"),
        (f"{CARD}/vpc-ipv4-cidr-block", "10.0.0.0/16"),
        (f"{CARD}/vpc-ipv4-cidr-blocks", "10.0.0.0/16\n100.64.0.0/18"),
    ],
)
def test_values_are_where_ec2_has_them(path: str, value: str) -> None:
    assert at(path) == value


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("", "dynamic/\nmeta-data/\nuser-data"),
        ("meta-data/placement/", "availability-zone\navailability-zone-id\nregion"),
        ("meta-data/placement", "availability-zone\navailability-zone-id\nregion"),
        ("meta-data/iam/", "info\nsecurity-credentials/"),
        ("meta-data/iam/security-credentials/", "control-plane"),
        ("meta-data/network/", "interfaces/"),
        ("meta-data/network/interfaces/macs/", f"{MAC}/"),
        ("dynamic/instance-identity/", "document"),
    ],
)
def test_folders_list_what_is_in_them_and_mark_folders(path: str, names: str) -> None:
    assert at(path) == names


@pytest.mark.parametrize(
    "path",
    [
        "meta-data/place",
        "meta-data/placement/zone",
        "meta-data/instance-id/more",
        "meta-data/public-ipv4",
        "meta-data/public-keys/",
        "meta-data/spot/instance-action",
        "meta-data/tags/instance",
        "meta-data/iam/security-credentials/other-role",
        "dynamic/instance-identity/signature",
        "dynamic/instance-identity/pkcs7",
        "dynamic/instance-identity/rsa2048",
    ],
)
def test_there_is_nothing_else(path: str) -> None:
    assert at(path) is None


def test_user_data_is_given_as_it_is() -> None:
    assert at("user-data", facts(machine(user_data=b"\x1f\x8b\xff"))) == b"\x1f\x8b\xff"


def test_an_instance_without_user_data_has_no_such_path() -> None:
    bare = facts(machine(user_data=b""))
    assert at("user-data", bare) is None
    assert at("", bare) == "dynamic/\nmeta-data/"


def test_an_instance_of_no_group_has_no_target_state() -> None:
    alone = facts(target_lifecycle_state=None)
    assert at("meta-data/autoscaling/target-lifecycle-state", alone) is None
    assert at("meta-data/autoscaling", alone) is None


def test_tags_are_shown_only_where_they_are_on() -> None:
    on = facts(machine(metadata=MetadataOptions(tags=True)))
    assert at("meta-data/tags/instance/", on) == "Name\nslot"
    assert at("meta-data/tags/instance/slot", on) == "a"
    assert at("meta-data/tags/instance/slot") is None


def test_the_identity_document_says_who_the_instance_is() -> None:
    document = parsed("dynamic/instance-identity/document")
    told = {"accountId", "availabilityZone", "imageId", "instanceId", "instanceType", "privateIp", "region"}
    assert {key: document[key] for key in told} == {
        "accountId": "123456789012",
        "availabilityZone": "us-east-1a",
        "imageId": "ami-1",
        "instanceId": "i-0123456789abcdef0",
        "instanceType": "m5.large",
        "privateIp": "10.0.0.10",
        "region": "us-east-1",
    }
    assert document["pendingTime"] == "2026-01-02T03:04:05Z"


def test_the_profile_is_told_with_its_id() -> None:
    info = parsed("meta-data/iam/info")
    assert (info["Code"], info["InstanceProfileArn"], info["InstanceProfileId"]) == ("Success", PROFILE, "AIPAEXAMPLE")


def test_credentials_are_those_of_the_role() -> None:
    assert parsed("meta-data/iam/security-credentials/control-plane") == {
        "Code": "Success",
        "LastUpdated": "2026-01-02T03:04:05Z",
        "Type": "AWS-HMAC",
        "AccessKeyId": "ASIAKEY",
        "SecretAccessKey": "secret",
        "Token": "token",
        "Expiration": "2026-01-02T09:04:05Z",
    }


def test_credentials_are_made_only_for_those_who_read_them() -> None:
    made: list[Session] = []

    def credentials() -> Session:
        made.append(SESSION)
        return SESSION

    leaves = tree(facts(), credentials)
    for path in ("", "meta-data/", "meta-data/iam/", "meta-data/iam/security-credentials/", "meta-data/instance-id"):
        read(leaves, path)
    assert not made
    read(leaves, "meta-data/iam/security-credentials/control-plane")
    assert made


def test_an_instance_without_a_profile_has_no_iam() -> None:
    assert at("meta-data/iam/", facts(machine(role_arn=None, instance_profile_arn=None))) is None


def test_a_profile_without_a_role_gives_no_credentials() -> None:
    empty = facts(machine(role_arn=None))
    assert at("meta-data/iam/", empty) == "info"
    assert at("meta-data/iam/security-credentials/", empty) is None
