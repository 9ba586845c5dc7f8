"""A stack of the tests of providers: it calls providers as the engine does, and deletes what is left at the end."""

from __future__ import annotations

import itertools
from typing import Any

from rehearsal.aws.cloudformation import providers
from rehearsal.aws.cloudformation.provider import Context, Made, provider_for
from rehearsal.aws.server import LocalAws

SYSTEM_TAGS = {"aws:cloudformation:stack-name": "probe"}
_numbers = itertools.count()


class Stack:
    """Creates, updates and deletes resources by logical id, with the tag `team` of the stack."""

    def __init__(self, aws: LocalAws) -> None:
        providers.load_all()
        self.aws = aws
        self.name = f"probe{next(_numbers)}"
        self.made: dict[str, tuple[str, str, dict[str, Any]]] = {}

    def client(self, service: str) -> Any:
        """Return a client of the local AWS."""
        return self.aws.client(service)

    def context(self, logical_id: str) -> Context:
        """Return what a provider is told about the resource's surroundings."""
        place = (
            self.aws.region,
            self.aws.account_id,
            "aws",
            f"arn:aws:cloudformation:::stack/{self.name}/1",
            self.name,
        )
        tags = {"team": "blue", **SYSTEM_TAGS}
        return Context(*place, logical_id, tags, self.aws.clock, self.client)

    def create(self, logical_id: str, type_name: str, /, **properties: Any) -> Made:
        """Create a resource."""
        made = provider_for(type_name).create(self.context(logical_id), properties)
        self.made[logical_id] = (type_name, made.physical_id, properties)
        return made

    def update(self, logical_id: str, /, **changes: Any) -> Made:
        """Update a resource in place; None takes a property away."""
        type_name, physical_id, old = self.made[logical_id]
        new = {name: value for name, value in {**old, **changes}.items() if value is not None}
        made = provider_for(type_name).update(self.context(logical_id), physical_id, old, new)
        self.made[logical_id] = (type_name, made.physical_id, new)
        return made

    def delete(self, logical_id: str) -> None:
        """Delete a resource twice: the second time it is already gone, which is a success."""
        type_name, physical_id, properties = self.made.pop(logical_id)
        for _ in range(2):
            provider_for(type_name).delete(self.context(logical_id), physical_id, properties)

    def delete_all(self) -> None:
        """Delete everything, the newest first."""
        for logical_id in reversed(list(self.made)):
            self.delete(logical_id)


def tags_of(found: list[dict[str, str]]) -> dict[str, str]:
    """Return a list of Key and Value as a dictionary."""
    return {tag["Key"]: tag["Value"] for tag in found}
