"""The task that answers people's requests for access, by what `access_policy` decides.

The API server signs: what is asked for and what was approved stands in its audit log, and no program of ours need hold
the authority's key for it. The object of a request stays in the API for an hour, until Kubernetes removes it, and is
named by the key: so no key gets a second certificate while its request could be sent again.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from coordination.access import AccessGranted, AccessRefused, AccessRows, Answer, Outline, Refusal
from coordination.outcomes import Conflict, Unknown
from userdata.agent.access_policy import Listed, ToRefuse, ToSign, judge, turns
from userdata.agent.tasks import Task
from userdata.kube.access import AGENTS
from userdata.kube.client import Api
from userdata.kube.outcomes import ApiConflict, ApiInvalid, Exists, NotFound
from userdata.kube.resources import SIGNING_REQUESTS, Object
from userdata.kube.rights import PERSON_SIGNER
from userdata.kube.unwrap import done, known
from userdata.logs.lines import StageFailed

PERIOD_SECONDS = 10.0
"""A scan of the access table each time; somebody sits before it, and waits for half of it."""
ANSWERING_SECONDS, DELETING_SECONDS = 20.0, 5.0
"""For so long a pass answers, and deletes then. What is left has its turn in the next one."""
MOST_ROWS, LOOKING_SECONDS = 5000, 5.0
"""So many rows a pass sees, and for so long it reads. The next one goes on behind them."""
SIGNING_SECONDS = 5.0
"""For so long a pass waits until a request that it approved is signed, which takes the controller a moment."""
_LOOK_SECONDS = 0.2
_MOST_TOLD, _LONGEST_LINE = 20, 400
_TOO_MANY = "too many requests of yours wait"
_ROW = "holdfast.io/access-request"
_REQUESTED_AT = "holdfast.io/access-requested-at"
_ANSWERED = "holdfast.io/access-answered"


@dataclass
class _Told:
    """What a pass says: certificates first, since whoever floods the table must not push them out of the log."""

    granted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def text(self) -> str:
        """A line of bounded length. Raises StageFailed where something failed."""
        lines = [*self.granted, *self.refused]
        more = [f"and {len(lines) - _MOST_TOLD} more"] if len(lines) > _MOST_TOLD else []
        said = [line[:_LONGEST_LINE] for line in lines[:_MOST_TOLD]] + more
        if self.failed:
            raise StageFailed("; ".join([self.failed[0], *said]))
        return "; ".join(said)


@dataclass
class AccessRequests:
    """`listed` says who may have which group, and raises StageFailed; `authority` is the bundle of the cluster's
    certificate authority."""

    api: Api
    table: AccessRows
    listed: Callable[[], Listed]
    authority: Callable[[], str]
    beat: Callable[[], object] = lambda: None
    now: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _after: str = field(default="", init=False)
    """Behind which row the next pass begins to look."""

    def task(self) -> Task:
        """The leader's."""
        return Task("access", PERIOD_SECONDS, self.run, leader_only=True, urgent=True)

    def run(self) -> str:
        """Answer what waits, and delete what has ended. Raises StageFailed, after doing the rest."""
        rows = self._rows()
        if not rows:
            return ""
        told = _Told()
        found = turns(rows, int(self.now()))
        # Asked for each time: an update of the stack changes it.
        listed = self.listed() if found.look else {}
        self._each(found.look, lambda row: self._answer_one(row, listed, told), ANSWERING_SECONDS, told)
        refusal = ToRefuse(Refusal.TOO_MANY, _TOO_MANY)
        self._each(found.too_many, lambda row: self._refuse(row, refusal, told), DELETING_SECONDS, told)
        self._each(found.delete, self._delete, DELETING_SECONDS, told)
        return told.text()

    def _rows(self) -> list[Outline]:
        """The next rows, as many as a pass has room for. Raises StageFailed."""
        deadline = self.steady() + LOOKING_SECONDS
        rows: list[Outline] = []
        while True:
            page = known(self.table.outlines(self._after))
            rows += page.rows
            self._after = page.after
            if not page.after or len(rows) >= MOST_ROWS or self.steady() > deadline:
                return rows
            self.beat()

    def _each(self, rows: Any, carry_out: Callable[[Outline], object], seconds: float, told: _Told) -> None:
        """Carry something out for each row, for so long; one for which it fails holds no other up."""
        deadline = self.steady() + seconds
        for row in rows:
            if self.steady() > deadline:
                return
            self.beat()
            try:
                carry_out(row)
            except StageFailed as failure:
                told.failed.append(str(failure))

    def _answer_one(self, row: Outline, listed: Listed, told: _Told) -> None:
        item = known(self.table.get(row.item_id))
        if item is None:
            return
        verdict = judge(item, listed, int(self.now()))
        if isinstance(verdict, ToSign):
            verdict = self._sign(row, verdict, told) or verdict
        if isinstance(verdict, ToRefuse):
            self._refuse(row, verdict, told)

    def _delete(self, row: Outline) -> None:
        deleted = self.table.delete(row.item_id, row.as_read)
        if isinstance(deleted, Unknown):
            raise StageFailed(deleted.reason)

    def _refuse(self, row: Outline, verdict: ToRefuse, told: _Told) -> None:
        self._put(row, AccessRefused(verdict.refusal, verdict.reason, int(self.now())))
        told.refused.append(f"refused {row.item_id[:200]}: {verdict.refusal}: {verdict.reason}")

    def _put(self, row: Outline, given: Answer) -> None:
        """Put an answer in the place of a request; where that is another one by now, it has its turn."""
        written = self.table.put(given.item(row.item_id), row.as_read)
        if not isinstance(written, Conflict):
            done(written)

    def _sign(self, row: Outline, verdict: ToSign, told: _Told) -> ToRefuse | None:
        """Have the request signed, and answer it; why it is refused after all, where it is. Raises StageFailed."""
        name = f"holdfast-access-{verdict.wanted.fingerprint[:32]}"
        created = self.api.create(SIGNING_REQUESTS, _request(name, verdict))
        if isinstance(created, ApiInvalid):
            return ToRefuse(Refusal.NOT_SIGNED, created.reason)
        if not isinstance(created, Exists):
            done(created)
        found = known(self.api.get(SIGNING_REQUESTS, name))
        if not _is_own(found, name, verdict):
            reason = "a certificate was asked for with this very key before: make another one"
            return ToRefuse(Refusal.REPLAYED, reason)
        if not _conditions(found):
            approved = {"type": "Approved", "status": "True", "reason": "Holdfast", "message": _said(verdict)}
            judged = self.api.judge(found, approved)
            if not isinstance(judged, ApiConflict | NotFound):
                done(judged)
        certificate = self._signed(name)
        if isinstance(certificate, ToRefuse):
            return certificate
        self._put(row, AccessGranted(certificate, self.authority(), int(self.now())))
        told.granted.append(f"granted: {_said(verdict)}")
        # The next one with this key is a repetition.
        done(self.api.merge(SIGNING_REQUESTS, name, {"metadata": {"annotations": {_ANSWERED: "true"}}}))
        return None

    def _signed(self, name: str) -> str | ToRefuse:
        """The certificate in PEM. Raises StageFailed where it is not there yet: the next pass goes on."""
        deadline = self.steady() + SIGNING_SECONDS
        while True:
            status = known(self.api.get(SIGNING_REQUESTS, name)).get("status") or {}
            if certificate := status.get("certificate"):
                return base64.b64decode(certificate).decode("ascii")
            wrong = [each for each in status.get("conditions") or () if each["type"] != "Approved"]
            if wrong:
                said = f"{name} is {wrong[0]['type']}: {wrong[0].get('message', '')[:200]}"
                return ToRefuse(Refusal.NOT_SIGNED, said)
            if self.steady() > deadline:
                raise StageFailed(f"{name} is approved, and not signed yet: see to kube-controller-manager")
            self.beat()
            self.sleep(_LOOK_SECONDS)


