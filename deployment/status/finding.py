"""From a stack's name to the root stack of a cluster, and to its table."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from coordination.adapters.errors import AWS_ERRORS, unknown
from coordination.names import CLUSTER_TAG
from coordination.outcomes import Known, NoTable, Reading, Unknown
from deployment import aws, clusters, next_steps, stacks
from deployment.refusal import Refusal
from deployment.stacks import Stack

# Logical ids: of the layer in the root that owns the table, and of the table there; and the root's output.
_DATABASE = "Database"
_TABLE = "Table"
_OUTPUT = "TableName"
_NO_TABLE_YET = "there is no cluster table yet"
_NOTHING_YET = "REVIEW_IN_PROGRESS"
_BEING_MADE = frozenset({_NOTHING_YET, "CREATE_IN_PROGRESS", "CREATE_FAILED"})
_DELETED = "DELETE_COMPLETE"


def root_stack(cloudformation: Any, name: str) -> Stack:
    """The root stack of a cluster. Raises Refusal, with a line that says what is there instead, and ClientError."""
    stack = stacks.find(cloudformation, name)
    if stack is None:
        raise Refusal(f"there is no stack {name}")
    if stack.status == _DELETED:
        purge = next_steps.purge(stack.uuid, stack.region)
        raise Refusal(f"the stack {stack.name} was deleted; what it kept goes with: {purge}")
    if stack.status == _NOTHING_YET:
        raise Refusal(f"nothing was made of the stack {stack.name} yet: its change set waits to be executed")
    clusters.refuse_nested(stack, "status")
    clusters.refuse_outputs_of_others(stack)
    return stack


def table_name(cloudformation: Any, stack: Stack) -> Reading[str]:
    """The name of the cluster table. Raises Refusal where the stack is no cluster's.

    The output is there once the root is complete; before that the nested stack is asked, and NoTable is the answer
    while there is none.
    """
    outputs = dict(stack.outputs)
    if outputs.get(_OUTPUT):
        return Known(outputs[_OUTPUT])
    found = _physical_id(cloudformation, stack.stack_id, _DATABASE)
    if isinstance(found, Unknown):
        return found
    if found.value is None:
        if stack.status in _BEING_MADE:
            return NoTable(_NO_TABLE_YET)
        raise Refusal(
            f"the stack {stack.name} is no cluster of this project: it has no resource {_DATABASE}. "
            f"Clusters are the root stacks whose groups have the tag {CLUSTER_TAG}"
        )
    table = _physical_id(cloudformation, found.value, _TABLE)
    if isinstance(table, Unknown):
        return table
    return NoTable(_NO_TABLE_YET) if table.value is None else Known(table.value)


def _physical_id(cloudformation: Any, stack_id: str, logical_id: str) -> Reading[str | None]:
    """The physical id of a resource; None where the stack has none, or has not made it yet."""
    try:
        found = cloudformation.describe_stack_resource(StackName=stack_id, LogicalResourceId=logical_id)
    except ClientError as error:
        # There is no error code of its own for a resource that a stack does not have.
        if aws.code(error) == "ValidationError" and "does not exist" in aws.message(error):
            return Known(None)
        return unknown("DescribeStackResource", error)
    except AWS_ERRORS as error:
        return unknown("DescribeStackResource", error)
    return Known(str(found["StackResourceDetail"].get("PhysicalResourceId") or "") or None)
