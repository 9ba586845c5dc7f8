"""The task that approves kubelets' requests for certificates, by what `csr_policy` decides."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from coordination import boots
from coordination.fields import Malformed
from coordination.instances import GroupInstance
from coordination.names import boot_item
from coordination.outcomes import NoOp, Reading
from coordination.ports import TableReader
from userdata.agent.csr_policy import (
    Approve,
    Asked,
    Bootstrapping,
    Deny,
    Postpone,
    Serving,
    Verdict,
    client_form,
    decide_client,
    decide_serving,
    is_bootstrap,
    serving_form,
)
from userdata.agent.tasks import Task
from userdata.kube.client import Api
from userdata.kube.outcomes import ApiConflict, NotFound
from userdata.kube.resources import NODES, SIGNING_REQUESTS, Object
from userdata.kube.rights import AUTO_APPROVAL, CLIENT_SIGNER, SERVING_SIGNER, withhold_auto_approval
from userdata.kube.unwrap import done, known
from userdata.logs.lines import StageFailed
from userdata.pki.inspecting import request_fingerprint
from userdata.pki.openssl import OpensslFailed
from userdata.pki.requests import RequestError, parse

APPROVAL_SECONDS = 3.0
"""A worker's join waits for it, and a Node is without its kubelet's certificate for so long."""
WITHHOLDING_SECONDS = 60.0


class Instances(Protocol):
    """What is asked of coordination.adapters.instances.ClusterGroups."""

    def instances(self) -> Reading[tuple[GroupInstance, ...]]: ...

    def states(self, instance_ids: Collection[str]) -> Reading[Mapping[str, str | None]]: ...

    def addresses(self, instance_ids: Collection[str]) -> Reading[Mapping[str, frozenset[str]]]: ...


@dataclass(frozen=True)
class CsrApprover:
    """`arn_of` makes an instance's ARN of its id; `now` is in seconds since 1970."""

    api: Api
    instances: Instances
    table: TableReader
    arn_of: Callable[[str], str]
    now: Callable[[], float] = time.time

    def run(self) -> str:
        """Judge every request of a kubelet that waits, and say which was approved or denied. Raises StageFailed."""
        stored = known(self.api.list(SIGNING_REQUESTS))
        told: list[str] = []
        failed: list[str] = []
        for request, verdict in self._verdicts(stored):
            try:
                told += self._judge(request, verdict)
            except StageFailed as failure:
                # One that cannot be judged holds no other up.
                failed.append(str(failure))
        if failed:
            raise StageFailed("; ".join([failed[0], *told]))
        return "; ".join(told)

    def _verdicts(self, stored: Sequence[Object]) -> list[tuple[Object, Verdict]]:
        """The verdict on each request that waits; where it is about an instance, after looking at the instance."""
        verdicts: list[tuple[Object, Verdict]] = []
        clients: list[tuple[Object, Asked]] = []
        servers: list[tuple[Object, Asked]] = []
        for request in filter(_waits, stored):
            asked = self._asked(request)
            if isinstance(asked, Deny):
                verdicts.append((request, asked))
                continue
            serves = request["spec"]["signerName"] == SERVING_SIGNER
            if wrong := serving_form(asked) if serves else client_form(asked):
                verdicts.append((request, wrong))
            else:
                (servers if serves else clients).append((request, asked))
        if clients:
            verdicts += self._on_clients(clients, stored)
        if servers:
            verdicts += self._on_servers(servers)
        return verdicts

    def _on_clients(
        self, clients: Sequence[tuple[Object, Asked]], stored: Sequence[Object]
    ) -> list[tuple[Object, Verdict]]:
        roles = {each.instance_id: each.role for each in known(self.instances.instances())}
        names = {asked.named for _, asked in clients}
        states = known(self.instances.states(names))
        found: dict[str, Bootstrapping] = {}
        for name in names:
            role = roles.get(name, "")
            # What belongs to no group is refused without a look: names are the asker's, and there may be many.
            found[name] = Bootstrapping(
                role=role,
                state=states[name],
                has_node=bool(role) and self._has_node(name),
                boot_fingerprint=self._boot_fingerprint(name) if role else "",
                approved=_approved(stored, name) if role else frozenset(),
            )
        return [
            (
                request,
                decide_client(asked, _fingerprint(request) if found[asked.named].role else "", found[asked.named]),
            )
            for request, asked in clients
        ]

    def _on_servers(self, servers: Sequence[tuple[Object, Asked]]) -> list[tuple[Object, Verdict]]:
        names = {asked.named for _, asked in servers}
        states = known(self.instances.states(names))
        addresses = known(self.instances.addresses(names))
        return [
            (request, decide_serving(asked, Serving(states[asked.named], addresses[asked.named])))
            for request, asked in servers
        ]

    def _asked(self, request: Object) -> Asked | Deny:
        spec = request["spec"]
        try:
            wanted = parse(_pem(request))
        except RequestError as error:
            return Deny(f"the request cannot be read: {error}")
        created = datetime.fromisoformat(request["metadata"]["creationTimestamp"])
        return Asked(
            username=spec["username"],
            groups=frozenset(spec.get("groups") or ()),
            usages=frozenset(spec.get("usages") or ()),
            request=wanted,
            age_seconds=self.now() - created.timestamp(),
        )

    def _has_node(self, name: str) -> bool:
        answer = self.api.get(NODES, name)
        return False if isinstance(answer, NotFound) else bool(known(answer))

    def _boot_fingerprint(self, name: str) -> str:
        row = known(self.table.get(boot_item(self.arn_of(name))))
        try:
            return "" if row is None else boots.boot(row).fingerprint
        except Malformed:
            # The instance wrote it, and may write it anew.
            return ""

    def _judge(self, request: Object, verdict: Verdict) -> list[str]:
        if isinstance(verdict, Postpone):
            return []
        kind = "Approved" if isinstance(verdict, Approve) else "Denied"
        condition = {"type": kind, "status": "True", "reason": "Holdfast", "message": verdict.reason}
        judged = self.api.judge(request, condition)
        if isinstance(judged, ApiConflict | NotFound):
            # Somebody judged or deleted it meanwhile; the next run sees.
            return []
        done(judged)
        return [f"{kind.lower()} {request['metadata']['name']}: {verdict.reason}"]


