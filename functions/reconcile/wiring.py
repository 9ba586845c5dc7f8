"""The ports of a real call: AWS through coordination's adapters, CloudFormation's answers through urllib."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from coordination.adapters.clients import Calls, client
from coordination.adapters.instances import ClusterGroups
from coordination.adapters.sizes import SlotSizes
from coordination.adapters.stacks import RootStack
from coordination.adapters.table import ClusterTable
from coordination.adapters.targets import ApiTargets
from functions.reconcile.answers import send
from functions.reconcile.ports import Ports
from functions.reconcile.settings import Settings


def connect(settings: Settings, context: Any) -> Ports:
    """Ports for one call; `context` is Lambda's, which knows how long the call may still take."""
    calls = Calls()
    counted = partial(client, calls=calls)
    return Ports(
        table=ClusterTable(counted("dynamodb"), settings.table),
        groups=ClusterGroups(counted("autoscaling"), counted("ec2"), settings.cluster_uuid),
        sizes=SlotSizes(lambda: counted("autoscaling", tries=1)),
        targets=ApiTargets(lambda: counted("elbv2")),
        root=RootStack(counted("cloudformation"), settings.cluster_id),
        send=send,
        clock=time.time,
        seconds_left=lambda: float(context.get_remaining_time_in_millis()) / 1000,
        calls=lambda: calls.number,
    )
