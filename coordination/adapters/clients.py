"""boto3 clients whose calls end well before a pass of the reconcile function does."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

# The function has 60 seconds. Three tries of at most five seconds leave time for the rest of a pass.
_TRIES = 3


def client(service: str, tries: int = _TRIES) -> Any:
    """A client of `service` in the region, and with the credentials, of the environment; 1 try repeats no call."""
    # boto3's own types list every service by name; adapters take any client.
    make: Any = boto3.client
    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": tries})
    return make(service, config=config)
