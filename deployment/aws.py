"""How this room reaches AWS: clients with the caller's own credentials and region."""

from __future__ import annotations

from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# Reading events of many nested stacks meets CloudFormation's request limits; the standard mode waits and tries again.
_PATIENT = Config(retries={"mode": "standard", "max_attempts": 8})

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
"""The codes with which services say that the caller lacks a permission."""


class Aws(Protocol):
    """Where clients come from; tests give another one."""

    def client(self, service: str) -> Any:
        """A boto3 client of `service` in the region of the command."""


class Account:
    """The caller's account and region, as the AWS CLI would find them."""

    def __init__(self, region: str | None = None) -> None:
        # Any: the stubs know no client for a service whose name is not a literal.
        self._session: Any = boto3.Session(region_name=region)
        self._clients: dict[str, Any] = {}

    @property
    def region(self) -> str | None:
        """The region that the clients talk to; None when neither an option nor the environment names one."""
        region: str | None = self._session.region_name
        return region

    def client(self, service: str) -> Any:
        """A boto3 client of `service`, made once."""
        if service not in self._clients:
            self._clients[service] = self._session.client(service, config=_PATIENT)
        return self._clients[service]

    def brief_client(self, service: str, config: Config) -> Any:
        """A client of `service` that has less patience."""
        return self._session.client(service, config=config)


def code(error: ClientError) -> str:
    """The error code that AWS answered with, such as "AccessDenied"."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message(error: ClientError) -> str:
    """What AWS said about the error, without botocore's preamble."""
    return str(error.response.get("Error", {}).get("Message", error))
