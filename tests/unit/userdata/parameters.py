"""Clients of the local SSM."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def connect(endpoint: str, region: str, tries: int) -> Any:
    """A client of SSM of its own, for hooks stay with a client."""
    session: Any = boto3.session.Session(aws_access_key_id="local", aws_secret_access_key="local")
    config = Config(retries={"mode": "standard", "total_max_attempts": tries})
    return session.client("ssm", region_name=region, endpoint_url=endpoint, config=config)


def refuse(client: Any, operation: str, code: str, message: str = "as the test wants it") -> None:
    """Every call of `operation` is answered with an error, and does nothing."""

    def handler(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": message}}, operation)

    client.meta.events.register(f"before-call.ssm.{operation}", handler)
