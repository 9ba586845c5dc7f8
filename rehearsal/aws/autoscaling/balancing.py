"""Registering instances with a group's target groups through Elastic Load Balancing's public API."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from botocore.exceptions import ClientError

from rehearsal.aws.autoscaling.launching import Clients

LOG = logging.getLogger(__name__)


class TargetGroups:
    """The target groups of one region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def register(self, arns: Iterable[str], instance_id: str) -> None:
        """Make the instance a target. A target group that is gone is logged: an instance serves without it, too."""
        for arn in arns:
            try:
                self._clients("elbv2").register_targets(TargetGroupArn=arn, Targets=[{"Id": instance_id}])
            except ClientError as error:
                LOG.warning("%s is not registered with %s: %s", instance_id, arn, error)

    def deregister(self, arns: Iterable[str], instance_id: str) -> None:
        """Take the instance out; a target group that is gone needs nothing."""
        for arn in arns:
            try:
                self._clients("elbv2").deregister_targets(TargetGroupArn=arn, Targets=[{"Id": instance_id}])
            except ClientError as error:
                LOG.info("%s is not deregistered from %s: %s", instance_id, arn, error)
