"""Nested stacks: a stack as a resource of another. The parent decides about the child's rollback and cleanup."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.aws.cloudformation import parameters as parameter_values
from rehearsal.aws.cloudformation import rules
from rehearsal.aws.cloudformation.deployment import Deployment
from rehearsal.aws.cloudformation.engine import Engine
from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.evaluation import Evaluation, LiveView
from rehearsal.aws.cloudformation.intrinsics import text_of
from rehearsal.aws.cloudformation.model import STACK_TYPE, Resource, Run, Stack, Target, new_stack_id
from rehearsal.aws.cloudformation.provider import Made, ProviderError
from rehearsal.aws.cloudformation.skipping import Skipped
from rehearsal.aws.cloudformation.template import parse, type_of
from rehearsal.aws.cloudformation.validation import check_capabilities, refuse_type_changes, validate

FAILED_STATES = frozenset({"CREATE_FAILED", "UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED"})
RESERVED = "REVIEW_IN_PROGRESS"


class NestedStacks:
    """What the engine does with resources of type AWS::CloudFormation::Stack."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._store = engine.store

    def child(self, parent: Stack, resource: Resource) -> Stack:
        """The stack behind a resource."""
        return self._store.get(parent.region, resource.physical_id or "")

    def target(self, parent: Stack, properties: Mapping[str, Any], around: Target) -> Target:
        """What a nested stack is to be made from. Raises ValidationError like a request for a stack of its own."""
        account = self._engine.account(parent.region)
        template = parse(account.template(str(properties["TemplateURL"])))
        validate(template)
        check_capabilities([template], around.capabilities)
        request = [
            {"ParameterKey": key, "ParameterValue": _joined(value)}
            for key, value in (properties.get("Parameters") or {}).items()
        ]
        given = parameter_values.given_values(template, request, None)
        values = parameter_values.resolve(template, given, account)
        rules.check(template, values, account)
        own = {str(tag["Key"]): text_of(tag["Value"]) for tag in properties.get("Tags") or []}
        return Target(template, values, {**around.tags, **own}, around.capabilities)

    def create(self, parent: Stack, run: Run, resource: Resource, around: Target) -> Made:
        """Create the child, or go on with one that a change set has reserved."""
        target = self.target(parent, resource.properties, around)
        child = self.reserved(parent, resource.logical_id) or self.reserve(parent, resource.logical_id)
        self._engine.rights.require(child.region, "cloudformation:CreateStack", child.stack_id)
        minutes = resource.properties.get("TimeoutInMinutes")
        # Of the creation alone: an update of the parent does not look at it.
        child.timeout_minutes = None if minutes is None else int(minutes)
        self._store.set_resource(parent, resource, "CREATE_IN_PROGRESS", "Resource creation Initiated", child.stack_id)
        return self._apply(child, target, run, "CREATE")

    def reserve(self, parent: Stack, logical_id: str) -> Stack:
        """A child without resources yet; a change set shows it under review."""
        name = self._engine.context(parent, _named(logical_id, self._engine), Run(None, False)).physical_name(128)
        stack_id = new_stack_id(parent.region, parent.account_id, parent.partition, name)
        child = Stack(
            stack_id, name, parent.region, parent.account_id, parent.partition, self._engine.clock.now(), RESERVED
        )
        child.parent_id, child.root_id = parent.stack_id, parent.root_id or parent.stack_id
        child.reserved_for = logical_id
        self._store.add(child)
        return child

    def reserved(self, parent: Stack, logical_id: str) -> Stack | None:
        """The child that a change set has reserved for a resource, if there is one."""
        with self._store.lock:
            for stack in self._store.stacks.values():
                if stack.parent_id == parent.stack_id and stack.reserved_for == logical_id and stack.status == RESERVED:
                    return stack
        return None

    def changed(self, parent: Stack, resource: Resource, properties: Mapping[str, Any], around: Target) -> bool:
        """Whether an update would do anything to the child or to one nested in it."""
        child = self.child(parent, resource)
        if child.status in FAILED_STATES or resource.unsettled:
            return True
        return self._differs(child, self.target(parent, properties, around))

    def _differs(self, child: Stack, target: Target) -> bool:
        present = child.current()
        if (present.template.body, dict(present.parameters), dict(present.tags)) != (
            target.template.body,
            dict(target.parameters),
            dict(target.tags),
        ):
            return True
        # The same URL of a grandchild may hold another template now.
        evaluation = Evaluation(child, target, LiveView(lambda: child.resources), self._engine.account(child.region))
        for name, definition in evaluation.active.items():
            if type_of(definition) == STACK_TYPE:
                resource = child.resources.get(name)
                if resource is None or self.changed(child, resource, evaluation.properties(name), target):
                    return True
        return False

    def update(
        self, parent: Stack, run: Run, resource: Resource, properties: Mapping[str, Any], around: Target
    ) -> Made:
        """Update the child; its cleanup or rollback waits for the parent's decision."""
        target, child = self.target(parent, properties, around), self.child(parent, resource)
        refuse_type_changes(child, target.template)
        self._engine.rights.require(child.region, "cloudformation:UpdateStack", child.stack_id)
        return self._apply(child, target, run, "UPDATE")

    def _apply(self, child: Stack, target: Target, run: Run, verb: str) -> Made:
        with self._store.lock:
            child.run = Run(run.token, run.disable_rollback, run)
            child.disable_rollback = run.disable_rollback
        deployment = Deployment(self._engine, self, child, child.run)
        self._store.set_status(child, f"{verb}_IN_PROGRESS", "User Initiated" if verb == "CREATE" else None)
        timed_out = threading.Event()
        no_more = self._time_limit(child, child.run, timed_out) if verb == "CREATE" else None
        problem = deployment.apply(target)
        if no_more is not None:
            no_more()
        if problem is not None and timed_out.is_set():
            problem = f"Stack creation time exceeded the specified timeout. {problem}"
        word = {"CREATE": "created", "UPDATE": "updated"}[verb]
        if problem is None:
            settled = "CREATE_COMPLETE" if verb == "CREATE" else "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
            self._store.set_status(child, settled)
            with self._store.lock:
                child.updated = self._engine.clock.now() if verb == "UPDATE" else None
                if verb == "CREATE":
                    child.remember()
                    child.last_token, child.run = run.token, None
            return Made(child.stack_id, outputs_of(child))
        if verb == "UPDATE" and not run.disable_rollback:
            self._store.set_status(child, "UPDATE_ROLLBACK_IN_PROGRESS", problem)
            raise ProviderError(
                f"Embedded stack {child.stack_id} was not successfully updated. Currently in "
                f"UPDATE_ROLLBACK_IN_PROGRESS with reason: {problem}"
            )
        self._store.set_status(child, f"{verb}_FAILED", problem)
        with self._store.lock:
            child.last_token, child.run = run.token, None
        raise ProviderError(f"Embedded stack {child.stack_id} was not successfully {word}: {problem}")

    def _time_limit(self, child: Stack, run: Run, timed_out: threading.Event) -> Callable[[], None] | None:
        """Cancel the creation when its time is up; the result takes that back. None where there is no limit."""
        if child.timeout_minutes is None:
            return None

        def expire() -> None:
            timed_out.set()
            run.cancel()

        return self._engine.clock.timer(child.timeout_minutes * 60, expire)

    def commit(self, parent: Stack, resource: Resource, run: Run) -> bool:
        """Let the child clean up after an update that the whole tree has finished."""
        child = self.child(parent, resource)
        if child.status not in {"UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE", "CREATE_COMPLETE"}:
            return True
        pending = child.status == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        with self._store.lock:
            child.run = child.run or Run(run.token, run.disable_rollback, run)
        Deployment(self._engine, self, child, child.run).commit()
        if pending:
            self._store.set_status(child, "UPDATE_COMPLETE")
        self._settle(child, run)
        return True

    def pause(self, parent: Stack, resource: Resource, run: Run) -> None:
        """The tree has stopped with disable-rollback: a child that succeeded is complete, yet can be rolled back."""
        child = self.child(parent, resource)
        if child.status == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
            Deployment(self._engine, self, child, run).pause_children()
            self._store.set_status(child, "UPDATE_COMPLETE")
            with self._store.lock:
                child.last_token, child.run = run.token, None

    def rollback(self, parent: Stack, resource: Resource, run: Run, skip: Skipped) -> bool:
        """Take the child back to what it was before the update; its cleanup comes with `clean_rollback`."""
        child = self.child(parent, resource)
        with self._store.lock:
            child.run = Run(run.token, False, run)
        if child.status != "UPDATE_ROLLBACK_IN_PROGRESS":
            self._store.set_status(child, "UPDATE_ROLLBACK_IN_PROGRESS", "Parent stack initiated")
        failures = Deployment(self._engine, self, child, child.run).rollback_update(skip)
        if failures:
            self._store.set_status(child, "UPDATE_ROLLBACK_FAILED", failures)
            self._settle(child, run)
            raise ProviderError(f"Embedded stack {child.stack_id} was not successfully updated: {failures}")
        self._store.set_status(child, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        return True

    def clean_rollback(self, parent: Stack, resource: Resource, run: Run) -> bool:
        """Delete what the child's failed update has made."""
        child = self.child(parent, resource)
        if child.status == "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS":
            Deployment(self._engine, self, child, child.run or run).clean_rollback()
            self._store.set_status(child, "UPDATE_ROLLBACK_COMPLETE")
            self._settle(child, run)
        return True

    def delete(self, parent: Stack, resource: Resource, run: Run, in_creation: bool) -> None:
        """Delete the child. Raises ProviderError when something of it is left."""
        child = self._store.find(parent.region, resource.physical_id or "")
        if child is None or child.status == "DELETE_COMPLETE":
            return
        self._engine.rights.require(child.region, "cloudformation:DeleteStack", child.stack_id)
        with self._store.lock:
            child.run = Run(run.token, False, run)
        self._store.set_status(child, "DELETE_IN_PROGRESS")
        problem = Deployment(self._engine, self, child, child.run).delete(in_creation)
        self._store.set_status(child, "DELETE_FAILED" if problem else "DELETE_COMPLETE", problem)
        with self._store.lock:
            child.last_token, child.run = run.token, None
        if problem:
            raise ProviderError(f"Embedded stack {child.stack_id} was not successfully deleted: {problem}")

    def _settle(self, child: Stack, run: Run) -> None:
        with self._store.lock:
            child.last_token, child.run = run.token, None


def outputs_of(child: Stack) -> dict[str, str]:
    """A child's outputs as the attributes of the resource in its parent."""
    return {f"Outputs.{name}": output.value for name, output in child.outputs.items()}


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(text_of(item) for item in value)
    if isinstance(value, Mapping):
        raise ValidationError("Value of property Parameters must be an object with String (or simple type) properties")
    return text_of(value)


def _named(logical_id: str, engine: Engine) -> Resource:
    return Resource(logical_id, STACK_TYPE, {}, "CREATE_IN_PROGRESS", engine.clock.now())
