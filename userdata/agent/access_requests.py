"""The task that answers people's requests for access, by what `access_policy` decides.

The API server signs: what is asked for and what was approved stands in its audit log, and no program of ours need hold
the authority's key for it. The object of a request stays in the API for an hour, until Kubernetes removes it, and is
named by the key: so no key gets a second certificate while its request could be sent again.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from coordination.access import AccessGranted, AccessRefused, Refusal
from coordination.names import ACCESS_ITEM_PREFIX, TABLE_KEY
from coordination.outcomes import Conflict, Item, Unknown
from coordination.ports import Table
from userdata.agent.access_policy import Listed, ToDelete, ToRefuse, ToSign, verdicts
from userdata.agent.tasks import Task
from userdata.kube.access import AGENTS
from userdata.kube.client import Api
from userdata.kube.outcomes import ApiConflict, ApiInvalid, Exists, NotFound
from userdata.kube.resources import SIGNING_REQUESTS, Object
from userdata.kube.rights import PERSON_SIGNER
from userdata.kube.unwrap import done, known
from userdata.logs.lines import StageFailed

PERIOD_SECONDS = 10.0
"""A scan of the table each time; somebody sits before it, and waits for half of it."""
PASS_SECONDS = 20.0
"""For so long a pass answers; what is left has its turn in the next one."""
SIGNING_SECONDS = 5.0
"""For so long a pass waits until a request that it approved is signed, which takes the controller a moment."""
_LOOK_SECONDS = 0.2
_ROW = "holdfast.io/access-request"
_REQUESTED_AT = "holdfast.io/access-requested-at"
_ANSWERED = "holdfast.io/access-answered"


@dataclass
class AccessRequests:
    """`listed` says who may have which group, and raises StageFailed; `authority` is the bundle of the cluster's
    certificate authority."""

    api: Api
    table: Table
    listed: Callable[[], Listed]
    authority: Callable[[], str]
    beat: Callable[[], object] = lambda: None
    now: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def task(self) -> Task:
        """The leader's."""
        return Task("access", PERIOD_SECONDS, self.run, leader_only=True, urgent=True)

    def run(self) -> str:
        """Answer what waits, and delete what has ended. Raises StageFailed, after doing the rest."""
        reading = self.table.items([ACCESS_ITEM_PREFIX])
        items = known(reading)
        if not items:
            return ""
        deadline = self.steady() + PASS_SECONDS
        told: list[str] = []
        failed: list[str] = []
        for each in verdicts(items, self.listed(), int(self.now())):
            if self.steady() > deadline:
                break
            self.beat()
            try:
                told += self._carry_out(each)
            except StageFailed as failure:
                # One that cannot be answered holds no other up.
                failed.append(str(failure))
        if failed:
            raise StageFailed("; ".join([failed[0], *told]))
        return "; ".join(told)

    def _carry_out(self, verdict: ToSign | ToRefuse | ToDelete) -> list[str]:
        item_id = str(verdict.item[TABLE_KEY])
        if isinstance(verdict, ToDelete):
            deleted = self.table.delete(item_id, _as_read(verdict.item))
            if isinstance(deleted, Unknown):
                raise StageFailed(deleted.reason)
            return []
        if isinstance(verdict, ToRefuse):
            return self._refuse(verdict)
        return self._sign(verdict)

    def _refuse(self, verdict: ToRefuse) -> list[str]:
        item_id = str(verdict.item[TABLE_KEY])
        self._answer(verdict.item, AccessRefused(verdict.refusal, verdict.reason, int(self.now())).item(item_id))
        return [f"refused {item_id[:200]}: {verdict.refusal}: {verdict.reason}"]

    def _answer(self, item: Item, given: Item) -> None:
        """Put an answer in the place of a request; where that is another one by now, it has its turn."""
        written = self.table.put(given, _as_read(item))
        if not isinstance(written, Conflict):
            done(written)

    def _sign(self, verdict: ToSign) -> list[str]:
        name = f"holdfast-access-{verdict.wanted.fingerprint[:32]}"
        created = self.api.create(SIGNING_REQUESTS, _request(name, verdict))
        if isinstance(created, ApiInvalid):
            return self._refuse(ToRefuse(verdict.item, Refusal.NOT_SIGNED, created.reason))
        if not isinstance(created, Exists):
            done(created)
        found = known(self.api.get(SIGNING_REQUESTS, name))
        if not _is_own(found, name, verdict):
            reason = "a certificate was asked for with this very key before: make another one"
            return self._refuse(ToRefuse(verdict.item, Refusal.REPLAYED, reason))
        if not _conditions(found):
            approved = {"type": "Approved", "status": "True", "reason": "Holdfast", "message": _said(verdict)}
            judged = self.api.judge(found, approved)
            if not isinstance(judged, ApiConflict | NotFound):
                done(judged)
        certificate = self._signed(name, verdict)
        if isinstance(certificate, ToRefuse):
            return self._refuse(certificate)
        self._answer(
            verdict.item, AccessGranted(certificate, self.authority(), int(self.now())).item(verdict.request.item_id)
        )
        # The next one with this key is a repetition.
        done(self.api.merge(SIGNING_REQUESTS, name, {"metadata": {"annotations": {_ANSWERED: "true"}}}))
        return [f"granted: {_said(verdict)}"]

    def _signed(self, name: str, verdict: ToSign) -> str | ToRefuse:
        """The certificate in PEM. Raises StageFailed where it is not there yet: the next pass goes on."""
        deadline = self.steady() + SIGNING_SECONDS
        while True:
            status = known(self.api.get(SIGNING_REQUESTS, name)).get("status") or {}
            if certificate := status.get("certificate"):
                return base64.b64decode(certificate).decode("ascii")
            wrong = [each for each in status.get("conditions") or () if each["type"] != "Approved"]
            if wrong:
                said = f"{name} is {wrong[0]['type']}: {wrong[0].get('message', '')[:200]}"
                return ToRefuse(verdict.item, Refusal.NOT_SIGNED, said)
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


def _as_read(item: Item) -> Mapping[str, object]:
    """What a write is conditional on: the row is there, and no other request stands in it."""
    named = {name: value for name, value in item.items() if name in ("RequestedAt", "AnsweredAt")}
    return {TABLE_KEY: item[TABLE_KEY], **{name: value for name, value in named.items() if isinstance(value, int)}}
