"""`access#<userid>#<arn>#<group>#<number>`: a person asks for a certificate, and the leading agent's answer to him.

The rows have a table of their own, the access table. The key proves who asks. IAM lets a person write keys with his own
`aws:userid` and `aws:PrincipalArn` alone, by the policy that allows it and by the table's own, which denies everything
else to everybody (generator/operators.py). The answer replaces the request. Certificates are no secret: the key stays
where it was made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from coordination.fields import Malformed, as_number, one_of, text, whole_number
from coordination.names import ACCESS_ITEM_PREFIX, TABLE_KEY, AccessGroup, access_item
from coordination.outcomes import Item, Reading
from coordination.ports import TableWriter
from coordination.writes import Value, as_item

VALID_SECONDS = 600
"""A request ends after so long, and so does an answer: then its row is deleted."""
MOST_OPEN = 5
"""Requests of one person that wait at the same time."""
LARGEST_ITEM = 4096
"""Characters of a request's row: its key, and the certificate signing request in PEM."""
SHORTEST_SECONDS, LONGEST_SECONDS = 600, 24 * 3600
"""How long a certificate may be asked for. The API server signs none for less than ten minutes
(https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/certificate-signing-request-v1/)."""
EARLY_SECONDS = 60
"""So far may the clock of whoever asks be ahead."""

_ROLE = re.compile(r"arn:([a-z-]+):iam::(\d{12}):role/(?:[!-~]+/)?([^/]+)")
_USER = re.compile(r"arn:[a-z-]+:iam::\d{12}:user/[!-~]+")


class Refusal(StrEnum):
    """Why a request is refused. The words are for programs; an answer's reason is for people."""

    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"
    EXPIRED = "expired"
    EARLY = "early"
    """Its time is yet to come: somebody's clock is wrong."""
    REPLAYED = "replayed"
    """A certificate was given for this very key before."""
    NOT_LISTED = "not-listed"
    """The setting names the principal in no group."""
    GROUP_NOT_GRANTED = "group-not-granted"
    LIFETIME = "lifetime"
    WRONG_SUBJECT = "wrong-subject"
    NOT_SIGNED = "not-signed"
    """The API server does not sign it."""


@dataclass(frozen=True)
class Requester:
    """Who asks, as the key of the row proves it."""

    user_id: str
    """IAM's `aws:userid`: the unique id of a user, or of a role with the name of its session after a colon."""
    principal_arn: str
    """IAM's `aws:PrincipalArn`: the ARN of the user, or of the role."""

    @property
    def name(self) -> str:
        """The user in Kubernetes, as CloudTrail names the same identity: the user's ARN, or that of the session.

        Raises Malformed where it is neither a user nor a role.
        """
        if _USER.fullmatch(self.principal_arn):
            return self.principal_arn
        found = _ROLE.fullmatch(self.principal_arn)
        _, _, session = self.user_id.partition(":")
        if found is None or not session:
            raise Malformed(f"{self.principal_arn[:80]!r} is neither a user nor a role with a session")
        partition, account, role = found.groups()
        return f"arn:{partition}:sts::{account}:assumed-role/{role}/{session}"


@dataclass(frozen=True)
class AccessRequest:
    """What somebody asks for."""

    requester: Requester
    group: AccessGroup
    number: str
    """What tells the requests of one person apart."""
    request: str
    """The certificate signing request, in PEM."""
    seconds: int
    """For how long the certificate is to be valid."""
    requested_at: int
    """By the clock of whoever asks, in seconds since 1970."""

    @property
    def item_id(self) -> str:
        """The item's key."""
        return access_item(self.requester.user_id, self.requester.principal_arn, self.group, self.number)

    def item(self) -> Item:
        """The item that stores it."""
        fields: dict[str, Value] = {"Request": self.request, "Seconds": self.seconds, "RequestedAt": self.requested_at}
        return as_item(self.item_id, fields)


