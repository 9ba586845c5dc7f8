"""Rolls the instances of an Auto Scaling group under its AutoScalingRollingUpdate, as CloudFormation does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.provider import Context, ProviderError, TimedOut
from rehearsal.aws.cloudformation.rolling import Roll, RollingPolicy, Sizes
from rehearsal.aws.cloudformation.signals import Mailbox

ACTIVE_SECONDS = 3600.0
"""How long a rolled group's instances have to come into service (template reference, MinActiveInstancesPercent)."""
_ACTIVE = frozenset({"Pending", "Pending:Wait", "Pending:Proceed", "InService"})


class Rolling:
    """One roll of one group."""

    def __init__(self, context: Context, client: Any, name: str, roll: Roll) -> None:
        self._context = context
        self._client = client
        self._name = name
        self._roll = roll
        self._wanted = self._told = self._silent = 0
        """How many signals there should be by now, how many said failure, and how many never came."""
        self._seen: set[str] = set()
        """The group's instances: who is none of them cannot signal."""

    def run(self, suspended: Collection[str]) -> None:
        """Replace every obsolete instance. Raises ProviderError, and Cancelled; the group is then left as it is.

        `suspended` are the processes that were so before.
        """
        policy, roll = self._roll.policy, self._roll
        if policy.suspended:
            self._client.suspend_processes(AutoScalingGroupName=self._name, ScalingProcesses=list(policy.suspended))
        with self._context.signals() as mailbox:
            self._context.tell(roll.begins)
            self._raise()
            self._wait(mailbox, roll.raised - roll.sizes.desired)
            gone = 0
            for number, batch in enumerate(roll.batches, 1):
                last = number == len(roll.batches)
                gone += len(batch)
                self._wait(mailbox, self._replace(batch, gone, last=last))
        # What others have made of the size meanwhile is overwritten.
        self._client.set_desired_capacity(AutoScalingGroupName=self._name, DesiredCapacity=roll.sizes.desired)
        self._become_active()
        resumed = [each for each in policy.suspended if not (self._context.site.processes_stay and each in suspended)]
        if resumed:
            self._client.resume_processes(AutoScalingGroupName=self._name, ScalingProcesses=resumed)

    def _raise(self) -> None:
        size, sizes = self._roll.raised, self._roll.sizes
        if size == sizes.desired and size in (sizes.smallest, sizes.largest):
            return
        self._context.tell(f"Temporarily setting autoscaling group MinSize and DesiredCapacity to {size}.")
        self._client.update_auto_scaling_group(AutoScalingGroupName=self._name, MinSize=size, DesiredCapacity=size)

    def _replace(self, batch: Collection[str], gone: int, *, last: bool) -> int:
        """Terminate a batch; how many instances come in its place."""
        count = self._roll.replaced(tuple(batch), last=last, instances=len(self._active()))
        named = f"[{','.join(batch)}]"
        self._context.tell(f"Terminating instance(s) {named}; replacing with {count} new instance(s).")
        if last:
            # Below the smallest size Auto Scaling refuses the decrement.
            self._client.update_auto_scaling_group(
                AutoScalingGroupName=self._name, MinSize=self._roll.sizes.smallest, MaxSize=self._roll.sizes.largest
            )
        for number, instance_id in enumerate(batch):
            self._terminate(instance_id, decrement=last and number < len(batch) - count)
        # It is called terminated as soon as the call is accepted: nobody waits for its hooks.
        progress = self._roll.progress(gone)
        self._context.tell(f"Successfully terminated instance(s) {named} (Progress {progress}%).")
        return count

    def _terminate(self, instance_id: str, *, decrement: bool) -> None:
        try:
            self._client.terminate_instance_in_auto_scaling_group(
                InstanceId=instance_id, ShouldDecrementDesiredCapacity=decrement
            )
        except ClientError as error:
            # It has left by itself, and its group has launched another one.
            if error.response["Error"]["Code"] != "ValidationError" or "not found" not in str(error):
                raise

    def _wait(self, mailbox: Mailbox, count: int) -> None:
        """Wait until so many new instances have signalled, or for as long as the policy says."""
        if not count:
            return
        context, policy = self._context, self._roll.policy
        self._wanted += count
        context.tell(self._roll.added(count))
        if not policy.waits:
            until = context.clock.monotonic() + policy.pause_seconds
            context.wait(lambda: context.clock.monotonic() >= until, policy.pause_seconds + 1, "the pause")
            return
        try:
            context.wait(lambda: self._judged(mailbox) >= self._wanted, policy.pause_seconds, "signals")
        except TimedOut:
            missing = self._wanted - self._judged(mailbox)
            self._silent += missing
            context.tell(
                f"Failed to receive {missing} resource signal(s) for the current batch.  Each resource signal timeout "
                "is counted as a FAILURE."
            )
            self._judged(mailbox)

    def _judged(self, mailbox: Mailbox) -> int:
        """How many instances have said how they are, or have had their time.

        Raises ProviderError once too many of them have failed.
        """
        self._seen |= {each["InstanceId"] for each in group(self._client, self._name)["Instances"]}
        said = [status for sender, status in mailbox.received().items() if sender in self._seen]
        told = sum(status != "SUCCESS" for status in said)
        problem = self._roll.problem(len(said) - told, told + self._silent, told)
        if problem:
            raise ProviderError(problem)
        return len(said) + self._silent

    def _become_active(self) -> None:
        policy = self._roll.policy

        def enough() -> bool:
            found = group(self._client, self._name)
            serving = [each for each in found["Instances"] if each["LifecycleState"] == "InService"]
            return len(serving) >= policy.active(int(found["DesiredCapacity"]))

        self._context.wait(
            enough,
            ACTIVE_SECONDS,
            "Group did not stabilize: fewer instances are in service than MinActiveInstancesPercent "
            f"{policy.active_percent}% of its desired capacity",
        )

    def _active(self) -> list[dict[str, Any]]:
        instances = group(self._client, self._name)["Instances"]
        return [each for each in instances if each["LifecycleState"] in _ACTIVE]


