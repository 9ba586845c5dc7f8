"""What IAM has to know of stacks."""

from __future__ import annotations

from rehearsal.aws.cloudformation.change_sets import ChangeSets
from rehearsal.aws.cloudformation.store import Store
from rehearsal.aws.protocol import ServiceError


class StackFacts:
    """The stacks of all regions as IAM asks about them."""

    def __init__(self, store: Store, change_sets: ChangeSets) -> None:
        self._store = store
        self._change_sets = change_sets

    def stack_id(self, region: str, name: str) -> str | None:
        """The id of a stack that was not deleted, by its name or by the ARN of a change set that is of it."""
        if ":changeSet/" in name:
            try:
                return self._change_sets.find(region, name, None).stack.stack_id
            except ServiceError:
                return None
        found = self._store.find(region, name)
        return found.stack_id if found is not None else None
