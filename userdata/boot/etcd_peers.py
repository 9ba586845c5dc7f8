"""Asking the members of etcd from a node that is none: with a certificate that it issues to itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from coordination.members import Member, MemberState
from coordination.outcomes import Done, Known, NoOp, Reading, Unknown
from userdata.boot.snapshot import PeerAnswer
from userdata.etcd.asking import side_by_side, until
from userdata.etcd.client import Etcd
from userdata.etcd.model import MemberList, hexadecimal
from userdata.etcd.refusals import EtcdRefused, Failed
from userdata.etcd.view import MemberAnswer, ask_all, silent_voters
from userdata.host import files
from userdata.host.files import File, private
from userdata.host.https import Credentials
from userdata.pki.issuing import Subject, issue
from userdata.pki.material import Pki

_FOLDER = "/run/holdfast/etcd"
_LIFETIME = timedelta(hours=24)
_ASK_SECONDS = 5.0
"""A member that is alive answers in milliseconds, one that is gone never."""


class EtcdPeerClients:
    """The members at the addresses of the members' rows. `root` is where the certificate is kept, for root alone."""

    def __init__(self, root: Path, instance_id: str) -> None:
        self._root = root
        self._instance_id = instance_id
        self._issued = ""

    def introduce(self, pki: Pki, now: datetime) -> None:
        """Have a certificate that this cluster's etcd accepts. Raises OpensslFailed, OSError."""
        if self._issued == pki.etcd.bundle:
            return
        leaf = issue(pki.etcd, Subject(f"holdfast:{self._instance_id}"), ["clientAuth"], now, _LIFETIME)
        files.write(
            self._root,
            {
                f"{_FOLDER}/ca.crt": File(pki.etcd.bundle),
                f"{_FOLDER}/client.crt": File(leaf.certificate),
                f"{_FOLDER}/client.key": private(leaf.key),
            },
        )
        self._issued = pki.etcd.bundle

    def answers(
        self, addresses: Iterable[str], is_enough: Callable[[PeerAnswer], bool] = lambda _: False
    ) -> list[PeerAnswer]:
        """What those say who answer at all; nobody is waited for any more once one answer is enough."""

        def enough(said: MemberAnswer) -> bool:
            answer = _answer(said)
            return answer is not None and is_enough(answer)

        said = ask_all([self._at(address) for address in addresses], enough)
        return [answer for each in said if (answer := _answer(each)) is not None]

    def members(self, addresses: Iterable[str]) -> Reading[MemberList]:
        """etcd's own list, as the majority knows it, from whoever answers first."""
        said = until(lambda address: self._at(address).members(), list(addresses), _is_known)
        return _first(said)

    def members_without_majority(self, addresses: Iterable[str]) -> Reading[MemberList]:
        """The list as the first one alone knows it of those who answer; it may be old."""
        return _first(side_by_side(lambda address: self._at(address).members_it_knows(), list(addresses)))

    def silent(self, members: MemberList) -> list[str]:
        """The names of the voters that do not answer."""
        return [member.name for member in silent_voters(members, self._at)]

    def remove(self, addresses: Iterable[str], member_id: int) -> Done | NoOp | Failed:
        """Have a member removed by whoever answers first. NoOp: it is in the list no more, or never was."""
        reasons = []
        for address in addresses:
            outcome = self._at(address).remove(member_id)
            if not isinstance(outcome, Unknown):
                return outcome
            reasons.append(outcome.reason)
        return Unknown("; ".join(reasons) or "no address of a member is known")

    def _at(self, address: str) -> Etcd:
        folder = self._root / _FOLDER.lstrip("/")
        held = Credentials(str(folder / "ca.crt"), str(folder / "client.crt"), str(folder / "client.key"))
        return Etcd(address, held, seconds=_ASK_SECONDS)


def _is_known(said: Reading[MemberList] | EtcdRefused) -> bool:
    return isinstance(said, Known)


def _first(said: Iterable[Reading[MemberList] | EtcdRefused]) -> Reading[MemberList]:
    reasons = []
    for each in said:
        if isinstance(each, Known):
            return each
        reasons.append(each.reason)
    return Unknown("; ".join(reasons) or "no address of a member is known")


def _answer(said: MemberAnswer) -> PeerAnswer | None:
    """None of one who does not answer."""
    if isinstance(said.status, Unknown):
        return None
    status = said.status.value
    return PeerAnswer(hexadecimal(status.cluster_id), said.serves and not status.is_learner)


def addresses(rows: Iterable[Member], epoch: int, without: str = "") -> list[str]:
    """Where members of an epoch may be found, those that were promoted first."""
    mine = [row for row in rows if row.epoch == epoch and row.address and row.instance_id != without]
    present = [row for row in mine if row.state is not MemberState.REMOVED]
    return [
        row.address for row in sorted(present, key=lambda row: (row.state is not MemberState.VOTER, row.instance_id))
    ]
