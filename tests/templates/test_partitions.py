"""Templates of every partition obey every rule; what differs between partitions is what AWS's own data says."""

from __future__ import annotations

from typing import get_args

import boto3
import botocore.session
import msgspec
import pytest

from coordination.names import URL_SUFFIXES
from generator.config.model import Partition
from rehearsal.aws.partitions import by_name, by_region
from rehearsal.local.surroundings import REGIONS as REHEARSED
from tests.templates.cluster import Cluster, example, generated
from tests.templates.linting import REGIONS
from tests.templates.rules import RULES, violations

WITHOUT_EXAMPLE = ("aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f")


def of(partition: str) -> Cluster:
    config = msgspec.structs.replace(example("minimal").config, partition=partition)
    return generated(partition, config)


@pytest.mark.parametrize("partition", WITHOUT_EXAMPLE)
def test_a_partition_without_an_example_obeys_every_rule(partition: str) -> None:
    cluster = of(partition)
    assert {rule: broken for rule in RULES if (broken := violations(rule, cluster))} == {}


def test_every_partition_of_the_sdks_can_be_chosen_and_has_its_domain() -> None:
    known = botocore.session.get_session().get_data("partitions")["partitions"]
    assert {each["id"]: each["outputs"]["dnsSuffix"] for each in known} == URL_SUFFIXES
    assert set(get_args(Partition)) == URL_SUFFIXES.keys() == REGIONS.keys() == REHEARSED.keys()


def test_the_local_aws_and_the_sdks_agree_on_every_region() -> None:
    session = boto3.Session()
    regions = {region for each in session.get_available_partitions() for region in _regions(session, each)}
    assert len(regions) > 30
    for region in sorted(regions):
        there = by_region(region)
        assert there.name == session.get_partition_for_region(region)
        assert there.domain == URL_SUFFIXES[there.name] == by_name(there.name).domain


def test_only_ec2_has_a_principal_of_chinas_own_that_roles_here_trust() -> None:
    assert by_name("aws-cn").has_principal("ec2.amazonaws.com.cn")
    assert not by_name("aws-cn").has_principal("lambda.amazonaws.com.cn")
    assert not by_name("aws-eusc").has_principal("ec2.amazonaws.eu")
    assert by_name("aws-eusc").has_principal("ec2.amazonaws.com")


def _regions(session: boto3.Session, partition: str) -> list[str]:
    return session.get_available_regions("ec2", partition_name=partition)
