"""Operations on change sets."""

from __future__ import annotations

import re
from typing import Any

from rehearsal.aws.cloudformation.api_stacks import STOPPED, UPDATABLE, StackOperations
from rehearsal.aws.cloudformation.change_sets import ChangeSet, new_change_set_id
from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.model import Stack
from rehearsal.aws.cloudformation.requests import target_of
from rehearsal.aws.cloudformation.views import change_set_shown, change_set_summary, page, without_absent
from rehearsal.aws.protocol import RequestContext, ServiceError

NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")


class ChangeSetOperations(StackOperations):
    """Create, describe, execute and delete change sets."""

    def create_change_set(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """Work out what a template would change, or what a new stack would be."""
        name, kind = request["ChangeSetName"], request.get("ChangeSetType") or "UPDATE"
        if not NAME.fullmatch(name):
            raise ValidationError(
                f"1 validation error detected: Value '{name}' at 'changeSetName' failed to satisfy constraint: Member "
                f"must satisfy regular expression pattern: {NAME.pattern}"
            )
        stack = self.store.find(context.region, request["StackName"])
        if kind == "CREATE":
            stack = self._under_review(context, request, stack)
        elif kind == "UPDATE":
            stack = self._updatable(request, stack)
        else:
            raise ValidationError(f"ChangeSetType {kind} is not supported by the local AWS; allowed: CREATE, UPDATE")
        if any(each.name == name for each in self.change_sets.of_stack(stack)):
            raise ServiceError("AlreadyExistsException", f"ChangeSet {name} already exists", 400)
        acting = self.acting(context, request.get("RoleARN") or stack.role_arn)
        on_failure = request.get("OnStackFailure")
        if on_failure == "DELETE" and kind == "UPDATE":
            raise ValidationError("OnStackFailure DELETE is only possible for a change set of type CREATE")
        change_set = ChangeSet(
            new_change_set_id(stack, name),
            name,
            stack,
            kind,
            target_of(acting.engine, self.reading(context), context, request, stack if kind == "UPDATE" else None),
            self.engine.clock.now(),
            description=request.get("Description"),
            include_nested=bool(request.get("IncludeNestedStacks")),
            on_stack_failure=on_failure,
            role_arn=request.get("RoleARN"),
        )
        with self.store.lock:
            if kind == "CREATE" and self.store.find(context.region, stack.name) is None:
                self.store.add(stack)
                self.store.set_status(stack, "REVIEW_IN_PROGRESS", "User Initiated")
            self.change_sets.create(change_set, acting)
        return {"Id": change_set.change_set_id, "StackId": stack.stack_id}

    def describe_change_set(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """A change set with a page of its changes."""
        change_set = self._find(context, request)
        self.hold(context, change_set)
        with self.store.lock:
            shown = change_set_shown(change_set, bool(request.get("IncludePropertyValues")))
        shown["Changes"], token = page(shown["Changes"], request.get("NextToken"))
        return without_absent(shown | {"NextToken": token})

    def list_change_sets(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """The change sets of a stack."""
        stack = self.store.get(context.region, request["StackName"], "Stack [{}] does not exist")
        shown, token = page(self.change_sets.of_stack(stack), request.get("NextToken"))
        return without_absent({"Summaries": [change_set_summary(each) for each in shown], "NextToken": token})

    def execute_change_set(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """Carry a change set out."""
        change_set = self._find(context, request)
        disable_rollback = bool(request.get("DisableRollback"))
        if disable_rollback and change_set.on_stack_failure:
            raise ValidationError("You can specify either DisableRollback or OnStackFailure, but not both.")
        disable_rollback = disable_rollback or change_set.on_stack_failure == "DO_NOTHING"
        acting = self.acting(context, change_set.role_arn or change_set.stack.role_arn)
        with self.store.lock:
            if change_set.kind == "UPDATE" and change_set.execution_status == "AVAILABLE":
                self.refuse_update(change_set.stack, disable_rollback)
            self.change_sets.execute(change_set, acting, request.get("ClientRequestToken"), disable_rollback)
        return {}

    def delete_change_set(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """Drop a change set."""
        try:
            change_set = self._find(context, request)
        except ServiceError as error:
            if error.code == "ChangeSetNotFound":
                return {}
            raise
        if change_set.status in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
            raise ServiceError(
                "InvalidChangeSetStatus",
                f"ChangeSet [{change_set.change_set_id}] cannot be deleted in its current status of "
                f"[{change_set.status}]",
                400,
            )
        self.change_sets.delete(change_set)
        return {}

    def _find(self, context: RequestContext, request: dict[str, Any]) -> ChangeSet:
        stack = None
        if request.get("StackName"):
            stack = self.store.get(context.region, request["StackName"], "Stack [{}] does not exist")
        return self.change_sets.find(context.region, request["ChangeSetName"], stack)

    def _under_review(self, context: RequestContext, request: dict[str, Any], stack: Stack | None) -> Stack:
        if stack is None:
            return self.new_stack(context, request["StackName"])
        if stack.status != "REVIEW_IN_PROGRESS":
            raise ValidationError(
                f"Stack [{stack.name}] already exists and cannot be created again with the changeSet "
                f"[{request['ChangeSetName']}]."
            )
        return stack

    def _updatable(self, request: dict[str, Any], stack: Stack | None) -> Stack:
        if stack is None:
            raise ValidationError(f"Stack [{request['StackName']}] does not exist")
        if stack.status not in UPDATABLE | STOPPED:
            raise ValidationError(f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")
        return stack
