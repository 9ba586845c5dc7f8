"""boto3 clients whose calls end well before a pass of the reconcile function does."""

from __future__ import annotations

from collections import Counter
from typing import Any

import boto3
from botocore.config import Config

# The function has 60 seconds. Three tries of at most five seconds leave time for the rest of a pass.
_TRIES = 3


class Calls:
    """Counts the requests that clients send to AWS: each page of an answer is one, and so is each repetition."""

    def __init__(self) -> None:
        self.by_operation: Counter[str] = Counter()

    @property
    def number(self) -> int:
        """How many were sent so far."""
        return self.by_operation.total()

    def watch(self, made: Any) -> None:
        """Count those of a client, too."""
        # Once for each attempt: https://docs.aws.amazon.com/boto3/latest/guide/events.html
        made.meta.events.register("before-send", self._sent)

    def _sent(self, *, event_name: str, **_: object) -> None:
        # before-send.<service>.<operation>; an answer of None lets the request go out.
        self.by_operation[event_name.rpartition(".")[2]] += 1


def client(service: str, tries: int = _TRIES, calls: Calls | None = None) -> Any:
    """A client of `service` in the region, and with the credentials, of the environment; 1 try repeats no call.

    `calls` counts what it sends.
    """
    # boto3's own types list every service by name; adapters take any client.
    make: Any = boto3.client
    config = Config(
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": tries},
        # The default asks <account>.ddb.<region>.amazonaws.com as soon as credentials say their account (SDKs and Tools
        # reference, "Account-based endpoints"). Only of the region's own name it is documented that a gateway endpoint
        # leads there.
        account_id_endpoint_mode="disabled",
    )
    made = make(service, config=config)
    if calls is not None:
        calls.watch(made)
    return made


class KeptClients:
    """The clients of one process: each is made when it is first wanted, and kept. Their requests are counted."""

    def __init__(self) -> None:
        self.calls = Calls()
        self._made: dict[tuple[str, int], Any] = {}

    def of(self, service: str, tries: int = _TRIES) -> Any:
        """The client of `service` that tries each call so many times."""
        if (service, tries) not in self._made:
            self._made[service, tries] = client(service, tries, self.calls)
        return self._made[service, tries]
