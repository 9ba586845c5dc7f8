"""A local AWS inside the tests' process, with resource types of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import LaunchNetwork, make_network
from tests.rehearsal.engine import ProviderState, Stacks, things
from tests.rehearsal.provider_stack import Stack


def pytest_configure(config: pytest.Config) -> None:
    """Moto warns about error codes that botocore's models do not list; services send many such codes."""
    config.addinivalue_line("filterwarnings", "ignore:Exception.ServiceError. with code:UserWarning")


@pytest.fixture(scope="module")
def local_aws(request: pytest.FixtureRequest) -> Iterator[LocalAws]:
    """A local AWS for the module, SPEED times as fast as real time if the module says so."""
    aws = LocalAws(speed=getattr(request.module, "SPEED", 1.0)).start()
    yield aws
    aws.stop()


@pytest.fixture(scope="module")
def aws(local_aws: LocalAws) -> LocalAws:
    """The same under the name that modules use which prepare it further."""
    return local_aws


@pytest.fixture(scope="module")
def network(aws: LocalAws) -> LaunchNetwork:
    """Where the module's Auto Scaling groups start instances."""
    return make_network(aws)


@pytest.fixture
def stack(aws: LocalAws) -> Iterator[Stack]:
    """A stack whose resources a test makes one by one; they are deleted after the test."""
    stack = Stack(aws)
    yield stack
    stack.delete_all()


@pytest.fixture
def provider() -> Iterator[ProviderState]:
    """What the test resource types have made; empty at the start of each test."""
    things.state = ProviderState()
    yield things.state
    things.state.open_all()


@pytest.fixture
def stacks(local_aws: LocalAws, provider: ProviderState) -> Stacks:
    """The local CloudFormation through boto3, with short ways to say what the tests say often."""
    return Stacks(local_aws, provider)
