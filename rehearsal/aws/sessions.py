"""Temporary credentials of roles: who got them, for which instance, until when.

The metadata service hands them to instances and Lambda's sandbox to functions; a request that is signed with them acts
with the role's policies. Every other access key is an operator's and may do everything.
"""

from __future__ import annotations

import base64
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from rehearsal.aws.clock import Clock

KEY_PREFIX = "ASIA"
"""How AWS's temporary access keys begin (IAM guide, "Unique identifiers")."""


@dataclass(frozen=True)
class Session:
    """A role's credentials as one instance or function holds them."""

    role_arn: str
    name: str
    """The session's name: the instance's id, or the function's name."""
    access_key_id: str
    secret_access_key: str
    session_token: str
    issued_at: datetime
    expires_at: datetime
    instance_arn: str | None = None
    vpc_id: str | None = None
    """The VPC that the instance is in: `aws:EC2InstanceSourceVPC`."""
    private_ip: str | None = None


class Sessions:
    """All credentials that were handed out by one local AWS."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_key: dict[str, Session] = {}
        self._lock = threading.Lock()

    def issue(
        self,
        role_arn: str,
        name: str,
        seconds: float,
        *,
        instance_arn: str | None = None,
        vpc_id: str | None = None,
        private_ip: str | None = None,
    ) -> Session:
        """New credentials of a role that end after `seconds` of the local AWS's clock."""
        now = self._clock.now()
        session = Session(
            role_arn=role_arn,
            name=name,
            access_key_id=KEY_PREFIX + base64.b32encode(secrets.token_bytes(10)).decode(),
            secret_access_key=secrets.token_urlsafe(30),
            session_token=secrets.token_urlsafe(60),
            issued_at=now,
            expires_at=now + timedelta(seconds=seconds),
            instance_arn=instance_arn,
            vpc_id=vpc_id,
            private_ip=private_ip,
        )
        with self._lock:
            self._by_key[session.access_key_id] = session
        return session

    def find(self, access_key_id: str) -> Session | None:
        """The session of an access key, also when it has expired; None for an operator's key."""
        with self._lock:
            return self._by_key.get(access_key_id)
