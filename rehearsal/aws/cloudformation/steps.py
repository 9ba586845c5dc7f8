"""One resource's part in a stack operation: made, changed, replaced or deleted, with its lines in the history."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rehearsal.aws.cloudformation import schemas
from rehearsal.aws.cloudformation.diff import Difference, differences, replaced, same
from rehearsal.aws.cloudformation.engine import Engine, reason_of
from rehearsal.aws.cloudformation.evaluation import Evaluation
from rehearsal.aws.cloudformation.invoked import Handler
from rehearsal.aws.cloudformation.model import STACK_TYPE, Resource, Run, Stack
from rehearsal.aws.cloudformation.provider import Cancelled, Made, ProviderError, Refused, create_only_of
from rehearsal.aws.cloudformation.signals import wait_for_creation
from rehearsal.aws.cloudformation.template import type_of

if TYPE_CHECKING:
    from rehearsal.aws.cloudformation.nested import NestedStacks

NO_REPLACEMENT = "Replacement type updates not supported on stack with disable-rollback."
NEW_PHYSICAL = "Requested update requires the creation of a new physical resource; hence creating one."


@dataclass(frozen=True)
class Failure:
    """A resource that an operation could not finish."""

    logical_id: str
    verb: str


class Steps:
    """The steps of one operation on one stack towards one target."""

    def __init__(self, engine: Engine, nested: NestedStacks, stack: Stack, run: Run, evaluation: Evaluation) -> None:
        self._engine = engine
        self._store = engine.store
        self._nested = nested
        self._stack = stack
        self._run = run
        self._evaluation = evaluation
        self.failures: list[Failure] = []

    def apply(self, name: str) -> bool:
        """Bring one resource to what the target says; whether that succeeded."""
        definition = self._evaluation.active[name]
        current = self._stack.resources.get(name)
        try:
            properties = self._evaluation.properties(name)
            if current is not None and not current.exists and not self._continues(current):
                self._clear(current)
                current = None
        except Exception as error:
            return self._fail(current or self._blank(name, definition), "update" if current else "create", error)
        if current is None:
            return self._create(self._blank(name, definition, properties))
        return self._change(current, definition, properties)

    def _continues(self, current: Resource) -> bool:
        """Whether a resource that failed to be created is gone on with instead of being made anew."""
        return current.type_name == STACK_TYPE and current.physical_id is not None

    def _blank(self, name: str, definition: Mapping[str, Any], properties: dict[str, Any] | None = None) -> Resource:
        return Resource(
            logical_id=name,
            type_name=type_of(dict(definition)),
            definition=definition,
            status="CREATE_IN_PROGRESS",
            timestamp=self._engine.clock.now(),
            properties=properties or {},
            dependencies=frozenset(self._evaluation.after.get(name, ())),
            tags=dict(self._evaluation.target.tags),
            created_by=self._stack.operation_number,
        )

    def _clear(self, failed: Resource) -> None:
        """Delete what is left of a resource that failed to be created, before it is made anew."""
        if failed.physical_id is not None:
            self._store.set_resource(self._stack, failed, "DELETE_IN_PROGRESS")
            self._engine.invoke(Handler.DELETE, failed.type_name)
            context = self._engine.context(self._stack, failed, Run(None, False))
            self._engine.provider(failed.type_name).delete(context, failed.physical_id, failed.properties)
        self._store.set_resource(self._stack, failed, "DELETE_COMPLETE")
        with self._store.lock:
            self._stack.resources.pop(failed.logical_id, None)

    def _create(self, resource: Resource) -> bool:
        with self._store.lock:
            self._stack.resources[resource.logical_id] = resource
        try:
            self._make(resource, "CREATE_IN_PROGRESS", None)
        except Exception as error:
            return self._fail(resource, "create", error)
        self._store.set_resource(self._stack, resource, "CREATE_COMPLETE")
        return True

    def _make(self, resource: Resource, status: str, reason: str | None) -> None:
        """Create the physical resource and wait for the signals that its CreationPolicy wants."""
        policy = self._evaluation.policy(resource.logical_id, "CreationPolicy")
        with ExitStack() as stack:
            signals = self._engine.signals.open(self._stack.stack_id, resource.logical_id)
            mailbox = stack.enter_context(signals) if policy else None
            self._store.set_resource(self._stack, resource, status, reason)
            self._engine.invoke(Handler.CREATE, resource.type_name)
            if resource.type_name == STACK_TYPE:
                made = self._nested.create(self._stack, self._run, resource, self._evaluation.target)
            else:
                context = self._engine.context(self._stack, resource, self._run, self._evaluation)
                made = self._engine.provider(resource.type_name).create(context, resource.properties)
            first_news = resource.physical_id is None
            self._take(resource, made)
            if first_news:
                self._store.set_resource(self._stack, resource, status, "Resource creation Initiated")
            if mailbox is not None and policy:
                wait_for_creation(self._engine.context(self._stack, resource, self._run), mailbox, policy)
            if self._run.cancelled:
                raise Cancelled

    def _take(self, resource: Resource, made: Made) -> None:
        with self._store.lock:
            resource.physical_id = made.physical_id
            resource.attributes, resource.ref = dict(made.attributes), made.ref

    def _change(self, current: Resource, definition: Mapping[str, Any], properties: dict[str, Any]) -> bool:
        self._engine.invoke(Handler.READ, current.type_name)
        found = differences(current.properties, properties)
        tags = dict(self._evaluation.target.tags)
        if current.type_name == STACK_TYPE:
            changed = self._nested.changed(self._stack, current, properties, self._evaluation.target)
        else:
            retagged = tags != dict(current.tags) and schemas.schema_of(current.type_name).taggable
            changed = bool(found) or current.unsettled or retagged
        with self._store.lock:
            # Policies and metadata of the new template count from now on, also where nothing else has changed.
            current.definition = definition
            current.dependencies = frozenset(self._evaluation.after.get(current.logical_id, ()))
        if not changed:
            return True
        if current.type_name != STACK_TYPE and self._needs_replacement(current, found):
            return self._replace(current, definition, properties)
        return self._update(current, properties, tags)

    def _needs_replacement(self, current: Resource, found: list[Difference]) -> bool:
        return replaced(found, create_only_of(self._engine.provider(current.type_name)))

    def _replace(self, current: Resource, definition: Mapping[str, Any], properties: dict[str, Any]) -> bool:
        if self._run.disable_rollback:
            return self._fail(current, "update", ProviderError(NO_REPLACEMENT))
        name = self._kept_name(current, properties)
        if name is not None:
            text = (
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                f"Rename {name} and update the stack again."
            )
            return self._fail(current, "update", ProviderError(text))
        new = self._blank(current.logical_id, definition, properties)
        try:
            self._make(new, "UPDATE_IN_PROGRESS", NEW_PHYSICAL)
        except Exception as error:
            if new.physical_id is not None:
                with self._store.lock:
                    self._stack.replaced.append(new)
            return self._fail(current, "update", error)
        with self._store.lock:
            self._stack.replaced.append(current)
            self._stack.resources[current.logical_id] = new
        self._store.set_resource(self._stack, new, "UPDATE_COMPLETE")
        return True

    def _kept_name(self, current: Resource, properties: Mapping[str, Any]) -> str | None:
        """The name that old and new resource would both have, if the template names it."""
        identifier = schemas.schema_of(current.type_name).primary_identifier
        if not identifier or any(key not in properties for key in identifier):
            return None
        if any(not same(properties[key], current.properties.get(key)) for key in identifier):
            return None
        return str(properties[identifier[0]])

    def _update(self, current: Resource, properties: dict[str, Any], tags: dict[str, str]) -> bool:
        before = replace(current)
        self._store.set_resource(self._stack, current, "UPDATE_IN_PROGRESS")
        try:
            assert current.physical_id is not None
            self._engine.invoke(Handler.UPDATE, current.type_name)
            if current.type_name == STACK_TYPE:
                made = self._nested.update(self._stack, self._run, current, properties, self._evaluation.target)
            else:
                current.tags = tags
                context = self._engine.context(self._stack, current, self._run, self._evaluation)
                provider = self._engine.provider(current.type_name)
                made = provider.update(context, current.physical_id, before.tried or before.properties, properties)
            if self._run.cancelled:
                raise Cancelled
        except Exception as error:
            current.tags = before.tags
            current.tried = None if isinstance(error, Refused) else properties
            self._fail(current, "update", error)
            self._restore(current)
            return False
        if made.physical_id != before.physical_id:
            with self._store.lock:
                self._stack.replaced.append(before)
                current.created_by = self._stack.operation_number
        with self._store.lock:
            current.properties, current.tags, current.tried = properties, tags, None
        self._take(current, made)
        self._store.set_resource(self._stack, current, "UPDATE_COMPLETE")
        return True

    def _restore(self, current: Resource) -> None:
        """With disable-rollback a failed resource goes back to its last good state, as far as it will."""
        if not self._run.disable_rollback or current.type_name == STACK_TYPE:
            return
        if current.tried is None or current.physical_id is None:
            return
        context = self._engine.context(self._stack, current, Run(None, False), rolls_back=True)
        self._engine.invoke(Handler.UPDATE, current.type_name)
        try:
            made = self._engine.provider(current.type_name).update(
                context, current.physical_id, current.tried, current.properties
            )
            self._take(current, made)
            current.tried = None
        except Exception as error:
            self._store.set_resource(self._stack, current, "UPDATE_FAILED", reason_of(error))

    def _fail(self, resource: Resource, verb: str, error: Exception) -> bool:
        if isinstance(error, Cancelled):
            reason = f"Resource {'creation' if verb == 'create' else 'update'} cancelled"
        else:
            reason = reason_of(error)
        with self._store.lock:
            self._stack.resources.setdefault(resource.logical_id, resource)
            self.failures.append(Failure(resource.logical_id, verb))
        self._store.set_resource(self._stack, resource, f"{verb.upper()}_FAILED", reason)
        if not self._run.disable_rollback:
            self._run.cancel()
        return False


def failure_text(failures: list[Failure]) -> str:
    """What a stack's status says about failed resources."""
    parts = []
    for verb in ("create", "update", "delete"):
        names = sorted(each.logical_id for each in failures if each.verb == verb)
        if names:
            parts.append(f"The following resource(s) failed to {verb}: [{', '.join(names)}]. ")
    return "".join(parts)
