"""Talks to one member of etcd: its JSON gateway on the client port, with certificates on both sides.

No method raises for what etcd answers, or fails to.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from coordination.outcomes import Done, Known, NoOp, Reading, Unknown
from userdata.etcd import model
from userdata.etcd.model import Alarm, Health, MemberList, NotUnderstood, Status, hexadecimal
from userdata.etcd.refusals import EtcdRefused, Failed, Refusal, failure
from userdata.host import https
from userdata.host.https import Credentials, NoAnswer

CLIENT_PORT = 2379
REQUEST_SECONDS = 8.0
"""How long etcd may be silent. It ends a request by itself after 7 s (5 s and two election time-outs)."""

Value = TypeVar("Value")

NODE_CREDENTIALS = Credentials(
    authority="/etc/kubernetes/pki/etcd/ca.crt",
    certificate="/etc/kubernetes/pki/etcd/healthcheck-client.crt",
    key="/etc/kubernetes/pki/etcd/healthcheck-client.key",
)
"""What kubeadm makes on every control plane."""


class Etcd:
    """The member that listens at `address`."""

    def __init__(
        self, address: str, credentials: Credentials, port: int = CLIENT_PORT, seconds: float = REQUEST_SECONDS
    ) -> None:
        self.address = address
        self._credentials = credentials
        self._port = port
        self._seconds = seconds

    def members(self) -> Reading[MemberList] | EtcdRefused:
        """The members as the majority knows them; without a majority there is no answer, and not an old one."""
        return self._read("member list", "/v3/cluster/member/list", {"linearizable": True}, model.member_list)

    def members_it_knows(self) -> Reading[MemberList] | EtcdRefused:
        """The members as this one alone knows them, which may be old; it answers without a majority, too."""
        return self._read("member list", "/v3/cluster/member/list", {"linearizable": False}, model.member_list)

    def status(self) -> Reading[Status] | EtcdRefused:
        """This member's own view; it needs no majority."""
        return self._read("status", "/v3/maintenance/status", {}, model.status)

    def alarms(self) -> Reading[tuple[Alarm, ...]] | EtcdRefused:
        """The alarms that are raised."""
        return self._read("alarms", "/v3/maintenance/alarm", {"action": "GET"}, model.alarms)

    def health(self) -> Reading[Health]:
        """Whether this member can serve a consistent read now."""
        answered = self._ask("health", "GET", "/health?serializable=false", None)
        if isinstance(answered, NoAnswer):
            return answered
        # 503 carries the same fields, and says why.
        return _parsed("health", answered.value.json(), model.health)

    def remove(self, member_id: int) -> Done | NoOp | Failed:
        """Remove a member. NoOp: it is in the list no more, or never was."""
        outcome = self._change("member remove", "/v3/cluster/member/remove", {"ID": str(member_id)})
        if outcome == EtcdRefused(Refusal.MEMBER_NOT_FOUND):
            return NoOp(f"etcd has no member {hexadecimal(member_id)}")
        return outcome

    def move_leader(self, target_id: int) -> Done | Failed:
        """Let a voter lead instead of this member; only the member that leads can do that."""
        return self._change("move leader", "/v3/maintenance/transfer-leadership", {"targetID": str(target_id)})

    def _read(
        self, operation: str, path: str, body: Mapping[str, Any], parse: Callable[[Mapping[str, Any]], Value]
    ) -> Reading[Value] | EtcdRefused:
        answered = self._ask(operation, "POST", path, body)
        if isinstance(answered, NoAnswer):
            return answered
        status, said = answered.value.status, answered.value.json()
        return _parsed(operation, said, parse) if status == http.client.OK else failure(operation, status, said)

    def _change(self, operation: str, path: str, body: Mapping[str, Any]) -> Done | Failed:
        answered = self._ask(operation, "POST", path, body)
        if isinstance(answered, NoAnswer):
            return answered
        status, said = answered.value.status, answered.value.json()
        return Done() if status == http.client.OK else failure(operation, status, said)

    def _ask(
        self, operation: str, method: str, path: str, body: Mapping[str, Any] | None
    ) -> Known[https.Answer] | NoAnswer:
        context = self._credentials.context
        return https.ask(operation, self.address, self._port, context, method, path, body=body, seconds=self._seconds)


def _parsed(operation: str, answer: object, parse: Callable[[Mapping[str, Any]], Value]) -> Known[Value] | Unknown:
    if not isinstance(answer, dict):
        return Unknown(f"{operation}: the answer is no object")
    try:
        return Known(parse(answer))
    except NotUnderstood as error:
        return Unknown(f"{operation}: {error}")
