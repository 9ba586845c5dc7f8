"""Gathers a look at a cluster. No call that fails hides anything else."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from coordination.adapters.instances import ClusterGroups
from coordination.adapters.table import ClusterTable
from coordination.instances import Groups
from coordination.launches import GroupActivities
from coordination.names import (
    BOOT_FAILURES_ITEM_PREFIX,
    BOOT_ITEM_PREFIX,
    REMOVAL_APPROVAL_ITEM,
    RESTORE_APPROVAL_ITEM,
)
from coordination.outcomes import Reading, Unknown
from coordination.report import table
from coordination.rows import Rows, read
from coordination.stacks import DELETING_STATES
from deployment.aws import Aws
from deployment.stacks import Stack
from deployment.status import finding
from deployment.status.look import Look

_READ = (
    *table.READ,
    BOOT_ITEM_PREFIX,
    BOOT_FAILURES_ITEM_PREFIX,
    REMOVAL_APPROVAL_ITEM,
    RESTORE_APPROVAL_ITEM,
)


@dataclass
class Sources:
    """Where the facts about one cluster come from. `stack` is the root stack as it was found."""

    aws: Aws
    stack: Stack
    now: Callable[[], float] = time.time
    _table: ClusterTable | None = field(default=None, init=False)

    def rows(self) -> Reading[Rows]:
        """The rows of the cluster table. Raises Refusal where the stack is no cluster's."""
        if self._table is None:
            name = finding.table_name(self.aws.client("cloudformation"), self.stack)
            if isinstance(name, Unknown):
                return name
            self._table = ClusterTable(self.aws.client("dynamodb"), name.value)
        return read(self._table, _READ)

    def groups(self) -> Reading[Groups]:
        """The groups of the slots and of the pools."""
        return self._scaling().groups()

    def look(self) -> Look:
        """One look at everything. Raises Refusal where the stack is no cluster's."""
        if self.stack.status in DELETING_STATES:
            return Look(self.now(), self.stack, Unknown("the stack is deleted: it was not read"), self.groups())
        rows, groups = self.rows(), self.groups()
        return Look(self.now(), self.stack, rows, groups, self._activities(groups))

    def _activities(self, groups: Reading[Groups]) -> Mapping[str, Reading[GroupActivities]]:
        if isinstance(groups, Unknown):
            return {}
        found = groups.value
        wanted = {group.name: group.desired for group in found.every}
        for each in found.instances:
            if each.is_in_service and each.group in wanted:
                wanted[each.group] -= 1
        held = {each.group for each in found.instances if not each.is_in_service}
        scaling = self._scaling()
        return {name: scaling.activities(name) for name, missing in wanted.items() if missing > 0 or name in held}

    def _scaling(self) -> ClusterGroups:
        # EC2 is asked nothing here.
        ec2: Any = None
        return ClusterGroups(self.aws.client("autoscaling"), ec2, self.stack.uuid)
