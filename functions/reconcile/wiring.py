"""The ports of a real call: AWS through coordination's adapters, CloudFormation's answers through urllib."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from coordination.adapters.clients import KeptClients
from coordination.adapters.instances import ClusterGroups
from coordination.adapters.sizes import SlotSizes
from coordination.adapters.stacks import RootStack
from coordination.adapters.table import ClusterTable
from coordination.adapters.targets import ApiTargets
from functions.reconcile.answers import send
from functions.reconcile.ports import Ports
from functions.reconcile.settings import Settings

KEPT = KeptClients()
"""Lambda calls the same process again and again, with the same credentials; making clients takes a third of a call."""


def connect(settings: Settings, context: Any) -> Ports:
    """Ports for one call; `context` is Lambda's, which knows how long the call may still take."""
    clients, before = KEPT, KEPT.calls.number
    return Ports(
        table=ClusterTable(clients.of("dynamodb"), settings.table),
        groups=ClusterGroups(clients.of("autoscaling"), clients.of("ec2"), settings.cluster_uuid),
        sizes=SlotSizes(lambda: clients.of("autoscaling", tries=1)),
        targets=ApiTargets(lambda: clients.of("elbv2")),
        root=RootStack(clients.of("cloudformation"), settings.cluster_id),
        # arn:<partition>:cloudformation:<region>:…
        send=partial(send, region=settings.cluster_id.split(":")[3], plain_http=settings.plain_http),
        clock=time.time,
        seconds_left=lambda: float(context.get_remaining_time_in_millis()) / 1000,
        calls=lambda: clients.calls.number - before,
    )
