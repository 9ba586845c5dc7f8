"""Credentials that act as a role or a user: who got them, for which instance, until when.

The metadata service hands a role's to instances, Lambda's sandbox to functions, STS to people. A request that is signed
with them acts with the policies of that role or user, as one that a service makes for their holder does.
"""

from __future__ import annotations

import base64
import secrets
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from rehearsal.aws.clock import Clock
from rehearsal.aws.resource_facts import NamedDocument

KEY_PREFIX = "ASIA"
"""How AWS's temporary access keys begin (IAM guide, "Unique identifiers")."""


@dataclass(frozen=True)
class Session:
    """Credentials of a role, or of a user."""

    identity_arn: str
    """The ARN of the role, or of the user."""
    name: str
    """The session's name: the instance's id, the function's name, what AssumeRole was given; a user's own name."""
    access_key_id: str
    secret_access_key: str
    session_token: str | None
    """None for a user's own access key."""
    issued_at: datetime
    expires_at: datetime
    instance_arn: str | None = None
    vpc_id: str | None = None
    """The VPC that the instance is in: `aws:EC2InstanceSourceVPC`."""
    private_ip: str | None = None
    closed_to_iam: bool = False
    """Whether a user got them from STS without a second factor: they call nothing of IAM then, and little of STS."""
    policies: tuple[NamedDocument, ...] | None = None
    """Session policies, which only take away; None where there are none."""
    called_via: tuple[str, ...] = ()
    """The services that make requests for the holder, the first one first: `aws:CalledVia`. Empty where the holder
    makes them."""


class Sessions:
    """All temporary credentials that were handed out by one local AWS."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_key: dict[str, Session] = {}
        self._lock = threading.Lock()

    def issue(self, identity_arn: str, name: str, seconds: float, **about: Any) -> Session:
        """New credentials of a role or a user that end after `seconds` of the local AWS's clock.

        `about` are the fields of `Session` that say more: the instance, session policies.
        """
        now = self._clock.now()
        return self._keep(
            Session(
                identity_arn=identity_arn,
                name=name,
                access_key_id=new_key_id(),
                secret_access_key=secrets.token_urlsafe(30),
                session_token=secrets.token_urlsafe(60),
                issued_at=now,
                expires_at=now + timedelta(seconds=seconds),
                **about,
            )
        )

    def forward(self, session: Session, service: str, seconds: float) -> Session:
        """Credentials by which a service, such as `cloudformation.amazonaws.com`, makes requests for their holder.

        They end after `seconds` of the local AWS's clock, however long the holder's own are valid; of the instance that
        the holder runs on they say nothing (IAM guide, "Forward access sessions").
        """
        own = replace(session, instance_arn=None, vpc_id=None, private_ip=None)
        return self._keep(
            replace(
                own,
                access_key_id=new_key_id(),
                secret_access_key=secrets.token_urlsafe(30),
                session_token=secrets.token_urlsafe(60),
                expires_at=self._clock.now() + timedelta(seconds=seconds),
                called_via=(*session.called_via, service),
            )
        )

    def find(self, access_key_id: str) -> Session | None:
        """The session of a temporary access key, also when it has expired; None for any other key."""
        with self._lock:
            return self._by_key.get(access_key_id)

    def _keep(self, session: Session) -> Session:
        with self._lock:
            self._by_key[session.access_key_id] = session
        return session


def new_key_id() -> str:
    """The id of a temporary access key."""
    return KEY_PREFIX + base64.b32encode(secrets.token_bytes(10)).decode()
