"""A DynamoDB client whose requests fail one by one as a test wants it, below botocore, which repeats them as ever."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.endpoint
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from coordination.names import TABLE_KEY


def dynamodb(endpoint: str, tries: int, connections: int = 10) -> Any:
    """A client that botocore tries `tries` times for."""
    session: Any = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1")
    config = Config(retries={"mode": "standard", "total_max_attempts": tries}, max_pool_connections=connections)
    return session.client("dynamodb", endpoint_url=endpoint, config=config)


def make_table(client: Any, name: str) -> None:
    """A table with the key of the cluster table."""
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": TABLE_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": TABLE_KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


class Fate(Enum):
    """What becomes of one request."""

    SENT = "sent, and answered"
    LOST = "sent, and its answer never arrives"
    NOT_SENT = "never sent"
    FAILED = "answered with an error of the service, and not carried out"
    THROTTLED = "refused for now"


class Line:
    """Stands between botocore and the network; `fates` are those of the next requests, then every one is sent."""

    def __init__(self, client: Any) -> None:
        self._session = client._endpoint.http_session
        self.fates: list[Fate] = []
        client._endpoint.http_session = self

    def send(self, request: Any) -> Any:
        """Send one request, or not."""
        fate = self.fates.pop(0) if self.fates else Fate.SENT
        match fate:
            case Fate.SENT:
                return self._session.send(request)
            case Fate.LOST:
                # Read to its end, or the connection could not be used again.
                assert self._session.send(request).content is not None
                raise ReadTimeoutError(endpoint_url=request.url)
            case Fate.NOT_SENT:
                raise ConnectionClosedError(endpoint_url=request.url)
            case Fate.FAILED:
                return _error(request, 500, "InternalServerError")
            case Fate.THROTTLED:
                return _error(request, 400, "ThrottlingException")

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class _Raw:
    """The body of an answer, as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._body


def _error(request: Any, status: int, code: str) -> Any:
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "as the test wants it"})
    make: Any = AWSResponse
    return make(request.url, status, {"x-amzn-RequestId": "none"}, _Raw(body.encode()))


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let botocore repeat without waiting in between."""
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
