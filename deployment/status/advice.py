"""Next steps as complete commands, for what a look from outside finds. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from coordination.report.parts import Attention, Part
from deployment import deletable, next_steps
from deployment.stacks import Stack

_SINCE_SECONDS = 1800


@dataclass(frozen=True)
class Advice:
    """What may be typed about the cluster of this root stack."""

    stack: Stack

    def after(self, part: Part, step: str) -> Part:
        """The part, with this next step for whatever in it has none."""
        told = tuple(each if each.next_step else Attention(each.what, step) for each in part.attention)
        return replace(part, attention=told)

    def control_planes(self) -> str:
        """Reads what boots, agents, etcd and API servers wrote last."""
        return self._logs("Services", "ControlPlaneLogGroup")

    def workers(self) -> str:
        """The same of workers."""
        return self._logs("Services", "WorkerLogGroup")

    def function(self) -> str:
        """Reads what the function's passes decided last."""
        return self._logs("Lifecycle", "FunctionLogGroup")

    def silence(self, instances: Collection[str]) -> str:
        """What to do where no agent looks at the cluster any more. `instances` are those of the slots."""
        step = (
            f"Read what the control planes wrote last: {self.control_planes()} . Terminate none of them before you "
            "know that others hold the data (docs/how-to/recover-from-lost-quorum.md)."
        )
        if not instances:
            return step
        if self.stack.busy:
            return f"{step} Reboot none of them while the stack is {self.stack.status}."
        reboot = f"aws ec2 reboot-instances --region {self.stack.region} --instance-ids"
        # A command each: one for all would take the majority from etcd that the others may still have.
        each = " ; or: ".join(f"{reboot} {name}" for name in sorted(instances))
        return f"{step} Data stays over a reboot: reboot one that does not respond, one at a time: {each}"

    def console(self, instance_id: str) -> str:
        """Reads what an instance wrote to its console."""
        named = f"--region {self.stack.region} --instance-id {instance_id}"
        return f"aws ec2 get-console-output {named} --latest --output text"

    def stack_failure(self) -> str | None:
        """What to do about a stack in this status; None where nothing is to be done."""
        stack = self.stack
        match stack.status:
            case "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "DELETE_FAILED":
                return deletable.after_failed_creation(stack) or deletable.command(stack)
            case "UPDATE_ROLLBACK_FAILED":
                return f"finish its rollback: {next_steps.cli(stack, 'continue-update-rollback')}"
            case "CREATE_FAILED" | "UPDATE_FAILED" | "IMPORT_ROLLBACK_FAILED":
                failed = "StackEvents[?ends_with(ResourceStatus, '_FAILED')].[LogicalResourceId, ResourceStatusReason]"
                asked = next_steps.cli(stack, "describe-stack-events", f'--query "{failed}" --output text')
                again = next_steps.of(stack).make("deploy")
                back = (
                    f"; or go back: {next_steps.of(stack).make('rollback')}" if stack.status == "UPDATE_FAILED" else ""
                )
                return f"see what failed: {asked} ; correct it, and deploy again: {again}{back}"
            case _:
                return None

    def _logs(self, layer: str, logical_id: str) -> str:
        """CloudFormation makes the name of the group of the nested stack's name, the logical id, and random letters."""
        region = f"--region {self.stack.region}"
        query = f"logGroups[?contains(logGroupName, '-{logical_id}-')].logGroupName"
        prefix = f"--log-group-name-prefix {self.stack.name}-{layer}-"
        name = f'aws logs describe-log-groups {region} {prefix} --query "{query}" --output text'
        # `tail` would be shorter, and only the second version of the AWS CLI has it.
        since = f"--start-time $(($(date +%s) - {_SINCE_SECONDS}))000"
        told = "--query 'events[].[message]' --output text"
        return f'aws logs filter-log-events {region} {since} {told} --log-group-name "$({name})"'
