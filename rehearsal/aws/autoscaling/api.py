"""The Auto Scaling service: all operations together, one set of groups for each region."""

from __future__ import annotations

import threading
from typing import Any

from rehearsal.aws.autoscaling.api_groups import GroupOperations
from rehearsal.aws.autoscaling.api_hooks import HookOperations
from rehearsal.aws.autoscaling.api_instances import InstanceOperations
from rehearsal.aws.autoscaling.api_tags import TagOperations
from rehearsal.aws.autoscaling.balancing import TargetGroups
from rehearsal.aws.autoscaling.facts import GroupFacts
from rehearsal.aws.autoscaling.launching import Ec2Machines
from rehearsal.aws.autoscaling.worker import Scaling
from rehearsal.aws.resource_facts import GROUPS
from rehearsal.aws.server import LocalAws
from rehearsal.aws.services import events

SERVICE_ROLE = "AWSServiceRoleForAutoScaling"


class AutoScaling(GroupOperations, HookOperations, InstanceOperations, TagOperations):
    """Auto Scaling of the local AWS."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._lock = threading.Lock()
        self._regions: dict[str, Scaling] = {}

    def client(self, service: str, region: str) -> Any:
        return self._aws.client(service, region)

    def in_region(self, region: str) -> Scaling:
        with self._lock:
            if region not in self._regions:
                self._regions[region] = self._new(region)
            return self._regions[region]

    def role_just_made(self, region: str) -> str:
        if not self._aws.site.fresh_account:
            return ""
        iam = self.client("iam", region)
        try:
            iam.get_role(RoleName=SERVICE_ROLE)
        except iam.exceptions.NoSuchEntityException:
            made = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
            return str(made["Role"]["Arn"])
        return ""

    def stop(self) -> None:
        """End the threads of all regions."""
        with self._lock:
            regions = list(self._regions.values())
        for scaling in regions:
            scaling.stop()

    def _new(self, region: str) -> Scaling:
        def client(service: str) -> Any:
            return self._aws.client(service, region)

        def publish(detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
            moment = self._aws.clock.now()
            events.publish(self._aws.account_id, region, "aws.autoscaling", detail_type, detail, resources, moment)

        return Scaling(self._aws.clock, Ec2Machines(client), TargetGroups(client), publish)


def start(aws: LocalAws) -> None:
    """Answer Auto Scaling's requests in this local AWS, and tell IAM of its groups."""
    service = AutoScaling(aws)
    aws.register(service)
    aws.facts.register(GROUPS, GroupFacts(service.in_region))
    aws.on_stop(service.stop)