def _request(name: str, verdict: ToSign) -> Object:
    request = verdict.request
    return {
        "apiVersion": SIGNING_REQUESTS.api,
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name, "annotations": _annotations(verdict)},
        "spec": {
            "request": base64.b64encode(request.request.encode()).decode(),
            "signerName": PERSON_SIGNER,
            "expirationSeconds": request.seconds,
            "usages": ["digital signature", "client auth"],
        },
    }


def _annotations(verdict: ToSign) -> Mapping[str, str]:
    return {_ROW: verdict.request.item_id, _REQUESTED_AT: str(verdict.request.requested_at)}


def _is_own(found: Object, name: str, verdict: ToSign) -> bool:
    """Whether an agent made the object for this very request, which then has no answer yet: a pass was broken off.

    Others may create requests, too, under any name and with any annotation; who did stands in `groups`, which the API
    server writes.
    """
    annotations: Mapping[str, Any] = found["metadata"].get("annotations") or {}
    spec, wanted = found["spec"], _request(name, verdict)["spec"]
    return (
        _ANSWERED not in annotations
        and _annotations(verdict).items() <= annotations.items()
        and AGENTS in (spec.get("groups") or ())
        and {key: spec.get(key) for key in wanted} == wanted
    )


def _conditions(found: Object) -> list[Any]:
    return list((found.get("status") or {}).get("conditions") or ())


def _said(verdict: ToSign) -> str:
    request = verdict.request
    return f"{verdict.name} as {request.group.kubernetes_group} for {request.seconds} s, by {request.item_id}"
