"""Change sets: a plan that is kept, shown, and carried out on request; with nested stacks, a tree of them."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.model import Stack, Target
from rehearsal.aws.cloudformation.nested import RESERVED
from rehearsal.aws.cloudformation.operations import Operations
from rehearsal.aws.cloudformation.plan import Plan, Planner
from rehearsal.aws.cloudformation.provider import ProviderError
from rehearsal.aws.cloudformation.store import Store
from rehearsal.aws.protocol import ServiceError

LOG = logging.getLogger(__name__)

Work = Callable[[str, Callable[[], object]], None]
"""Begins what goes on beside requests, under a name; a stop of the local AWS waits for it (LocalAws.work)."""

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


@dataclass
class ChangeSet:
    """A change set of one stack; those of nested stacks name their parent and root."""

    change_set_id: str
    name: str
    stack: Stack
    kind: str
    target: Target
    created: datetime
    status: str = "CREATE_PENDING"
    execution_status: str = "UNAVAILABLE"
    reason: str | None = None
    description: str | None = None
    include_nested: bool = False
    on_stack_failure: str | None = None
    role_arn: str | None = None
    """The service role that carries it out."""
    parent_id: str | None = None
    root_id: str | None = None
    plan: Plan | None = None
    children: list[str] = field(default_factory=list)


class ChangeSets:
    """All change sets, by id."""

    def __init__(self, store: Store, work: Work) -> None:
        self._store = store
        self._work = work
        self._all: dict[str, ChangeSet] = {}

    def create(self, change_set: ChangeSet, operations: Operations) -> None:
        """Keep a change set and work out its plan in the background, with the rights of the operations."""
        with self._store.lock:
            self._all[change_set.change_set_id] = change_set
            change_set.status = "CREATE_IN_PROGRESS"
        self._work(f"change-set-{change_set.name}", partial(self._plan, change_set, operations))

    def find(self, region: str, name_or_id: str, stack: Stack | None) -> ChangeSet:
        """A change set by id, or by name within a stack. Raises ServiceError when there is none."""
        with self._store.lock:
            for each in self._all.values():
                if each.stack.region != region:
                    continue
                if each.change_set_id == name_or_id or (each.stack is stack and each.name == name_or_id):
                    return each
        raise ServiceError("ChangeSetNotFound", f"ChangeSet [{name_or_id}] does not exist", 404)

    def of_stack(self, stack: Stack) -> list[ChangeSet]:
        """The change sets of a stack, the oldest first."""
        with self._store.lock:
            return [each for each in self._all.values() if each.stack is stack]

    def execute(self, change_set: ChangeSet, operations: Operations, token: str | None, disable_rollback: bool) -> None:
        """Carry a change set out by the operations given; the others of the stack are dropped, as they fit no more."""
        stack = change_set.stack
        with self._store.lock:
            if change_set.parent_id is not None:
                raise ValidationError(f"ChangeSet [{change_set.change_set_id}] is nested: execute its root change set")
            if change_set.execution_status != "AVAILABLE":
                raise ServiceError(
                    "InvalidChangeSetStatus",
                    f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current status of "
                    f"[{change_set.status}]",
                    400,
                )
            for each in self._tree(change_set):
                each.execution_status = "EXECUTE_COMPLETE"
                each.stack.change_set_id = each.change_set_id
            self._drop_others(stack, change_set)
            stack.role_arn = change_set.role_arn or stack.role_arn
            if change_set.kind == "CREATE":
                stack.on_failure = change_set.on_stack_failure or ("DO_NOTHING" if disable_rollback else "ROLLBACK")
                stack.disable_rollback = stack.on_failure == "DO_NOTHING"
                operations.create(stack, change_set.target, token)
            else:
                operations.update(stack, change_set.target, token, disable_rollback)

    def delete(self, change_set: ChangeSet) -> None:
        """Drop a change set, those nested in it, and the nested stacks that only it had reserved."""
        with self._store.lock:
            for each in list(self._tree(change_set)):
                self._all.pop(each.change_set_id, None)
                if each is not change_set and each.stack.status == RESERVED:
                    self._store.forget(each.stack)

    def forget_stack(self, stack: Stack) -> None:
        """Drop everything that belongs to a deleted stack."""
        for each in self.of_stack(stack):
            self.delete(each)

    def _forget_unused(self, stack: Stack) -> None:
        """Drop nested stacks that were reserved for a plan which then failed."""
        root = stack.root_id or stack.stack_id
        used = {each.stack.stack_id for each in self._all.values()}
        for each in self._store.in_region(stack.region):
            if each.status == RESERVED and each.root_id == root and each.stack_id not in used:
                self._store.forget(each)

    def _drop_others(self, stack: Stack, executed: ChangeSet) -> None:
        for each in self.of_stack(stack):
            if each is not executed and each.parent_id is None:
                self.delete(each)

    def _tree(self, change_set: ChangeSet) -> Iterator[ChangeSet]:
        yield change_set
        for child in change_set.children:
            if child in self._all:
                yield from self._tree(self._all[child])

    def _plan(self, change_set: ChangeSet, operations: Operations) -> None:
        try:
            planner = Planner(operations.engine, operations.nested, change_set.include_nested)
            plan = planner.plan(change_set.stack, change_set.target)
        except ServiceError as error:
            self._fail(change_set, error.message)
        except ProviderError as error:
            self._fail(change_set, str(error))
        except ClientError as error:
            self._fail(change_set, str(error.response["Error"].get("Message")))
        except Exception as error:
            LOG.exception("change set %s could not be worked out", change_set.name)
            self._fail(change_set, f"Internal failure of the local AWS: {type(error).__name__}: {error}")
        else:
            retried = change_set.stack.status in {"CREATE_FAILED", "UPDATE_FAILED"}
            if plan.empty and change_set.kind == "UPDATE" and not retried:
                self._fail(change_set, NO_CHANGES)
            else:
                self._finish(change_set, plan)

    def _fail(self, change_set: ChangeSet, reason: str) -> None:
        with self._store.changed:
            change_set.status, change_set.reason = "FAILED", reason
            self._forget_unused(change_set.stack)
            self._store.changed.notify_all()

    def _finish(self, change_set: ChangeSet, plan: Plan) -> None:
        with self._store.changed:
            self._keep(change_set, plan)
            self._store.changed.notify_all()

    def _keep(self, change_set: ChangeSet, plan: Plan) -> None:
        """Store a plan, and a change set for every nested stack in which it changes something."""
        change_set.plan = plan
        for change in plan.changes:
            if change.child is None or not change_set.include_nested:
                continue
            stack = change.child.stack
            name = f"{change_set.name[:90]}-{change.logical_id[:20]}-{uuid.uuid4().hex[:12].upper()}"
            child = ChangeSet(
                new_change_set_id(stack, name),
                name,
                stack,
                "CREATE" if change.action == "Add" else "UPDATE",
                change.child.target,
                change_set.created,
                include_nested=True,
                parent_id=change_set.change_set_id,
                root_id=change_set.root_id or change_set.change_set_id,
            )
            self._all[child.change_set_id] = child
            change.change_set_id = child.change_set_id
            change.physical_id = stack.stack_id
            change_set.children.append(child.change_set_id)
            self._keep(child, change.child)
        change_set.status, change_set.execution_status = "CREATE_COMPLETE", "AVAILABLE"


def new_change_set_id(stack: Stack, name: str) -> str:
    """A change set's id: its ARN."""
    return f"arn:{stack.partition}:cloudformation:{stack.region}:{stack.account_id}:changeSet/{name}/{uuid.uuid4()}"
