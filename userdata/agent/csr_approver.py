"""The task that approves kubelets' requests for certificates, by what `csr_policy` decides."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from coordination import boots
from coordination.fields import Malformed
from coordination.instances import GroupInstance
from coordination.names import boot_item, first_request_name
from coordination.outcomes import NoOp, Reading
from coordination.ports import TableReader
from userdata.agent.csr_policy import (
    Approve,
    Asked,
    Bootstrapping,
    Deny,
    Postpone,
    Renewing,
    RequestKind,
    Serving,
    Verdict,
    decide_first,
    decide_renewal,
    decide_serving,
    form,
    kind_of,
)
from userdata.agent.csr_queue import KEPT, LARGEST_REQUEST, Pile, WaitingRequest, in_order
from userdata.agent.tasks import Task
from userdata.kube.client import Api
from userdata.kube.outcomes import ApiConflict, NotFound
from userdata.kube.resources import NODES, SIGNING_REQUESTS, Object, created
from userdata.kube.rights import CLIENT_SIGNER, SERVING_SIGNER, withhold_auto_approvals
from userdata.kube.unwrap import done, known
from userdata.logs.lines import StageFailed
from userdata.pki.requests import RequestError, parse

APPROVAL_SECONDS = 3.0
"""A worker's join waits for it, and a Node is without its kubelet's certificate for so long."""
WITHHOLDING_SECONDS = 60.0
LOOKING_SECONDS, JUDGING_SECONDS = 5.0, 5.0
"""For how long a pass looks at requests, and for how long it tells the API server then. What is left has its turn in
the next one."""
_LARGEST_PAGE = 8 << 20
"""Bytes of a page: of common requests it holds all, of the largest that the API server stores a few."""
_MOST_TOLD = 20
Judgement = tuple[Object, Approve | Deny]


class Instances(Protocol):
    """What is asked of coordination.adapters.instances.ClusterGroups."""

    def instances(self) -> Reading[tuple[GroupInstance, ...]]: ...

    def states(self, instance_ids: Collection[str]) -> Reading[Mapping[str, str | None]]: ...

    def addresses(self, instance_ids: Collection[str]) -> Reading[Mapping[str, frozenset[str]]]: ...


@dataclass(frozen=True)
class _Stored:
    """What the API server has."""

    pile: Pile
    refused: list[Judgement] = field(default_factory=list)
    """What needs no look at anything else, as much of it as there is room for."""
    approved: dict[str, set[str]] = field(default_factory=dict)
    """By instance, the keys for which first requests of its name were approved."""


@dataclass(frozen=True)
class _Cloud:
    """What AWS says of the instances that requests are about."""

    roles: Mapping[str, str]
    states: Mapping[str, str | None]
    addresses: Mapping[str, frozenset[str]]


class _Roles:
    """The roles of the cluster's instances, asked for when the first request waits."""

    def __init__(self, instances: Instances) -> None:
        self._instances = instances

    @cached_property
    def known(self) -> Mapping[str, str]:
        """By instance. Raises StageFailed."""
        return {each.instance_id: each.role for each in known(self._instances.instances())}

    def has(self, name: str) -> bool:
        """Whether a group of the cluster has the instance. Raises StageFailed."""
        return name in self.known


