"""Zones without room: EC2 starts no instance there while as many run as ran when the zone became full, or none at all.

In a full zone an instance's successor starts only after it has left, as where the last dedicated host is taken. In a
closed one others take the room that it leaves.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from moto.core.utils import get_service_model
from werkzeug.wrappers import Response

from rehearsal.aws.iam.requests import parsing
from rehearsal.aws.protocol import ServiceError, error_response

if TYPE_CHECKING:
    from rehearsal.aws.server import Call, LocalAws

_OCCUPYING = ["pending", "running", "stopping", "shutting-down"]


class Crowding:
    """The full zones of one local AWS."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._lock = threading.Lock()
        self._room: dict[str, int] = {}
        aws.guard(self._guard)

    def crowd_zone(self, zone: str) -> None:
        """No more instances than run in the zone now."""
        running = self._count(zone)
        with self._lock:
            self._room[zone] = running

    def close_zone(self, zone: str) -> None:
        """No more instances, whoever leaves."""
        with self._lock:
            self._room[zone] = 0

    def free_zone(self, zone: str) -> None:
        """The opposite of both."""
        with self._lock:
            self._room.pop(zone, None)

    def _guard(self, call: Call) -> Response | None:
        if call.service != "ec2" or not self._room:
            return None
        asked = parsing.parse(call, self._aws.account_id)
        if asked.operation != "RunInstances":
            return None
        zone = self._zone(asked.parameters)
        with self._lock:
            room = self._room.get(zone)
        if room is None or self._count(zone) < room:
            return None
        # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
        text = (
            f"We currently do not have sufficient capacity in the Availability Zone you requested ({zone}). Our system "
            "will be working on provisioning additional capacity."
        )
        return error_response(get_service_model("ec2"), "ec2", ServiceError("InsufficientInstanceCapacity", text, 500))

    def _zone(self, parameters: Mapping[str, Any]) -> str:
        interfaces = parameters.get("NetworkInterfaces") or [{}]
        subnet = parameters.get("SubnetId") or interfaces[0].get("SubnetId")
        if not subnet:
            return ""
        (found,) = self._aws.client("ec2").describe_subnets(SubnetIds=[subnet])["Subnets"]
        return str(found["AvailabilityZone"])

    def _count(self, zone: str) -> int:
        filters = [
            {"Name": "availability-zone", "Values": [zone]},
            {"Name": "instance-state-name", "Values": _OCCUPYING},
        ]
        pages = self._aws.client("ec2").get_paginator("describe_instances").paginate(Filters=filters)
        return sum(len(reservation["Instances"]) for page in pages for reservation in page["Reservations"])
