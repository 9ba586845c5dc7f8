"""A cluster table in moto's DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto import mock_aws

NAME = "cluster-table"


@pytest.fixture
def client() -> Iterator[Any]:
    """DynamoDB with an empty table."""
    with dynamodb() as made:
        yield made


@contextmanager
def dynamodb() -> Iterator[Any]:
    """A client of a DynamoDB of its own, which has an empty table. Making it takes half a second."""
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        made: Any = boto3.client("dynamodb", region_name="us-east-1")
        made.create_table(
            TableName=NAME,
            KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield made
