"""What IAM has to know of EC2's resources: their tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws


class Ec2Resources:
    """moto's EC2 resources as IAM asks about them."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def tags(self, region: str, resource_id: str) -> Mapping[str, str]:
        """A resource's tags; empty where there is no such resource."""
        from moto.ec2.models import ec2_backends

        with self._aws.lock:
            return dict(ec2_backends[self._aws.account_id][region].tags.get(resource_id, {}))