class CsrApprover:
    """`arn_of` makes an instance's ARN of its id; `now` is in seconds since 1970, `steady` the clock of budgets."""

    def __init__(
        self,
        api: Api,
        instances: Instances,
        table: TableReader,
        arn_of: Callable[[str], str],
        now: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.api = api
        self._instances = instances
        self._table = table
        self._arn_of = arn_of
        self._now = now
        self._steady = steady
        self._passes = 0
        self._looked_at: dict[str, int] = {}
        """In which pass a request that still waits was looked at last."""

    def run(self) -> str:
        """Judge requests of kubelets that wait, and say which were approved or denied. Raises StageFailed."""
        self._passes += 1
        roles = _Roles(self._instances)
        failed: list[str] = []
        fingerprints: dict[str, str] = {}
        stored = self._read(roles, fingerprints, failed)
        judgements = self._judgements(stored, roles, fingerprints, failed)
        # Whoever is to join or to serve waits; a refusal does no harm a pass later.
        judgements.sort(key=lambda pair: isinstance(pair[1], Deny))
        told: list[str] = []
        deadline = self._steady() + JUDGING_SECONDS
        for head, verdict in [*judgements, *stored.refused]:
            if self._steady() > deadline:
                break
            try:
                told += self._judge(head, verdict)
            except StageFailed as failure:
                # One that cannot be judged holds no other up.
                failed.append(str(failure))
        said = told[:_MOST_TOLD] + ([f"and {len(told) - _MOST_TOLD} more"] if len(told) > _MOST_TOLD else [])
        if failed:
            raise StageFailed("; ".join([failed[0], *said]))
        return "; ".join(said)

    # what there is

    def _read(self, roles: _Roles, fingerprints: dict[str, str], failed: list[str]) -> _Stored:
        """Every request of a kubelet, page by page: what is not needed of one is forgotten at once."""
        stored = _Stored(Pile(roles.has))
        for signer in (SERVING_SIGNER, CLIENT_SIGNER):
            chosen = {"fieldSelector": f"spec.signerName={signer}"}
            for page in self.api.pages(SIGNING_REQUESTS, chosen, largest=_LARGEST_PAGE):
                for request in known(page):
                    try:
                        self._sort_in(request, stored, roles, fingerprints)
                    except StageFailed as failure:
                        failed.append(str(failure))
        return stored

    def _sort_in(self, request: Object, stored: _Stored, roles: _Roles, fingerprints: dict[str, str]) -> None:
        spec, status = request["spec"], request.get("status") or {}
        kind = kind_of(spec["signerName"], spec["username"])
        if kind is None:
            return
        conditions = status.get("conditions") or ()
        if conditions or status.get("certificate"):
            if kind is RequestKind.FIRST and "Approved" in {each["type"] for each in conditions}:
                _note_approved(request, stored.approved)
            return
        head = _head(request)
        asked = self._asked(request)
        wrong = asked if isinstance(asked, Deny) else form(kind, asked)
        if isinstance(asked, Asked) and wrong is None:
            is_own = kind is not RequestKind.FIRST or self._is_own(request, asked, roles, fingerprints)
            stored.pile.put(WaitingRequest(str(request["metadata"]["uid"]), kind, asked, head, is_own))
        elif wrong is not None and len(stored.refused) < 100 * KEPT:
            stored.refused.append((head, wrong))

    def _is_own(self, request: Object, asked: Asked, roles: _Roles, fingerprints: dict[str, str]) -> bool:
        """Whether a first request has the key of its instance's boot row, and its name. Raises StageFailed."""
        name, key = asked.named, asked.request.fingerprint
        if request["metadata"]["name"] != first_request_name(name, key) or not roles.has(name):
            return False
        if name not in fingerprints:
            fingerprints[name] = self._boot_fingerprint(name)
        return fingerprints[name] == key

    def _asked(self, request: Object) -> Asked | Deny:
        spec = request["spec"]
        if len(spec["request"]) > LARGEST_REQUEST:
            return Deny(f"the request is larger than a kubelet's: it has more than {LARGEST_REQUEST} characters")
        try:
            wanted = parse(_pem(request))
        except RequestError as error:
            return Deny(f"the request cannot be read: {error}")
        return Asked(
            username=spec["username"],
            groups=frozenset(spec.get("groups") or ()),
            usages=frozenset(spec.get("usages") or ()),
            request=wanted,
            age_seconds=self._now() - created(request),
        )

    # what is decided

    def _judgements(
        self, stored: _Stored, roles: _Roles, fingerprints: dict[str, str], failed: list[str]
    ) -> list[Judgement]:
        """The verdicts on requests that waited long enough, in the order in which they have their turn."""
        waiting = stored.pile.waiting
        if not waiting:
            self._looked_at = {}
            return []
        deadline = self._steady() + LOOKING_SECONDS
        cloud = self._look_at_cloud(waiting, roles)
        found: list[Judgement] = []
        looked_at = {each.uid: self._looked_at.get(each.uid, 0) for each in waiting}
        for each in in_order(waiting, roles.has, looked_at):
            if self._steady() > deadline:
                break
            looked_at[each.uid] = self._passes
            try:
                verdict = self._verdict(each, cloud, stored.approved, fingerprints)
            except StageFailed as failure:
                # One of which something is not known holds no other up.
                failed.append(str(failure))
                continue
            if not isinstance(verdict, Postpone):
                found.append((each.head, verdict))
        self._looked_at = looked_at
        return found

    def _look_at_cloud(self, waiting: Collection[WaitingRequest], roles: _Roles) -> _Cloud:
        serving = {each.name for each in waiting if each.kind is RequestKind.SERVING}
        # Of requests with a token the name is the asker's: EC2 is asked only about what is of the cluster.
        asked = {each.name for each in waiting if each.kind is not RequestKind.FIRST or roles.has(each.name)}
        states = known(self._instances.states(asked)) if asked else {}
        return _Cloud(roles.known, states, known(self._instances.addresses(serving)) if serving else {})

    def _verdict(
        self, each: WaitingRequest, cloud: _Cloud, approved: Mapping[str, Collection[str]], fingerprints: dict[str, str]
    ) -> Verdict:
        name, asked = each.name, each.asked
        role, state = cloud.roles.get(name, ""), cloud.states.get(name)
        if each.kind is RequestKind.SERVING:
            return decide_serving(asked, Serving(state, cloud.addresses[name]))
        if each.kind is RequestKind.RENEWAL:
            return decide_renewal(asked, Renewing(role, state))
        if role and name not in fingerprints:
            fingerprints[name] = self._boot_fingerprint(name)
        own = fingerprints.get(name, "")
        return decide_first(
            asked,
            asked.request.fingerprint,
            Bootstrapping(
                role=role,
                state=state,
                # Of no interest where the key is another one.
                has_node=own == asked.request.fingerprint and self._has_node(name),
                boot_fingerprint=own,
                approved=frozenset(approved.get(name, ())),
            ),
        )

    def _has_node(self, name: str) -> bool:
        answer = self.api.get(NODES, name)
        return False if isinstance(answer, NotFound) else bool(known(answer))

    def _boot_fingerprint(self, name: str) -> str:
        row = known(self._table.get(boot_item(self._arn_of(name))))
        try:
            return "" if row is None else boots.boot(row).fingerprint
        except Malformed:
            # The instance wrote it, and may write it anew.
            return ""

    def _judge(self, request: Object, verdict: Approve | Deny) -> list[str]:
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
    outcome = withhold_auto_approvals(api)
    done(outcome)
    return "" if isinstance(outcome, NoOp) else "deleted an automatic approval, which somebody had made"


def _head(request: Object) -> Object:
    """What of a request is needed to judge it."""
    metadata = request["metadata"]
    return {
        "apiVersion": SIGNING_REQUESTS.api,
        "kind": "CertificateSigningRequest",
        "metadata": {key: metadata[key] for key in ("name", "uid", "resourceVersion")},
        "spec": {"signerName": request["spec"]["signerName"]},
    }


def _note_approved(request: Object, approved: dict[str, set[str]]) -> None:
    """Note the key of a first request that was approved.

    Not those of the node itself, which asks for a certificate of its own once it has the first one.
    """
    try:
        of = parse(_pem(request))
    except RequestError:
        return
    approved.setdefault(of.common_name.removeprefix("system:node:"), set()).add(of.fingerprint)


def _pem(request: Object) -> str:
    return base64.b64decode(request["spec"]["request"]).decode("ascii", "replace")
