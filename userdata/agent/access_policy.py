"""Which requests of people for access are looked at, in which order, and which are granted. Pure.

Every refusal has its kind and its reason. People may write as many rows as they like, and of any size: whoever does
comes after everybody else, and in the end is deleted without an answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TypeAlias, TypeVar

from coordination.access import (
    EARLY_SECONDS,
    LARGEST_ITEM,
    LONGEST_SECONDS,
    MOST_OPEN,
    SHORTEST_SECONDS,
    VALID_SECONDS,
    AccessRequest,
    Outline,
    Refusal,
    access_request,
)
from coordination.fields import Malformed
from coordination.names import AccessGroup
from coordination.outcomes import Item
from userdata.pki.requests import CertificateRequest, RequestError, parse

MOST_REFUSED = 3 * MOST_OPEN
"""So many requests of one person are told that there are too many; more are deleted without an answer."""
MOST_OF_PRINCIPAL = 20
"""So many are looked at in a pass of all who share a role: whoever assumes it types the name of his session."""
MOST_WAITING = 200
"""So many of them may wait for a pass to come; more are deleted without an answer."""

Listed: TypeAlias = Mapping[AccessGroup, Collection[str]]
"""The ARNs of roles and users that may have a group."""
T = TypeVar("T")


@dataclass(frozen=True)
class Turns:
    """What a pass does with the rows that it sees. Rows that were answered lately are in none of these."""

    look: Sequence[Outline] = ()
    """Those that are looked at, in this order."""
    too_many: Sequence[Outline] = ()
    """Those that are refused because others of the same person wait."""
    delete: Sequence[Outline] = ()


@dataclass
class _Waiting:
    """The requests of one principal, by the sessions' ids."""

    sessions: dict[str, list[Outline]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True)
class ToSign:
    """A request that is granted, with what its certificate signing request says."""

    request: AccessRequest
    name: str
    """The user in Kubernetes."""
    wanted: CertificateRequest


@dataclass(frozen=True)
class ToRefuse:
    """A request that is not."""

    refusal: Refusal
    reason: str


def turns(rows: Iterable[Outline], now: int) -> Turns:
    """Whose turn it is: principals one after the other, of each of them its sessions, of those the oldest request."""
    waiting: dict[str, _Waiting] = defaultdict(_Waiting)
    delete: list[Outline] = []
    for row in rows:
        if not row.is_answered:
            waiting[row.requester.principal_arn].sessions[row.requester.user_id].append(row)
        # What is no time, or of the future, no agent has written.
        elif row.answered_at is None or not -EARLY_SECONDS <= now - row.answered_at <= VALID_SECONDS:
            delete.append(row)
    look: list[list[Outline]] = []
    too_many: list[Outline] = []
    for each in waiting.values():
        of_sessions = [sorted(found, key=_age) for found in each.sessions.values()]
        in_turn = list(_in_turn([found[:MOST_OPEN] for found in of_sessions]))
        look.append(in_turn[:MOST_OF_PRINCIPAL])
        delete += in_turn[MOST_WAITING:]
        for found in of_sessions:
            too_many += found[MOST_OPEN : MOST_OPEN + MOST_REFUSED]
            delete += found[MOST_OPEN + MOST_REFUSED :]
    return Turns(list(_in_turn(look)), too_many, delete)


def judge(item: Item, listed: Listed, now: int) -> ToSign | ToRefuse:
    """Whether a request is granted."""
    size = sum(len(name) + len(str(value)) for name, value in item.items())
    if size > LARGEST_ITEM:
        return ToRefuse(Refusal.TOO_LARGE, f"the request has {size} characters, and may have {LARGEST_ITEM}")
    try:
        request = access_request(item)
        name = request.requester.name
    except Malformed as error:
        return ToRefuse(Refusal.MALFORMED, str(error))
    if (wrong := _untimely(request, now) or _not_granted(request, listed)) is not None:
        return wrong
    try:
        wanted = parse(request.request)
    except RequestError as error:
        return ToRefuse(Refusal.MALFORMED, f"the certificate signing request cannot be read: {error}")
    return _wrong_subject(wanted, name, request.group) or ToSign(request, name, wanted)


def _age(row: Outline) -> tuple[bool, int, str]:
    return row.requested_at is None, row.requested_at or 0, row.item_id


def _in_turn(lists: Iterable[Sequence[T]]) -> Iterator[T]:
    """The first of each, then the second of each."""
    for several in zip_longest(*lists):
        yield from (each for each in several if each is not None)


def _untimely(request: AccessRequest, now: int) -> ToRefuse | None:
    age = now - request.requested_at
    if age > VALID_SECONDS:
        return ToRefuse(Refusal.EXPIRED, f"the request was made {age} s ago, and ends after {VALID_SECONDS} s")
    if age < -EARLY_SECONDS:
        return ToRefuse(Refusal.EARLY, f"the request is of a time that comes in {-age} s: see to your clock")
    if not SHORTEST_SECONDS <= request.seconds <= LONGEST_SECONDS:
        allowed = f"{SHORTEST_SECONDS} to {LONGEST_SECONDS}"
        return ToRefuse(Refusal.LIFETIME, f"a certificate is asked for of {request.seconds} s, allowed: {allowed}")
    return None


def _not_granted(request: AccessRequest, listed: Listed) -> ToRefuse | None:
    arn = request.requester.principal_arn
    granted = [group for group in AccessGroup if any(arn in listed.get(wider, ()) for wider in _covering(group))]
    if not granted:
        return ToRefuse(Refusal.NOT_LISTED, f"{arn} is in none of ViewerArns, EditorArns, AdministratorArns")
    if request.group not in granted:
        return ToRefuse(Refusal.GROUP_NOT_GRANTED, f"{arn} may have: {', '.join(granted)}; it asks for {request.group}")
    return None


def _covering(group: AccessGroup) -> list[AccessGroup]:
    """The groups that may do what this one may."""
    return [wider for wider in AccessGroup if group in wider.within]


def _wrong_subject(wanted: CertificateRequest, name: str, group: AccessGroup) -> ToRefuse | None:
    allowed = f"the name {name} and the organization {group.kubernetes_group}"
    if (wanted.common_name, wanted.organization) != (name, group.kubernetes_group):
        given = f"the name {wanted.common_name[:200]!r} and the organization {wanted.organization[:80]!r}"
        return ToRefuse(Refusal.WRONG_SUBJECT, f"the request is for {given}, allowed: {allowed}")
    if wanted.names or wanted.addresses:
        return ToRefuse(Refusal.WRONG_SUBJECT, f"the request has alternative names, allowed: {allowed}")
    return None