def roll_of(context: Context, client: Any, name: str, policy: RollingPolicy) -> Roll | None:
    """The roll that a group needs whose template and subnets are set; None where every instance is as they say."""
    found = group(client, name)
    listed = [each for each in found["Instances"] if not each["LifecycleState"].startswith("Terminating")]
    subnets = _subnets(context, [each["InstanceId"] for each in listed])
    allowed = found["VPCZoneIdentifier"].split(",")
    obsolete = [
        each["InstanceId"]
        for each in listed
        if _version(each) != _version(found) or subnets.get(each["InstanceId"], allowed[0]) not in allowed
    ]
    if not obsolete:
        return None
    sizes = Sizes(found["MinSize"], found["MaxSize"], found["DesiredCapacity"])
    return Roll(policy, sizes, tuple(obsolete))


def find(client: Any, name: str) -> dict[str, Any] | None:
    """A group as Auto Scaling describes it; None where it is gone."""
    found: list[dict[str, Any]] = client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    return found[0] if found else None


def group(client: Any, name: str) -> dict[str, Any]:
    """The same, but raises ProviderError where it is gone."""
    found = find(client, name)
    if found is None:
        raise ProviderError(f"Auto Scaling group {name} does not exist")
    return found


def _version(described: Mapping[str, Any]) -> tuple[str, str]:
    template = described.get("LaunchTemplate") or {}
    return str(template.get("LaunchTemplateId", "")), str(template.get("Version", ""))


def _subnets(context: Context, instance_ids: list[str]) -> Mapping[str, str]:
    if not instance_ids:
        return {}
    pages = context.client("ec2").describe_instances(InstanceIds=instance_ids)["Reservations"]
    return {each["InstanceId"]: each.get("SubnetId", "") for page in pages for each in page["Instances"]}