@dataclass(frozen=True)
class AccessGranted:
    """The answer to a request that was granted."""

    certificate: str
    authority: str
    """The bundle of the cluster's certificate authority, in PEM."""
    answered_at: int

    def item(self, item_id: str) -> Item:
        """The item that stores it."""
        fields: dict[str, Value] = {
            "Certificate": self.certificate,
            "Authority": self.authority,
            "AnsweredAt": self.answered_at,
        }
        return as_item(item_id, fields)


@dataclass(frozen=True)
class AccessRefused:
    """The answer to one that was not."""

    refusal: Refusal
    reason: str
    answered_at: int

    def item(self, item_id: str) -> Item:
        """The item that stores it."""
        fields: dict[str, Value] = {
            "Refusal": self.refusal.value,
            "Reason": self.reason,
            "AnsweredAt": self.answered_at,
        }
        return as_item(item_id, fields)


Answer: TypeAlias = AccessGranted | AccessRefused


def access_request(item: Item) -> AccessRequest:
    """The request that `item` holds. Raises Malformed."""
    requester, group, number = _key(text(item, TABLE_KEY))
    return AccessRequest(
        requester,
        group,
        number,
        request=text(item, "Request"),
        seconds=whole_number(item, "Seconds"),
        requested_at=whole_number(item, "RequestedAt"),
    )


@dataclass(frozen=True)
class Outline:
    """What of a row tells whose turn it is. Whoever asks has written it, so it may say anything."""

    item_id: str
    requested_at: int | None
    """None where it is no time."""
    is_answered: bool
    """Whether it holds an answer, as far as it says so itself."""
    answered_at: int | None

    @property
    def requester(self) -> Requester:
        """Who has written the row: the part of its key that IAM has checked."""
        user_id, _, rest = self.item_id.removeprefix(ACCESS_ITEM_PREFIX).partition("#")
        return Requester(user_id, rest.partition("#")[0])

    @property
    def as_read(self) -> Mapping[str, object]:
        """What a write is conditional on: the row is there, and holds no other request or answer."""
        times = {"RequestedAt": self.requested_at, "AnsweredAt": self.answered_at}
        return {TABLE_KEY: self.item_id, **{name: value for name, value in times.items() if value is not None}}


@dataclass(frozen=True)
class OutlinePage:
    """Some rows, and the key behind which the next ones are; empty where there are none."""

    rows: tuple[Outline, ...]
    after: str


class AccessRows(TableWriter, Protocol):
    """The access table behind its adapter (coordination.adapters.access_table)."""

    def get(self, item_id: str) -> Reading[Item | None]:
        """The item with this key, None if there is none."""

    def outlines(self, after: str) -> Reading[OutlinePage]:
        """The next rows behind a key, from the first one where it is empty."""


def outline(item: Item) -> Outline:
    """What of a row tells whose turn it is."""
    return Outline(
        str(item[TABLE_KEY]),
        as_number(item.get("RequestedAt")),
        "AnsweredAt" in item,
        as_number(item.get("AnsweredAt")),
    )


def answer(item: Item) -> Answer | None:
    """The answer that `item` holds, None while it holds the request. Raises Malformed."""
    if "AnsweredAt" not in item:
        return None
    answered_at = whole_number(item, "AnsweredAt")
    if "Certificate" in item:
        return AccessGranted(text(item, "Certificate"), text(item, "Authority"), answered_at)
    return AccessRefused(Refusal(one_of(item, "Refusal", Refusal)), text(item, "Reason"), answered_at)


def _key(item_id: str) -> tuple[Requester, AccessGroup, str]:
    parts = item_id.removeprefix(ACCESS_ITEM_PREFIX).split("#")
    if len(parts) != 4 or not all(parts):
        raise Malformed(f"the key {item_id[:200]!r} is none of access#<userid>#<arn>#<group>#<number>")
    user_id, arn, group, number = parts
    if group not in set(AccessGroup):
        raise Malformed(f"the group is {group[:80]!r}, allowed: {', '.join(AccessGroup)}")
    return Requester(user_id, arn), AccessGroup(group), number
