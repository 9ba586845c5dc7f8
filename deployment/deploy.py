"""`make deploy` and `make diff`: a creation rolls back where it fails, and protects the stack where it does not; an
update is read as a change set before anything happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from coordination.names import COMMIT_TAG
from deployment import (
    built,
    change_sets,
    clusters,
    deletable,
    digests,
    fixed,
    identity,
    next_steps,
    parameters,
    plans,
    service_role,
    stacks,
    templates,
)
from deployment.aws import Aws
from deployment.built import Build
from deployment.change_sets import CAPABILITIES, Order
from deployment.changes import Change
from deployment.events import Follower
from deployment.follow import ended, going_on
from deployment.images import in_use
from deployment.launches import FailedLaunches
from deployment.next_steps import Typed
from deployment.plans import Plan
from deployment.refusal import Refusal
from deployment.stacks import Stack
from deployment.updatable import refuse_unless_updatable
from deployment.update_check import refuse_unless_healthy

# Where an update ends that has failed and was not rolled back.
_STOPPED = "UPDATE_FAILED"


def _nobody(question: str) -> str:
    raise Refusal("there is nobody to ask")


def deploy(
    aws: Aws,
    order: Order,
    *,
    rollback: bool,
    security: bool = False,
    confirmed: bool = False,
    ask: Callable[[str], str] = _nobody,
    say: Callable[[str], None] = print,
) -> bool:
    """Creates or updates the stack and follows it to its end; True when it succeeded.

    An update keeps what it has done when it fails (a later failure must not walk upgraded slots back), unless
    `rollback`. CloudFormation then refuses replacements half-way, so they are refused here first. So is an update that
    opens a policy or a security group, unless `security`; where nodes, pools or administrators go, it asks, unless
    `confirmed`. Raises Refusal, too, for what was not built here, and for what never changes in the life of a cluster.
    """
    cloudformation = aws.client("cloudformation")
    existing = stacks.find(cloudformation, order.stack)
    if existing is None or existing.status == "DELETE_COMPLETE":
        return _create(aws, order, say)
    _refuse_other_stacks(cloudformation, existing, "deploy", order.typed)
    service_role.refuse_other(existing, order.role)
    refuse_unless_updatable(existing)
    if rollback and existing.status == _STOPPED:
        raise Refusal(
            f"{existing.name} is {_STOPPED}, from which no update may roll back; type first: "
            f"{next_steps.of(existing).make('rollback')}"
        )
    build = _build(order)
    clusters.refuse_partition_of_others(aws, build.root, order.typed)
    clusters.refuse_other_cluster(cloudformation, existing, build.root, order.typed)
    # A change set of other zones may fail at what only they cause.
    fixed.refuse(fixed.of_parameters(existing.parameters, order.given))
    with_changes = change_sets.create(aws, order, existing, build.root)
    try:
        plan = change_sets.plan(aws, order, existing, build.root, with_changes)
        if plan.is_empty:
            change_sets.discard(cloudformation, with_changes)
            for line in [f"{order.stack}: no changes", *plan.lines()]:
                say(line)
            return True
        built.refuse_other_changes(aws, with_changes, build)
        for line in plan.lines():
            say(line)
        fixed.refuse(plan.fixed)
        if not rollback:
            _refuse_replacements(plan.changes, existing, order.typed)
        if not security:
            plans.refuse_widenings(plan.opened, plan.lost, order.typed)
        refuse_unless_healthy(aws, existing.stack_id, build.root, plan.changes, say)
        if not confirmed:
            allowed = {"ROLLBACK": rollback, "SECURITY": security, "YES": True}
            agreed = order.typed.make("deploy", **{name: "1" for name, is_allowed in allowed.items() if is_allowed})
            _ask_first(plan, existing, agreed, ask)
    except (Refusal, BotoCoreError, ClientError, KeyboardInterrupt):
        change_sets.discard(cloudformation, with_changes)
        raise
    for line in service_role.told(existing.name, order.role, existing):
        say(line)
    follower = Follower(cloudformation, say, launches=_launches(aws, existing.stack_id, say))
    follower.mark(existing.stack_id)
    in_use.mark(aws, order.given, say)
    with going_on(existing.stack_id):
        cloudformation.execute_change_set(ChangeSetName=with_changes, DisableRollback=not rollback)
        if ended(follower, existing.stack_id, say):
            return _is_built(aws, existing.stack_id, build, say)
        _say_way_out(cloudformation, existing.stack_id, order.typed, say)
    return False


def diff(aws: Aws, order: Order, *, as_json: bool = False, say: Callable[[str], None] = print) -> bool:
    """Tells what `deploy` would change, and leaves nothing behind; True for anything. Raises Refusal."""
    cloudformation = aws.client("cloudformation")
    existing = stacks.find(cloudformation, order.stack)
    if existing is None:
        if order.template.is_file():
            template = templates.load(order.template, order.typed.make("package"))
            clusters.refuse_partition_of_others(aws, template, order.typed)
        plan = Plan(exists=False)
        say(plan.json() if as_json else f"there is no stack {order.stack}; to create it: {order.typed.make('deploy')}")
        return True
    _refuse_other_stacks(cloudformation, existing, "diff", order.typed)
    service_role.refuse_other(existing, order.role)
    refuse_unless_updatable(existing)
    template = templates.load(order.template, order.typed.make("package"))
    clusters.refuse_partition_of_others(aws, template, order.typed)
    clusters.refuse_other_cluster(cloudformation, existing, template, order.typed)
    plan = Plan(fixed=fixed.of_parameters(existing.parameters, order.given))
    if not plan.fixed:
        change_set = change_sets.create(aws, order, existing, template)
        try:
            plan = change_sets.plan(aws, order, existing, template, change_set)
        finally:
            change_sets.discard(cloudformation, change_set)
    if as_json:
        say(plan.json())
        return not plan.is_empty
    for line in [*([f"{order.stack}: no changes"] if plan.is_empty else []), *plan.lines()]:
        say(line)
    return not plan.is_empty


def _ask_first(plan: Plan, existing: Stack, agreed: str, ask: Callable[[str], str]) -> None:
    """Raises Refusal where nodes or administrators go and nobody says yes. `agreed` is what to type instead."""
    going = "; ".join(plan.questions)
    if not going:
        return
    try:
        answer = ask(f"{going}. Type the stack's name to do it: ")
    except Refusal as refusal:
        raise Refusal(f"{going}: {refusal}: {agreed}") from refusal
    if answer.strip() != existing.name:
        raise Refusal(f"{existing.name} is left as it is: the answer was not its name")


def _say_way_out(cloudformation: Any, stack_id: str, typed: Typed, say: Callable[[str], None]) -> None:
    after = stacks.find(cloudformation, stack_id)
    if after is not None and after.status == _STOPPED:
        back = next_steps.of(after).make("rollback")
        say(f"what was done is left done: correct the reason, and {typed.make('deploy')} goes on; to go back: {back}")


def _refuse_other_stacks(cloudformation: Any, existing: Stack, target: str, typed: Typed) -> None:
    clusters.refuse_nested(existing, target, typed)
    clusters.refuse_foreign(cloudformation, existing)


def _create(aws: Aws, order: Order, say: Callable[[str], None]) -> bool:
    cloudformation = aws.client("cloudformation")
    build = _build(order)
    clusters.refuse_partition_of_others(aws, build.root, order.typed)
    given = parameters.for_stack(build.root, order.given)
    # A change set of a stack that is not there yet knows none of the values that its nested stacks hand to each other.
    built.refuse_other_uploads(aws, build)
    for line in service_role.told(order.stack, order.role):
        say(line)
    in_use.mark(aws, order.given, say)
    answer = cloudformation.create_stack(
        StackName=order.stack,
        Parameters=given,
        Capabilities=CAPABILITIES,
        OnFailure="ROLLBACK",
        Tags=[*order.tags, *_commit_tag(build.root)],
        **templates.argument(aws, order.template, order.bucket),
        **service_role.argument(order.role),
    )
    stack_id = answer["StackId"]
    with going_on(stack_id):
        is_made = ended(Follower(cloudformation, say, launches=_launches(aws, stack_id, say)), stack_id, say)
    if is_made:
        _protect(aws, stack_id, say)
        return _is_built(aws, stack_id, build, say)
    after = stacks.find(cloudformation, stack_id)
    left = deletable.after_failed_creation(after) if after is not None else None
    if left is not None:
        say(left)
    return False


def _build(order: Order) -> Build:
    remedy = order.typed.make("package")
    return Build(templates.load(order.template, remedy), digests.load(order.template, remedy))


def _commit_tag(root: templates.Body) -> list[dict[str, str]]:
    """The tag that says which commit created the stack; none where that is not known.

    An update leaves it: CloudFormation hands a changed tag of a stack to every resource below, and each of them would
    be an update of its own, for no reason but another commit. The root's Metadata says which commit came last.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
    """
    made = identity.of(root)
    return [{"Key": COMMIT_TAG, "Value": made.commit}] if made is not None and made.commit else []


def _is_built(aws: Aws, stack_id: str, build: Build, say: Callable[[str], None]) -> bool:
    """Whether the finished stack is what was built; tells what is not.

    Where the bucket keeps no versions, there was a moment between looking at an upload and CloudFormation's reading it.
    """
    try:
        different = built.unlike_built(aws, stack_id, build)
    except (BotoCoreError, ClientError) as error:
        say(f"whether the stack is what was built could not be asked: {error}")
        return False
    for line in different:
        say(f"{line}: take it for hostile, and look at who may write to the bucket")
    return not different


def _protect(aws: Aws, stack_id: str, say: Callable[[str], None]) -> None:
    """Have CloudFormation refuse the stack's deletion until somebody lifts that."""
    cloudformation = aws.client("cloudformation")
    try:
        cloudformation.update_termination_protection(StackName=stack_id, EnableTerminationProtection=True)
    except (BotoCoreError, ClientError) as error:
        # The cluster is there, and works.
        say(f"the stack is not protected against deletion: {error}")


def _launches(aws: Aws, stack_id: str, say: Callable[[str], None]) -> FailedLaunches:
    return FailedLaunches(aws.client("autoscaling"), stacks.uuid_of(stack_id), say)


def _refuse_replacements(planned: Sequence[Change], existing: Stack, typed: Typed) -> None:
    replaced = [change.path for change in planned if change.replaced]
    if not replaced:
        return
    step = typed.make("deploy", ROLLBACK="1")
    if existing.status == _STOPPED:
        step = f"{next_steps.of(existing).make('rollback')} && {step}"
    raise Refusal(
        f"the update would replace {', '.join(replaced)}, which CloudFormation does only when the update may roll "
        f"back; to allow both: {step}"
    )
