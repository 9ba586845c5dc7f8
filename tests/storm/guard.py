"""What may be lost in a storm: whoever takes etcd's quorum for good has to restore, which is no part of it. Pure."""

from __future__ import annotations

from collections.abc import Callable

from tests.storm.trace import Life
from userdata.etcd.model import MemberList


def may_be_lost(target: str, listed: MemberList | None, life: Callable[[str], Life], leaves: str) -> bool:
    """Whether etcd keeps its quorum without an instance, also once the removal of `leaves` is done, which goes on."""
    if listed is None:
        return False
    voters = [each.name for each in listed.voters]
    able = {each for each in voters if life(each) is not Life.SILENT} - {target}
    remaining = [each for each in voters if each != leaves]
    return _is_quorum(len(able), voters) and _is_quorum(len(able - {leaves}), remaining)


def _is_quorum(count: int, voters: list[str]) -> bool:
    return count >= len(voters) // 2 + 1
