"""A local AWS and its networks for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.machines.network import namespaces
from rehearsal.machines.network.fabric import Fabric
from rehearsal.machines.network.names import cloud_prefix
from tests.machines.claims import claimed_cloud
from tests.machines.network.harness import NetworkHarness


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """A local AWS in this process."""
    aws = LocalAws().start()
    yield aws
    aws.stop()


@pytest.fixture(scope="module")
def cloud_id() -> Iterator[str]:
    """The local cloud that everything is named after."""
    with claimed_cloud() as cloud_id:
        yield cloud_id


@pytest.fixture(scope="module")
def fabric(aws: LocalAws, cloud_id: str) -> Iterator[Fabric]:
    """The networks of the local AWS; nothing of them is left afterwards."""
    fabric = Fabric(aws, cloud_id)
    yield fabric
    fabric.close()
    assert not namespaces.existing(cloud_prefix(cloud_id))


@pytest.fixture
def harness(aws: LocalAws, fabric: Fabric) -> NetworkHarness:
    """A VPC of the test's own."""
    return NetworkHarness(aws, fabric)
