"""One stack's part in an operation: applying a target, cleaning up after it, rolling it back, deleting everything.

Nothing here decides what follows a failure; the operation of the root stack does, and nested stacks follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rehearsal.aws.cloudformation.engine import Engine, reason_of
from rehearsal.aws.cloudformation.invoked import Handler
from rehearsal.aws.cloudformation.model import STACK_TYPE, Resource, Run, Stack, Target
from rehearsal.aws.cloudformation.references import cycle
from rehearsal.aws.cloudformation.skipping import NOTHING, Skipped
from rehearsal.aws.cloudformation.steps import Failure, Steps, failure_text
from rehearsal.aws.cloudformation.walk import reversed_edges, walk
from rehearsal.aws.protocol import ServiceError

if TYPE_CHECKING:
    from rehearsal.aws.cloudformation.nested import NestedStacks

CLEANUP_ATTEMPTS = 3
"""How often a cleanup tries to delete a resource before it leaves it behind (CloudFormation does the same)."""
CLEANUP_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Task:
    """One thing that a cleanup or a delete does; tasks run against the dependencies of their resources."""

    resource: Resource
    action: Callable[[], bool]


class Deployment:
    """The work of one operation on one stack."""

    def __init__(self, engine: Engine, nested: NestedStacks, stack: Stack, run: Run) -> None:
        self._engine = engine
        self._store = engine.store
        self._nested = nested
        self._stack = stack
        self._run = run

    def apply(self, target: Target) -> str | None:
        """Create and update resources until the stack is as the target says, outputs included.

        What is to go stays until `commit`. Returns what went wrong, or None.
        """
        with self._store.lock:
            self._stack.target = target
            self._stack.operation_number += 1
        evaluation = self._engine.evaluation(self._stack, target)
        try:
            after, active = evaluation.after, evaluation.active
            circle = cycle(after)
        except ServiceError as error:
            return error.message
        if circle:
            return f"Circular dependency between resources: [{', '.join(circle)}]"
        steps = Steps(self._engine, self._nested, self._stack, self._run, evaluation)
        succeeded = walk(list(active), after, steps.apply, self._stopped)
        if steps.failures:
            return failure_text(steps.failures)
        if len(succeeded) < len(active):
            return "The operation was cancelled. "
        try:
            outputs = evaluation.outputs()
        except Exception as error:
            return reason_of(error)
        with self._store.lock:
            self._stack.outputs = outputs
        return None

    def commit(self) -> None:
        """Delete what was replaced and what the template no longer has; what resists is left behind."""
        stack = self._stack
        with self._store.lock:
            active = set(self._engine.evaluation(self._stack, stack.current()).active)
            removed = [each for name, each in stack.resources.items() if name not in active]
            replaced = list(stack.replaced)
            children = [
                each for name, each in stack.resources.items() if name in active and each.type_name == STACK_TYPE
            ]
        tasks = [Task(each, self._deleting(each, _kept_on_replacement(stack, each))) for each in replaced]
        tasks += [Task(each, self._deleting(each, _policy(each) in _KEPT)) for each in removed]
        tasks += [Task(each, self._committing(each)) for each in children]
        self._run_tasks(tasks, CLEANUP_ATTEMPTS)
        with self._store.lock:
            stack.replaced.clear()
            for each in removed:
                stack.resources.pop(each.logical_id, None)
            stack.remember()

    def pause_children(self) -> None:
        """The tree has stopped with disable-rollback: children that succeeded do not wait for a decision any more."""
        for each in list(self._stack.resources.values()):
            if each.type_name == STACK_TYPE and each.physical_id is not None:
                self._nested.pause(self._stack, each, self._run)

    def rollback_creation(self) -> str | None:
        """Delete everything that the creation has made. Returns what could not be deleted, or None."""
        return self.delete(in_creation=True)

    def rollback_update(self, skip: Skipped = NOTHING) -> str | None:
        """Take every resource back to the last good state. Returns what could not be taken back, or None."""
        stack, stable = self._stack, self._stack.stable
        if stable is None:
            return "The stack has no state to go back to. "
        failures: list[Failure] = []

        def restore(name: str) -> bool:
            return self._restore(stable.resources[name], skip, failures)

        after = {name: set(each.dependencies) for name, each in stable.resources.items()}
        walk(list(after), after, restore, self._engine.stopping.is_set)
        if failures:
            return failure_text(failures)
        with self._store.lock:
            stack.target, stack.outputs = stable.target, dict(stable.outputs)
        return None

    def clean_rollback(self) -> None:
        """Delete what the failed update has made."""
        stack, stable = self._stack, self._stack.stable
        assert stable is not None
        with self._store.lock:
            made = [each for name, each in stack.resources.items() if name not in stable.resources]
            garbage = list(stack.replaced)
            children = [
                each
                for name, each in stack.resources.items()
                if name in stable.resources and each.type_name == STACK_TYPE
            ]
        tasks = [
            Task(each, self._deleting(each, _policy(each) == "Retain", in_creation=True)) for each in made + garbage
        ]
        tasks += [Task(each, self._cleaning(each)) for each in children]
        self._run_tasks(tasks, CLEANUP_ATTEMPTS)
        with self._store.lock:
            stack.replaced.clear()
            for each in made:
                stack.resources.pop(each.logical_id, None)

    def delete(self, in_creation: bool = False, retain: Iterable[str] = ()) -> str | None:
        """Delete all resources, those that depend on others first; policies are honoured.

        `in_creation` is the rollback of a creation, in which RetainExceptOnCreate does not retain. `retain` names
        resources that are left alone. Returns what could not be deleted, or None.
        """
        stack, kept = self._stack, set(retain)
        if stack.retain_except_on_create and in_creation:
            policies: frozenset[str] = frozenset()
        else:
            policies = frozenset({"Retain"}) if in_creation else _KEPT
        with self._store.lock:
            everything = [*stack.resources.values(), *stack.replaced]
        tasks = [
            Task(each, self._deleting(each, _policy(each) in policies or each.logical_id in kept, in_creation))
            for each in everything
        ]
        gone = self._run_tasks(tasks, 1)
        with self._store.lock:
            for each in gone:
                if stack.resources.get(each.logical_id) is each:
                    stack.gone[each.logical_id] = stack.resources.pop(each.logical_id)
                stack.replaced = [other for other in stack.replaced if other is not each]
            stuck = [each for each in everything if each.status == "DELETE_FAILED"]
            left = [each for each in everything if each not in gone]
        return failure_text([Failure(each.logical_id, "delete") for each in stuck or left]) or None

    def _stopped(self) -> bool:
        return self._run.cancelled or self._engine.stopping.is_set()

    def _run_tasks(self, tasks: list[Task], attempts: int) -> list[Resource]:
        """Carry out tasks against the order of dependencies; returns the resources of those that succeeded."""
        keyed = {f"{task.resource.logical_id}#{index}": task for index, task in enumerate(tasks)}
        by_name: dict[str, set[str]] = {}
        for key, task in keyed.items():
            by_name.setdefault(task.resource.logical_id, set()).add(key)
        uses = {
            key: {other for name in task.resource.dependencies for other in by_name.get(name, ())}
            for key, task in keyed.items()
        }

        def step(key: str) -> bool:
            for attempt in range(attempts):
                if keyed[key].action():
                    return True
                if attempt + 1 < attempts and not self._engine.stopping.is_set():
                    self._engine.clock.sleep(CLEANUP_PAUSE_SECONDS * self._engine.clock.speed)
            # In a cleanup what resists is left behind and must not hold up the rest.
            return attempts > 1

        done = walk(list(keyed), reversed_edges(uses), step, self._engine.stopping.is_set)
        return [keyed[key].resource for key in done]

    def _deleting(self, resource: Resource, kept: bool, in_creation: bool = False) -> Callable[[], bool]:
        return lambda: self._delete_one(resource, kept, in_creation)

    def _committing(self, resource: Resource) -> Callable[[], bool]:
        return lambda: self._nested.commit(self._stack, resource, self._run)

    def _cleaning(self, resource: Resource) -> Callable[[], bool]:
        return lambda: self._nested.clean_rollback(self._stack, resource, self._run)

    def _delete_one(self, resource: Resource, kept: bool, in_creation: bool) -> bool:
        if kept and resource.physical_id is not None:
            self._store.set_resource(self._stack, resource, "DELETE_SKIPPED")
            return True
        if resource.physical_id is None:
            self._store.set_resource(self._stack, resource, "DELETE_COMPLETE")
            return True
        self._store.set_resource(self._stack, resource, "DELETE_IN_PROGRESS")
        self._engine.invoke(Handler.DELETE, resource.type_name)
        try:
            if resource.type_name == STACK_TYPE:
                self._nested.delete(self._stack, resource, self._run, in_creation)
            else:
                context = self._engine.context(self._stack, resource, self._run)
                provider = self._engine.provider(resource.type_name)
                provider.delete(context, resource.physical_id, resource.properties)
        except Exception as error:
            if self._run.forced:
                self._store.set_resource(self._stack, resource, "DELETE_SKIPPED", reason_of(error))
                return True
            self._store.set_resource(self._stack, resource, "DELETE_FAILED", reason_of(error))
            return False
        self._store.set_resource(self._stack, resource, "DELETE_COMPLETE")
        return True

    def _restore(self, old: Resource, skip: Skipped, failures: list[Failure]) -> bool:
        """Bring one resource back to how it was; whether that succeeded."""
        stack, store = self._stack, self._store
        current = stack.resources.get(old.logical_id)
        if (stack.stack_id, old.logical_id) in skip and current is not None:
            current.rollback_failed = False
            store.set_resource(stack, current, "UPDATE_COMPLETE", "Resource was skipped by the caller")
            return True
        if current is None or current.physical_id != old.physical_id:
            with store.lock:
                if current is not None:
                    stack.replaced.append(current)
                stack.replaced = [each for each in stack.replaced if each.physical_id != old.physical_id]
                restored = stack.resources[old.logical_id] = replace(old)
            store.set_resource(stack, restored, "UPDATE_COMPLETE")
            return True
        if not self._touched(current, old):
            current.definition, current.dependencies, current.tried = old.definition, old.dependencies, None
            if current.status.endswith("_FAILED"):
                store.set_resource(stack, current, "UPDATE_COMPLETE")
            return True
        store.set_resource(stack, current, "UPDATE_IN_PROGRESS")
        try:
            self._put_back(current, old, skip)
        except Exception as error:
            with store.lock:
                failures.append(Failure(old.logical_id, "update"))
                current.rollback_failed = True
            store.set_resource(stack, current, "UPDATE_FAILED", reason_of(error))
            return False
        current.rollback_failed = False
        store.set_resource(stack, current, "UPDATE_COMPLETE")
        return True

    def _touched(self, current: Resource, old: Resource) -> bool:
        if current.type_name == STACK_TYPE:
            child = self._nested.child(self._stack, current)
            return child.stable is not None and child.target is not child.stable.target
        return current.tried is not None or current.properties != old.properties or dict(current.tags) != dict(old.tags)

    def _put_back(self, current: Resource, old: Resource, skip: Skipped) -> None:
        assert current.physical_id is not None
        self._engine.invoke(Handler.UPDATE, current.type_name)
        if current.type_name == STACK_TYPE:
            self._nested.rollback(self._stack, current, self._run, skip)
            attributes, ref = old.attributes, old.ref
        else:
            tried = current.tried or current.properties
            current.tags = old.tags
            context = self._engine.context(self._stack, current, self._run, rolls_back=True)
            provider = self._engine.provider(current.type_name)
            made = provider.update(context, current.physical_id, tried, old.properties)
            attributes, ref = made.attributes, made.ref
        with self._store.lock:
            current.properties, current.definition = old.properties, old.definition
            current.attributes, current.ref = attributes, ref
            current.dependencies, current.tried = old.dependencies, None


_KEPT = frozenset({"Retain", "RetainExceptOnCreate"})


def _policy(resource: Resource) -> str:
    return str(resource.definition.get("DeletionPolicy", "Delete"))


def _kept_on_replacement(stack: Stack, old: Resource) -> bool:
    present = stack.resources.get(old.logical_id, old)
    return present.definition.get("UpdateReplacePolicy") == "Retain"
