"""What a team does with its cluster on the second day by the catalog's service actions, and a played agent's part."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from coordination.adapters.table import ClusterTable
from coordination.members import Member, MemberState
from coordination.names import CLUSTER_TAG, MEMBER_ITEM_PREFIX, OBSERVATION_ITEM, OPERATION_ITEM, SLOT_TAG
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.operations import OperationOutcome, end, operation
from coordination.outcomes import Done, Known
from coordination.record import ClusterRecord, Phase
from tests.catalog_team import REPLACE, Team
from tests.integration.harness import LocalAwsHarness, wait_for

SLOT = "1"


class PlayedAgent:
    """The leading agent of a cluster without nodes: every instance that serves a slot is a voter of etcd, and whichever
    member the function asks to be removed is."""

    def __init__(self, admin: LocalAwsHarness, stack_id: str, table: str) -> None:
        self._scaling = admin.client("autoscaling")
        self._stack_id = stack_id
        self.table = ClusterTable(admin.client("dynamodb"), table)
        self.removes = threading.Event()
        """Set once it is to carry out what it is asked for."""
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> PlayedAgent:
        assert self.table.put(ClusterRecord(self._stack_id, Phase.READY, 1, etcd_cluster_id="abc").item(), {}) == Done()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """As before: no cluster was ever founded."""
        self._ends.set()
        self._thread.join()
        for key in (OBSERVATION_ITEM, *self.members(), "cluster"):
            self.table.delete(key, {})

    def slots(self) -> dict[str, str]:
        """The instance in service of each slot that has exactly one."""
        return {
            slot: serving[0]
            for group in self._groups()
            for slot in [each["Value"] for each in group["Tags"] if each["Key"] == SLOT_TAG]
            if len(serving := [i["InstanceId"] for i in group["Instances"] if i["LifecycleState"] == "InService"]) == 1
        }

    def members(self) -> list[str]:
        found = self.table.items([MEMBER_ITEM_PREFIX])
        assert isinstance(found, Known)
        return [str(each["Id"]) for each in found.value]

    def _groups(self) -> list[dict[str, Any]]:
        uuid = self._stack_id.rpartition("/")[2]
        chosen = [{"Name": f"tag:{CLUSTER_TAG}", "Values": [uuid]}, {"Name": "tag-key", "Values": [SLOT_TAG]}]
        found: list[dict[str, Any]] = self._scaling.describe_auto_scaling_groups(Filters=chosen)["AutoScalingGroups"]
        return found

    def _run(self) -> None:
        while not self._ends.wait(0.5):
            self._step()

    def _step(self) -> None:
        for slot, name in self.slots().items():
            row = Member(name, 1, MemberState.VOTER, slot=slot, etcd_member_id=f"e{name}")
            self.table.put(row.item(), {"Id": None})
        asked = self.table.get(OPERATION_ITEM) if self.removes.is_set() else Known(None)
        if isinstance(asked, Known) and asked.value is not None and "Outcome" not in asked.value:
            wanted = operation(asked.value)
            self.table.update(f"{MEMBER_ITEM_PREFIX}{wanted.target_instance}", {"State": "removed"}, {})
            self.table.apply(end(wanted, OperationOutcome.DONE, "", int(time.time())))
        rows = self.table.items([MEMBER_ITEM_PREFIX])
        assert isinstance(rows, Known)
        voters = [str(each["Id"]).removeprefix(MEMBER_ITEM_PREFIX) for each in rows.value if each["State"] == "voter"]
        seen = tuple(SeenMember(f"e{name}", name, learner=False, problem="") for name in voters)
        self.table.put(ClusterObservation(int(time.time()), "i-0", 1, members=seen).item(), {})


def replace_a_slot(admin: LocalAwsHarness, team: Team, outputs: Mapping[str, str]) -> None:
    """The page's section on the second day: another instance takes the place of a slot's, and nobody else may that."""
    words = team.replacing(outputs["TableName"])

    def execute() -> str:
        return team.begin(REPLACE, **words)

    assert team.failed(execute(), "the action") == "refused: no cluster is ready"
    stack_id = (
        f"arn:aws:cloudformation:us-east-1:123456789012:stack/SC-123456789012-{words['pp']}/{outputs['ClusterUuid']}"
    )
    with PlayedAgent(admin, stack_id, outputs["TableName"]) as agent:
        before = agent.slots()
        wait_for(lambda: len(agent.members()) == len(before), "the agent to see every slot")
        first = execute()
        wait_for(lambda: agent.slots().get(SLOT) != before[SLOT], "the instance to leave")
        assert team.failed(execute(), "the second action") == f"refused: another replacement is running, of slot {SLOT}"
        agent.removes.set()
        team.followed(first, "the action")
        after = agent.slots()
        assert {slot for slot in before if before[slot] != after[slot]} == {SLOT}
    with pytest.raises(ClientError, match="not authorized to perform: autoscaling:TerminateInstance"):
        team.client("autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=after[SLOT], ShouldDecrementDesiredCapacity=False
        )
