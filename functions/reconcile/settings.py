"""What the function is told by its environment; templates/lifecycle.json sets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coordination.names import FunctionVariable

# boto3's own variable.
_ENDPOINT = "AWS_ENDPOINT_URL"


class SettingsError(ValueError):
    """The environment lacks a variable or holds a wrong one."""


@dataclass(frozen=True)
class Settings:
    """`cluster_id` is the root stack's id, `timeout_seconds` the function's own time-out, and `plain_http` says whether
    CloudFormation may wait for answers at an http address: where AWS itself is asked at one, as on the local AWS."""

    cluster_id: str
    cluster_uuid: str
    table: str
    timeout_seconds: int
    plain_http: bool = False


def settings(environment: Mapping[str, str]) -> Settings:
    """The settings that `environment` holds. Raises SettingsError, which names the variable."""
    timeout = _required(environment, FunctionVariable.TIMEOUT_SECONDS)
    if not timeout.isdecimal() or not 1 <= int(timeout) <= 900:
        raise SettingsError(f"{FunctionVariable.TIMEOUT_SECONDS} is {timeout!r}, allowed: whole seconds, 1 to 900")
    return Settings(
        cluster_id=_required(environment, FunctionVariable.CLUSTER_ID),
        cluster_uuid=_required(environment, FunctionVariable.CLUSTER_UUID),
        table=_required(environment, FunctionVariable.TABLE),
        timeout_seconds=int(timeout),
        plain_http=environment.get(_ENDPOINT, "").startswith("http:"),
    )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set")
    return value
