"""`make purge`: what a delete kept is removed for good, after the cluster's uuid was typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deployment import clusters, next_steps, retained, stacks
from deployment.aws import Aws
from deployment.refusal import Refusal
from deployment.stacks import Stack

_DELETED = "DELETE_COMPLETE"


def run(
    aws: Aws, cluster: str, *, confirm: str | None, ask: Callable[[str], str], say: Callable[[str], None] = print
) -> None:
    """Removes what is kept of the cluster, given by uuid or by the name of its deleted stack.

    Raises Refusal while its stack exists, when a name is not clear, and when the confirmation is not the uuid.
    """
    uuid = _uuid(aws.client("cloudformation"), cluster)
    survey = retained.survey(aws, uuid)
    for arn in survey.others:
        say(f"  left alone  {arn}")
    if not survey.kept:
        say(f"nothing is kept of the cluster {uuid}")
        return
    for thing in survey.kept:
        say(f"  {thing.kind:<10}  {thing.identity}")
    typed = confirm if confirm is not None else ask(f"Remove all of this for good? Type {uuid}: ")
    if typed.strip() != uuid:
        raise Refusal("nothing was removed: the confirmation is not the cluster's uuid")
    for thing in survey.kept:
        say(f"  {thing.kind:<10}  {thing.identity}: {thing.remove()}")


def _uuid(cloudformation: Any, cluster: str) -> str:
    """The uuid of a cluster whose stack is gone; one older than CloudFormation's memory is given by its uuid."""
    named = [stack for stack in stacks.remembered(cloudformation) if cluster in (stack.name, stack.uuid)]
    alive = [stack for stack in named if stack.status != _DELETED]
    if alive:
        _refuse_foreign(cloudformation, alive[0])
        first = next_steps.of(alive[0]).make("delete")
        raise Refusal(f"the stack {alive[0].name} exists ({alive[0].status}); type first: {first}")
    uuids = sorted({stack.uuid for stack in named})
    if len(uuids) > 1:
        raise Refusal(f"{len(uuids)} deleted stacks were named {cluster}: say which uuid: {', '.join(uuids)}")
    if uuids:
        return uuids[0]
    if len(cluster) == 36 and cluster.count("-") == 4:
        return cluster
    raise Refusal(f"no stack named {cluster} was deleted in the last 90 days: give the cluster's uuid")


def _refuse_foreign(cloudformation: Any, alive: Stack) -> None:
    found = stacks.find(cloudformation, alive.stack_id)
    if found is None:
        return
    try:
        clusters.refuse_foreign(cloudformation, found)
    except Refusal as refusal:
        raise Refusal(
            f"{refusal}; what was kept of a deleted cluster of this name goes by the cluster's uuid"
        ) from refusal
