"""Which requests of people for access are granted. Pure; every refusal has its kind and its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from coordination.access import (
    EARLY_SECONDS,
    LARGEST_ITEM,
    LONGEST_SECONDS,
    MOST_OPEN,
    SHORTEST_SECONDS,
    VALID_SECONDS,
    AccessRequest,
    Refusal,
    access_request,
    answer,
    asker,
    is_answered,
)
from coordination.fields import Malformed
from coordination.names import TABLE_KEY, AccessGroup
from coordination.outcomes import Item
from userdata.pki.requests import CertificateRequest, RequestError, parse

_REFUSED_AT_MOST = 4 * MOST_OPEN
"""So many of one person are told that there are too many; more are deleted without an answer."""

Listed: TypeAlias = Mapping[AccessGroup, Collection[str]]
"""The ARNs of roles and users that may have a group."""


@dataclass(frozen=True)
class ToSign:
    """A request that is granted, with what its certificate signing request says."""

    item: Item
    request: AccessRequest
    name: str
    """The user in Kubernetes."""
    wanted: CertificateRequest


@dataclass(frozen=True)
class ToRefuse:
    """A request that is not."""

    item: Item
    refusal: Refusal
    reason: str


@dataclass(frozen=True)
class ToDelete:
    """A row that is of no use to anybody any more."""

    item: Item


Verdict: TypeAlias = ToSign | ToRefuse | ToDelete


def verdicts(items: Iterable[Item], listed: Listed, now: int) -> list[Verdict]:
    """What to do with each row; those that were answered lately stay, and have none.

    Requests come first that came first, and of nobody more than MOST_OPEN are looked at.
    """
    found: list[Verdict] = []
    waiting: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if not is_answered(item):
            waiting[asker(item)].append(item)
        elif (old := _if_old(item, now)) is not None:
            found.append(old)
    for each in waiting.values():
        each.sort(key=lambda item: str(item[TABLE_KEY]))
        found += [_verdict(item, listed, now) for item in each[:MOST_OPEN]]
        reason = f"{len(each)} requests of yours wait, and at most {MOST_OPEN} may"
        found += [ToRefuse(item, Refusal.TOO_MANY, reason) for item in each[MOST_OPEN:_REFUSED_AT_MOST]]
        found += [ToDelete(item) for item in each[_REFUSED_AT_MOST:]]
    return found


def _if_old(item: Item, now: int) -> ToDelete | ToRefuse | None:
    try:
        given = answer(item)
    except Malformed as error:
        return ToRefuse(item, Refusal.MALFORMED, str(error))
    # Whoever asks may write what looks like an answer into a row of his own, and of the future.
    if given is None or not 0 <= now - given.answered_at <= VALID_SECONDS:
        return ToDelete(item)
    return None


def _verdict(item: Item, listed: Listed, now: int) -> ToSign | ToRefuse:
    size = sum(len(name) + len(str(value)) for name, value in item.items())
    if size > LARGEST_ITEM:
        return ToRefuse(item, Refusal.TOO_LARGE, f"the request has {size} characters, and may have {LARGEST_ITEM}")
    try:
        request = access_request(item)
        name = request.requester.name
    except Malformed as error:
        return ToRefuse(item, Refusal.MALFORMED, str(error))
    if (wrong := _untimely(request, now) or _not_granted(request, listed)) is not None:
        return ToRefuse(item, *wrong)
    try:
        wanted = parse(request.request)
    except RequestError as error:
        return ToRefuse(item, Refusal.MALFORMED, f"the certificate signing request cannot be read: {error}")
    if (wrong := _wrong_subject(wanted, name, request.group)) is not None:
        return ToRefuse(item, *wrong)
    return ToSign(item, request, name, wanted)


def _untimely(request: AccessRequest, now: int) -> tuple[Refusal, str] | None:
    age = now - request.requested_at
    if age > VALID_SECONDS:
        return Refusal.EXPIRED, f"the request was made {age} s ago, and ends after {VALID_SECONDS} s"
    if age < -EARLY_SECONDS:
        return Refusal.EARLY, f"the request is of a time that comes in {-age} s: see to your clock"
    if not SHORTEST_SECONDS <= request.seconds <= LONGEST_SECONDS:
        allowed = f"{SHORTEST_SECONDS} to {LONGEST_SECONDS}"
        return Refusal.LIFETIME, f"a certificate is asked for of {request.seconds} s, allowed: {allowed}"
    return None


def _not_granted(request: AccessRequest, listed: Listed) -> tuple[Refusal, str] | None:
    arn = request.requester.principal_arn
    granted = [group for group in AccessGroup if any(arn in listed.get(wider, ()) for wider in _covering(group))]
    if not granted:
        return Refusal.NOT_LISTED, f"{arn} is in none of ViewerArns, EditorArns, AdministratorArns"
    if request.group not in granted:
        return Refusal.GROUP_NOT_GRANTED, f"{arn} may have: {', '.join(granted)}; it asks for {request.group}"
    return None


def _covering(group: AccessGroup) -> list[AccessGroup]:
    """The groups that may do what this one may."""
    return [wider for wider in AccessGroup if group in wider.within]


def _wrong_subject(wanted: CertificateRequest, name: str, group: AccessGroup) -> tuple[Refusal, str] | None:
    allowed = f"the name {name} and the organization {group.kubernetes_group}"
    if (wanted.common_name, wanted.organization) != (name, group.kubernetes_group):
        given = f"the name {wanted.common_name[:200]!r} and the organization {wanted.organization[:80]!r}"
        return Refusal.WRONG_SUBJECT, f"the request is for {given}, allowed: {allowed}"
    if wanted.names or wanted.addresses:
        return Refusal.WRONG_SUBJECT, f"the request has alternative names, allowed: {allowed}"
    return None
