"""A local AWS for the tests of a module that store something in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rehearsal.aws.server import LocalAws


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """It runs as long as the module's tests."""
    running = LocalAws().start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def key_arn(aws: LocalAws) -> str:
    """A key of KMS."""
    return str(aws.client("kms").create_key()["KeyMetadata"]["Arn"])
