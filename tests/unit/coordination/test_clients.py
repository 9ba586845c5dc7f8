"""Which names the clients of nodes and of the function ask."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from coordination.adapters.clients import client


def test_credentials_that_say_their_account_do_not_change_the_name_of_dynamodb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers here: the URL of the request is all that is looked at."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ACCOUNT_ID": "123456789012",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    asked: list[str] = []

    def answer(*, request: Any, **_: object) -> AWSResponse:
        asked.append(request.url)
        return AWSResponse(request.url, 200, HTTPHeaders(), Raw())

    dynamodb = client("dynamodb")
    dynamodb.meta.events.register("before-send", answer)
    dynamodb.get_item(TableName="t", Key={"k": {"S": "v"}})
    assert asked == ["https://dynamodb.eu-central-1.amazonaws.com/"]


class Raw:
    """The body of an answer without an item."""

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [b"{}"]