def tasks(approvals: CsrApprover) -> tuple[Task, ...]:
    """Judging requests, and keeping away what would approve them without a look."""
    return (
        # A leader's own API server is away for some seconds whenever its certificates were renewed, and kubelets wait.
        Task("approvals", APPROVAL_SECONDS, approvals.run, leader_only=True, urgent=True),
        Task("auto-approval", WITHHOLDING_SECONDS, lambda: _withhold(approvals.api), leader_only=True),
    )


def _withhold(api: Api) -> str:
    outcome = withhold_auto_approval(api)
    done(outcome)
    return "" if isinstance(outcome, NoOp) else f"deleted {AUTO_APPROVAL}, which somebody made"


def _waits(request: Object) -> bool:
    """Whether it is a kubelet's, nobody has judged it, and no controller will.

    A renewal by a node itself, and a joining control plane's request, are judged by controllers, by who asks.
    """
    spec, status = request["spec"], request.get("status") or {}
    if status.get("conditions") or status.get("certificate"):
        return False
    if spec["signerName"] == SERVING_SIGNER:
        return True
    return bool(spec["signerName"] == CLIENT_SIGNER and is_bootstrap(spec["username"]))


def _approved(stored: Sequence[Object], name: str) -> frozenset[str]:
    """The keys of all first requests for a certificate of the node `name` that were approved.

    Not those of the node itself, which asks for a certificate of its own once it has the first one.
    """
    found: set[str] = set()
    for request in stored:
        conditions = (request.get("status") or {}).get("conditions") or ()
        first = request["spec"]["signerName"] == CLIENT_SIGNER and is_bootstrap(request["spec"]["username"])
        if not first or "Approved" not in {each["type"] for each in conditions}:
            continue
        try:
            of = parse(_pem(request))
        except RequestError:
            continue
        if of.common_name == f"system:node:{name}":
            found.add(_fingerprint(request))
    return frozenset(found)


def _fingerprint(request: Object) -> str:
    """Of the request's key; of one that openssl does not know nothing, which is no boot row's."""
    try:
        return request_fingerprint(_pem(request))
    except OpensslFailed:
        return "-"


def _pem(request: Object) -> str:
    return base64.b64decode(request["spec"]["request"]).decode("ascii", "replace")
