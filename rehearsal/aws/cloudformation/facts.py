"""What IAM has to know of stacks."""

from __future__ import annotations

from rehearsal.aws.cloudformation.store import Store


class StackFacts:
    """The stacks of all regions as IAM asks about them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def stack_id(self, region: str, name: str) -> str | None:
        """The id of a stack that was not deleted."""
        found = self._store.find(region, name)
        return found.stack_id if found is not None else None
