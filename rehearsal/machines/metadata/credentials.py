"""The credentials of instances' roles: given by the metadata service, replaced before they end."""

from __future__ import annotations

import threading
from dataclasses import replace

from rehearsal.aws.protocol import partition_of
from rehearsal.aws.server import LocalAws
from rehearsal.aws.sessions import Session
from rehearsal.machines.model import Machine

LIFETIME_SECONDS = 6 * 3600.0
"""How long instance credentials live (seen on EC2; no document promises it)."""
RENEWED_BEFORE_SECONDS = 20 * 60.0
"""New ones are there so long before the old ones end, counted on the instance's clock. AWS promises five minutes at
least (EC2 user guide, "Retrieve security credentials"); botocore keeps what it was given last for up to ten minutes
before it asks again (`InstanceMetadataFetcher._evaluate_expiration`), and would use credentials that ended."""


class Credentials:
    """The current credentials of every instance that asked."""

    def __init__(self, aws: LocalAws, lifetime_seconds: float = LIFETIME_SECONDS) -> None:
        self._aws = aws
        self._lifetime_seconds = lifetime_seconds
        self._current: dict[tuple[str, str], Session] = {}
        self._lock = threading.Lock()

    def of(self, machine: Machine) -> Session:
        """What an instance gets that asks now. ValueError for an instance without a role."""
        if machine.role_arn is None:
            raise ValueError(f"{machine.instance_id} has no role")
        key = (machine.instance_id, machine.role_arn)
        with self._lock:
            session = self._current.get(key)
            if session is None or self._left_seconds(session) < self._renewed_before_seconds:
                session = self._current[key] = self._issue(machine, machine.role_arn)
            return session

    def shown(self, machine: Machine) -> Session:
        """The same with its times as the instance's clock shows them, which runs as fast as real time."""
        session, clock = self.of(machine), self._aws.clock
        return replace(
            session, issued_at=clock.real_time(session.issued_at), expires_at=clock.real_time(session.expires_at)
        )

    @property
    def _renewed_before_seconds(self) -> float:
        # A short lifetime still has to leave room for two sets.
        return min(RENEWED_BEFORE_SECONDS * self._aws.clock.speed, self._lifetime_seconds / 2)

    def _left_seconds(self, session: Session) -> float:
        return (session.expires_at - self._aws.clock.now()).total_seconds()

    def _issue(self, machine: Machine, role_arn: str) -> Session:
        partition = partition_of(machine.region)
        return self._aws.sessions.issue(
            role_arn,
            machine.instance_id,
            self._lifetime_seconds,
            instance_arn=f"arn:{partition}:ec2:{machine.region}:{machine.account_id}:instance/{machine.instance_id}",
            vpc_id=machine.interface.vpc_id,
            private_ip=machine.interface.address,
        )
