"""An account in this process: plain moto, which is real enough for keys, tables, buckets, parameters and tags."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from deployment.aws import Account

REGION = "eu-central-1"


@pytest.fixture(scope="session")
def clients() -> Account:
    """Kept for all tests, because making a client takes longer than most of them; its state is moto's, not its own."""
    return Account(REGION)


@pytest.fixture
def account(clients: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An empty account."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield clients
