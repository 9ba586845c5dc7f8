"""What etcd says of itself, as types; parsed from the JSON of its gateway. Pure.

The gateway writes 64-bit numbers as text and leaves out what is zero, false or empty. Ids are numbers here, and
hexadecimal text where people and the cluster table see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit


class NotUnderstood(ValueError):
    """An answer that is not of the shape that etcd's has."""


class MemberKind(StrEnum):
    """How far a member has come."""

    UNSTARTED = "unstarted"
    """It was added, as a learner or as a voter, and has never started: it has no name yet."""
    LEARNER = "learner"
    """It has started, and counts for no quorum."""
    VOTER = "voter"


@dataclass(frozen=True)
class EtcdMember:
    """A member as etcd's own list has it."""

    member_id: int
    name: str
    """Empty for a member that was added and has never started."""
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    is_learner: bool

    @property
    def kind(self) -> MemberKind:
        """How far it has come. One that has never started may count for the quorum all the same (`is_learner`)."""
        if not self.name:
            return MemberKind.UNSTARTED
        return MemberKind.LEARNER if self.is_learner else MemberKind.VOTER

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it answers; before it has ever started, where other members will find it."""
        urls = self.client_urls or self.peer_urls
        return tuple(dict.fromkeys(urlsplit(url).hostname or "" for url in urls))


@dataclass(frozen=True)
class MemberList:
    """etcd's members, ordered by their ids, as the majority knows them."""

    cluster_id: int
    members: tuple[EtcdMember, ...]

    @property
    def voters(self) -> tuple[EtcdMember, ...]:
        """Members that count for the quorum, whether they answer or not."""
        return tuple(member for member in self.members if not member.is_learner)

    @property
    def unfinished(self) -> tuple[EtcdMember, ...]:
        """Learners, and members that have never started: what is in the way of the next one."""
        return tuple(member for member in self.members if member.kind is not MemberKind.VOTER)


@dataclass(frozen=True)
class Status:
    """One member's own view."""

    cluster_id: int
    member_id: int
    leader_id: int
    """0 where the member knows of no leader."""
    is_learner: bool
    version: str
    size_bytes: int
    in_use_bytes: int
    raft_index: int
    applied_index: int
    errors: tuple[str, ...]
    quota_bytes: int = 0
    """How large its database may become; then etcd takes no more writes. 0 where the member does not say it."""

    @property
    def leads(self) -> bool:
        """Whether it leads, as far as it knows."""
        return self.leader_id == self.member_id


class AlarmKind(StrEnum):
    """What etcd stops writing for."""

    NO_SPACE = "NOSPACE"
    CORRUPT = "CORRUPT"
    NONE = "NONE"


@dataclass(frozen=True)
class Alarm:
    """An alarm that one member raised for all."""

    member_id: int
    kind: AlarmKind


@dataclass(frozen=True)
class Health:
    """What a member says when it is asked whether it can serve a consistent read; `reason` says why not."""

    healthy: bool
    reason: str = ""


def hexadecimal(etcd_id: int) -> str:
    """An id as etcd's own tools print it, and as the cluster table stores it."""
    return f"{etcd_id:x}"


def member_list(answer: Mapping[str, Any]) -> MemberList:
    """The list that an answer holds. Raises NotUnderstood."""
    members = [
        EtcdMember(
            member_id=_number(each, "ID", required=True),
            name=_text(each, "name"),
            peer_urls=_texts(each, "peerURLs"),
            client_urls=_texts(each, "clientURLs"),
            is_learner=each.get("isLearner") is True,
        )
        for each in _objects(answer, "members")
    ]
    # etcd itself is a member, so an empty list is no answer.
    if not members:
        raise NotUnderstood("members is empty")
    return MemberList(_header(answer, "cluster_id"), tuple(sorted(members, key=lambda member: member.member_id)))


def status(answer: Mapping[str, Any]) -> Status:
    """The status that an answer holds. Raises NotUnderstood."""
    return Status(
        cluster_id=_header(answer, "cluster_id"),
        member_id=_header(answer, "member_id"),
        leader_id=_number(answer, "leader"),
        is_learner=answer.get("isLearner") is True,
        version=_text(answer, "version", required=True),
        size_bytes=_number(answer, "dbSize"),
        in_use_bytes=_number(answer, "dbSizeInUse"),
        raft_index=_number(answer, "raftIndex"),
        applied_index=_number(answer, "raftAppliedIndex"),
        errors=_texts(answer, "errors"),
        quota_bytes=_number(answer, "dbSizeQuota"),
    )


def alarms(answer: Mapping[str, Any]) -> tuple[Alarm, ...]:
    """The alarms that an answer holds. Raises NotUnderstood."""
    _header(answer, "cluster_id")
    return tuple(Alarm(_number(each, "memberID"), _alarm_kind(each)) for each in _objects(answer, "alarms"))


def health(answer: Mapping[str, Any]) -> Health:
    """What an answer says of a member's health. Raises NotUnderstood."""
    said = answer.get("health")
    if said not in ("true", "false"):
        raise NotUnderstood("health is neither true nor false")
    return Health(said == "true", _text(answer, "reason"))


def _alarm_kind(alarm: Mapping[str, Any]) -> AlarmKind:
    kind = _text(alarm, "alarm") or AlarmKind.NONE
    if kind not in tuple(AlarmKind):
        raise NotUnderstood(f"alarm is {kind[:40]}")
    return AlarmKind(kind)


def _header(answer: Mapping[str, Any], field: str) -> int:
    header = answer.get("header")
    if not isinstance(header, dict):
        raise NotUnderstood("there is no header")
    return _number(header, field, required=True)


def _number(found: Mapping[str, Any], field: str, *, required: bool = False) -> int:
    value = found.get(field, "" if required else "0")
    if not isinstance(value, str) or not value.isdecimal():
        raise NotUnderstood(f"{field} is no number")
    return int(value)


def _text(found: Mapping[str, Any], field: str, *, required: bool = False) -> str:
    value = found.get(field, "")
    if not isinstance(value, str) or (required and not value):
        raise NotUnderstood(f"{field} is no text")
    return value


def _texts(found: Mapping[str, Any], field: str) -> tuple[str, ...]:
    values = found.get(field, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise NotUnderstood(f"{field} is no list of texts")
    return tuple(values)


def _objects(found: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    values = found.get(field, [])
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise NotUnderstood(f"{field} is no list of objects")
    return values
