"""What a resource provider is: how one resource type is created, updated and deleted through AWS's public API.

The engine decides when and with which resolved properties; a provider only carries it out. A botocore ClientError or a
ProviderError that leaves a provider becomes the resource's failure reason.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from rehearsal.aws.clock import Clock
from rehearsal.aws.cloudformation import schemas
from rehearsal.aws.site import Site

if TYPE_CHECKING:
    from rehearsal.aws.cloudformation.signals import Mailbox

FIRST_POLL_SECONDS, LAST_POLL_SECONDS = 0.05, 0.4
"""Real seconds between two looks at a condition, which often calls an API: ever longer, from the first to the last."""


class ProviderError(Exception):
    """Why a resource could not be made, changed or deleted; the text becomes its ResourceStatusReason."""


class TimedOut(ProviderError):
    """What was waited for did not come in time."""


class Refused(ProviderError):
    """An update that was refused before the resource was touched: there is nothing to take back."""


class Cancelled(Exception):
    """The stack operation was cancelled while the resource was waiting for something."""


@dataclass(frozen=True)
class Made:
    """What a provider made. `ref` is the value of Ref where that is not the physical id."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    ref: str | None = None


def _no_client(service: str) -> Any:
    raise RuntimeError(f"this context has no client for {service}")


def _no_signals() -> AbstractContextManager[Mailbox]:
    raise RuntimeError("this context takes no signals")


@dataclass
class Context:
    """What a provider knows of the resource's surroundings.

    `tags` are the stack's tags with those that CloudFormation adds (`aws:cloudformation:…`), `client_for` makes a boto3
    client in the stack's region. In a rollback the policies are those of the template that it goes back to.
    """

    region: str
    account_id: str
    partition: str
    stack_id: str
    stack_name: str
    logical_id: str
    tags: dict[str, str]
    clock: Clock
    client_for: Callable[[str], Any] = _no_client
    site: Site = Site()  # noqa: RUF009 - it cannot change
    creation_policy: dict[str, Any] | None = None
    update_policy: dict[str, Any] | None = None
    cancelled: Callable[[], bool] = lambda: False
    report_initiated: Callable[[str], None] = lambda physical_id: None
    rolls_back: bool = False
    tell: Callable[[str], None] = lambda text: None
    """Adds a line to the resource's history."""
    signals: Callable[[], AbstractContextManager[Mailbox]] = _no_signals
    """The resource takes signals as long as this lasts."""

    def client(self, service: str) -> Any:
        """A boto3 client of the local AWS in the stack's region."""
        return self.client_for(service)

    def physical_name(self, max_length: int = 64, lower: bool = False) -> str:
        """A new name as CloudFormation makes them: `<stack>-<LogicalId>-<12 random>`, cut to `max_length`."""
        random_part = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(12))
        room = max_length - len(random_part) - 1
        stack_room = max(room - len(self.logical_id) - 1, room // 2)
        stack_part = self.stack_name[:stack_room].rstrip("-")
        logical_part = self.logical_id[: room - len(stack_part) - 1].rstrip("-")
        name = f"{stack_part}-{logical_part}-{random_part}"
        return name.lower() if lower else name

    def initiated(self, physical_id: str) -> None:
        """Tell the engine the physical id before waiting in `create`: a failure or a cancel then still deletes it."""
        self.report_initiated(physical_id)

    def wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until the condition holds.

        Raises TimedOut(what) after `seconds` of the local AWS's clock, Cancelled when the operation is cancelled.
        """
        deadline = self.clock.monotonic() + seconds
        pause = FIRST_POLL_SECONDS
        while not condition():
            if self.cancelled():
                raise Cancelled
            if self.clock.monotonic() >= deadline:
                raise TimedOut(what)
            # Polling is an affair of this machine, so it is not sped up with the clock.
            self.clock.sleep(pause * self.clock.speed)
            pause = min(pause * 1.5, LAST_POLL_SECONDS)


class Provider(Protocol):
    """One resource type. A provider without `create_only` gets the createOnlyProperties of the type's public schema.

    `update` may return another physical id: the engine then takes it for a replacement and deletes the old one later.
    """

    type_name: str
    properties: frozenset[str]

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Make the resource from its resolved properties."""
        ...

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change the resource in place; the engine has already ruled out changes of create-only properties."""
        ...

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the resource; one that is already gone is a success."""
        ...


_PROVIDERS: dict[str, Provider] = {}


def register(provider: Provider) -> None:
    """Make a resource type known to the engine."""
    _PROVIDERS[provider.type_name] = provider


def provider_for(type_name: str) -> Provider:
    """The provider of a type; KeyError with a text that names the type where there is none."""
    if type_name not in _PROVIDERS:
        raise KeyError(f"resource type {type_name} is not supported by the local AWS")
    return _PROVIDERS[type_name]


def create_only_of(provider: Provider) -> frozenset[str]:
    """The properties whose change means replacement, as paths such as `Name` or `Settings/Name`."""
    own: frozenset[str] | None = getattr(provider, "create_only", None)
    return schemas.schema_of(provider.type_name).create_only if own is None else own
