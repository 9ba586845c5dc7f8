"""What tests of the full world's pure parts are made of."""

from __future__ import annotations

from tests.storm.full.account import IN_SERVICE, RUNNING, Instance, Look
from userdata.etcd.model import EtcdMember, MemberList


def instance(name: str, slot: int = 0, lifecycle_state: str = IN_SERVICE, state: str = RUNNING) -> Instance:
    """An instance that runs."""
    return Instance(name, slot, f"10.0.0.{slot}", state, lifecycle_state)


def look(*instances: Instance, at: float = 1.0) -> Look:
    """A look that found these."""
    return Look(at, {each.instance_id: each for each in instances})


def voters(names: str) -> MemberList:
    """etcd's list of voters with names of one letter."""
    return MemberList(1, tuple(EtcdMember(n, name, (), (), is_learner=False) for n, name in enumerate(names, 1)))
