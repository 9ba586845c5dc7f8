"""Operations that change stacks."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.cloudformation.api_base import CloudFormationBase
from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.model import Stack, new_stack_id
from rehearsal.aws.cloudformation.operations import cancel_update
from rehearsal.aws.cloudformation.plan import Planner
from rehearsal.aws.cloudformation.requests import check_stack_name, target_of
from rehearsal.aws.cloudformation.skipping import skipped
from rehearsal.aws.protocol import RequestContext, ServiceError

UPDATABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
STOPPED = frozenset({"CREATE_FAILED", "UPDATE_FAILED"})
"""Where --disable-rollback leaves a stack."""
NOT_DELETABLE = frozenset(
    "UPDATE_IN_PROGRESS UPDATE_COMPLETE_CLEANUP_IN_PROGRESS UPDATE_ROLLBACK_IN_PROGRESS "
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS".split()
)
FORCED = "FORCE_DELETE_STACK"
DELETION_MODES = ("STANDARD", FORCED)


class StackOperations(CloudFormationBase):
    """Create, update, delete, roll back, and signal."""

    def create_stack(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """Create a stack."""
        if request.get("DisableRollback") and request.get("OnFailure"):
            raise ValidationError("You can specify either DisableRollback or OnFailure, but not both.")
        stack = self.new_stack(context, request["StackName"])
        acting = self.acting(context, request.get("RoleARN"))
        target = target_of(acting.engine, self.reading(context), context, request, None)
        stack.on_failure = "DO_NOTHING" if request.get("DisableRollback") else request.get("OnFailure") or "ROLLBACK"
        stack.disable_rollback = stack.on_failure == "DO_NOTHING"
        stack.timeout_minutes = request.get("TimeoutInMinutes")
        stack.termination_protection = bool(request.get("EnableTerminationProtection"))
        stack.retain_except_on_create = bool(request.get("RetainExceptOnCreate"))
        stack.role_arn = request.get("RoleARN")
        with self.store.lock:
            self.refuse_existing(context, stack.name)
            self.store.add(stack)
            acting.create(stack, target, request.get("ClientRequestToken"))
        return {"StackId": stack.stack_id}

    def update_stack(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """Update a stack."""
        stack = self.store.get(context.region, request["StackName"], "Stack [{}] does not exist")
        disable_rollback = bool(request.get("DisableRollback"))
        self.refuse_update(stack, disable_rollback)
        acting = self.acting(context, request.get("RoleARN") or stack.role_arn)
        target = target_of(acting.engine, self.reading(context), context, request, stack)
        if stack.status not in STOPPED:
            plan = Planner(acting.engine, acting.nested, False).plan(stack, target)
            if plan.empty:
                raise ValidationError("No updates are to be performed.")
        with self.store.lock:
            self.refuse_update(stack, disable_rollback)
            stack.role_arn = request.get("RoleARN") or stack.role_arn
            acting.update(stack, target, request.get("ClientRequestToken"), disable_rollback)
        return {"StackId": stack.stack_id}

    def delete_stack(self, context: RequestContext, request: dict[str, Any]) -> None:
        """Delete a stack; one that does not exist is a success."""
        stack = self.store.find(context.region, request["StackName"])
        if stack is None:
            return
        retain = frozenset(request.get("RetainResources") or ())
        mode = request.get("DeletionMode") or DELETION_MODES[0]
        if mode not in DELETION_MODES:
            raise ValidationError(
                f"1 validation error detected: Value '{mode}' at 'deletionMode' failed to satisfy constraint: Member "
                f"must satisfy enum value set: [{', '.join(DELETION_MODES)}]"
            )
        acting = self.acting(context, request.get("RoleARN") or stack.role_arn)
        with self.store.lock:
            if stack.status in {"DELETE_IN_PROGRESS", "DELETE_COMPLETE"}:
                return
            if stack.termination_protection:
                raise ValidationError(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
            if stack.status in NOT_DELETABLE:
                raise ValidationError(f"Stack [{stack.stack_id}] cannot be deleted while in status {stack.status}")
            if retain and stack.status != "DELETE_FAILED":
                raise ValidationError(
                    f"Invalid operation on stack [{stack.stack_id}]. When you delete a stack, specify which resources "
                    "to retain only when the stack is in the DELETE_FAILED state."
                )
            if mode == FORCED and stack.status != "DELETE_FAILED":
                raise ValidationError(f"Stack [{stack.stack_id}] can be force deleted only in the DELETE_FAILED state")
            unknown = sorted(retain - set(stack.resources))
            if unknown:
                raise ValidationError(f"The following resource(s) to retain do not exist: [{', '.join(unknown)}]")
            self._forget_reserved(stack)
            acting.delete(stack, request.get("ClientRequestToken"), retain, forced=mode == FORCED)

    def rollback_stack(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """Take a stack that stopped in a failure back."""
        stack = self.store.get(context.region, request["StackName"], "Stack [{}] does not exist")
        acting = self.acting(context, request.get("RoleARN") or stack.role_arn)
        with self.store.lock:
            if stack.status not in STOPPED:
                raise ValidationError(f"Stack:{stack.stack_id} is in {stack.status} state and can not be rolled back.")
            acting.roll_back(stack, request.get("ClientRequestToken"))
        return {"StackId": stack.stack_id}

    def continue_update_rollback(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """Try a failed rollback again, without some resources if need be."""
        stack = self.store.get(context.region, request["StackName"], "Stack [{}] does not exist")
        acting = self.acting(context, request.get("RoleARN") or stack.role_arn)
        with self.store.lock:
            if stack.parent_id is not None:
                raise ValidationError(f"Stack [{stack.name}] is nested; continue the rollback of its root stack")
            if stack.status != "UPDATE_ROLLBACK_FAILED":
                raise ValidationError(
                    f"Stack:{stack.stack_id} is in {stack.status} state and can not continue rolling back."
                )
            nested = [each for each in self.store.in_region(stack.region) if each.root_id == stack.stack_id]
            skip = skipped(stack, nested, request.get("ResourcesToSkip") or ())
            acting.continue_rollback(stack, request.get("ClientRequestToken"), skip)
        return {}

    def cancel_update_stack(self, context: RequestContext, request: dict[str, Any]) -> None:
        """Stop an update and roll it back."""
        stack = self.store.get(context.region, request["StackName"], "Stack [{}] does not exist")
        with self.store.lock:
            if stack.status != "UPDATE_IN_PROGRESS":
                raise ValidationError("CancelUpdateStack cannot be called from current stack status")
            cancel_update(stack)

    def update_termination_protection(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """Protect a stack against deletion, or no longer."""
        stack = self.store.get(context.region, request["StackName"], "Stack [{}] does not exist")
        if stack.parent_id is not None:
            raise ValidationError(
                f"Termination protection cannot be changed for nested stack [{stack.name}]; change its root stack's"
            )
        stack.termination_protection = request["EnableTerminationProtection"]
        return {"StackId": stack.stack_id}

    def signal_resource(self, context: RequestContext, request: dict[str, Any]) -> None:
        """Hand a signal to a resource that waits for one."""
        stack = self.store.get(context.region, request["StackName"], "Stack '{}' does not exist")
        name, sender, status = request["LogicalResourceId"], request["UniqueId"], request["Status"]
        if status not in ("SUCCESS", "FAILURE"):
            raise ValidationError(
                f"1 validation error detected: Value '{status}' at 'status' failed to satisfy constraint: Member must "
                "satisfy enum value set: [FAILURE, SUCCESS]"
            )
        with self.store.lock:
            if not stack.in_progress:
                raise ValidationError(f"Stack {stack.stack_id} is in {stack.status} state and cannot be signaled")
            resource = stack.resources.get(name)
            if resource is None:
                raise ValidationError(f"Resource {name} does not exist for stack {stack.name}")
            mailbox = self.engine.signals.find(stack.stack_id, name)
            if mailbox is None:
                raise ValidationError(f"Resource {name} is in {resource.status} state and cannot be signaled")
            if mailbox.receive(sender, status):
                text = f"Received {status} signal with UniqueId {sender}"
                self.store.set_resource(stack, resource, resource.status, text)

    def new_stack(self, context: RequestContext, name: str) -> Stack:
        """A stack that is not kept yet. Raises the error for a name that is taken or not allowed."""
        check_stack_name(name)
        self.refuse_existing(context, name)
        stack_id = new_stack_id(context.region, context.account_id, context.partition, name)
        now = self.engine.clock.now()
        return Stack(stack_id, name, context.region, context.account_id, context.partition, now, "REVIEW_IN_PROGRESS")

    def refuse_existing(self, context: RequestContext, name: str) -> None:
        """Raise the error for a stack name that is taken."""
        if self.store.find(context.region, name) is not None:
            raise ServiceError("AlreadyExistsException", f"Stack [{name}] already exists", 400)

    def refuse_update(self, stack: Stack, disable_rollback: bool) -> None:
        """Raise the error for a stack whose status allows no update."""
        if stack.status in STOPPED and disable_rollback:
            return
        if stack.status in STOPPED:
            raise ValidationError(
                f"This stack is currently in a non-terminal [{stack.status}] state. To update the stack from this "
                "state, please use the disable-rollback parameter with update-stack API. To rollback to the last known "
                "good state, use the rollback-stack API"
            )
        if stack.status not in UPDATABLE:
            raise ValidationError(f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")

    def _forget_reserved(self, stack: Stack) -> None:
        """Drop what change sets have prepared for a stack that is going away."""
        self.change_sets.forget_stack(stack)
        for child in self.store.in_region(stack.region):
            if child.parent_id == stack.stack_id and child.status == "REVIEW_IN_PROGRESS":
                self.store.forget(child)
