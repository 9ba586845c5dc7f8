"""What AWS's SDK is told by the environment of a program on a node."""

from __future__ import annotations

import os

_ATTEMPTS = 12
_SECONDS = 5


def prepare(region: str) -> None:
    """Clients that are made from now on are of this region, and wait for the instance's credentials for a minute.

    The SDK asks the metadata service once, for a second, and a client that was made without credentials never asks
    again: on an instance that has just started nothing would ever be signed.
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/configuration.html
    """
    os.environ["AWS_DEFAULT_REGION"] = region
    os.environ["AWS_METADATA_SERVICE_NUM_ATTEMPTS"] = str(_ATTEMPTS)
    os.environ["AWS_METADATA_SERVICE_TIMEOUT"] = str(_SECONDS)
