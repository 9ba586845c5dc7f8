"""What a control plane that boots says while etcd's disk is not mounted."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from coordination.conditions import etcd_disk_unusable
from coordination.names import ETCD_DEVICE
from userdata.boot.actions import WaitForHuman
from userdata.boot.context import Context, jittered
from userdata.volume.states import UNIT, Broken, Missing, Mounted, Refused, Untold

Unmounted = Missing | Refused | Broken | Untold


def wait_until_mounted(
    context: Context, store: Callable[[WaitForHuman], None], is_needed: Callable[[], bool]
) -> Broken | None:
    """Wait until etcd's disk is mounted; `store` stores the condition meanwhile.

    What is broken is returned where nobody needs this very instance (`is_needed`): another one can take its place.
    """
    with context.stages.stage("etcd-disk") as told:
        while not isinstance(state := context.volume(), Mounted):
            if isinstance(state, Broken) and not is_needed():
                told.say(state.reason)
                return state
            waiting = waiting_for(state, context.instance_id)
            # The row first: for as long as it names the condition, nobody clears it.
            told.wait(waiting.reason, condition=waiting.condition)
            store(waiting)
            context.launch_hook.sleep(jittered(context.image.pace.look))
    return None


def waiting_for(state: Unmounted, instance_id: str) -> WaitForHuman:
    """The condition of an instance whose disk is in this state. It ends by itself once the disk is mounted."""
    replaced = (
        "aws autoscaling terminate-instance-in-auto-scaling-group "
        f"--instance-id {instance_id} --no-should-decrement-desired-capacity"
    )
    match state:
        case Missing(reason):
            what = f"{instance_id} has no disk for etcd: {reason}"
            step = (
                f"Look which volumes it has: aws ec2 describe-volumes --filters Name=attachment.instance-id,Values="
                f"{instance_id}; once its volume is attached as {ETCD_DEVICE} the node goes on. Or have the instance "
                f"replaced: {replaced}"
            )
        case Refused(reason):
            what = f"{instance_id} does not touch the disk that is attached as {ETCD_DEVICE}: {reason}"
            step = (
                "Nothing on it was changed. Save what you need of it; a volume that came with the instance is deleted "
                f"with it. Then have the instance replaced, whose successor gets a new volume: {replaced}"
            )
        case Broken(reason):
            what = f"{instance_id} cannot use etcd's disk: {reason}"
            step = (
                f"On the node: sudo journalctl -u {UNIT}; it is tried again by itself. Where the volume is damaged, "
                f"have the instance replaced: {replaced}"
            )
        case Untold(reason):
            what = f"{instance_id} does not know about etcd's disk: {reason}"
            step = f"On the node: sudo systemctl restart {UNIT}; sudo journalctl -u {UNIT}"
        case _:
            assert_never(state)
    return WaitForHuman(etcd_disk_unusable(instance_id), what, step)
