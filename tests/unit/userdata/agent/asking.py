"""People who ask for access, as rows of the cluster table, and an API server that signs, or does not."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from coordination.access import AccessRequest, Requester
from coordination.names import AccessGroup
from coordination.outcomes import Done, Known, Unknown
from deployment.client_key import ClientKey
from userdata.kube.access import AGENTS
from userdata.kube.outcomes import ApiConflict, ApiInvalid, Exists, NotFound
from userdata.kube.resources import Object, Resource

NOW = 1_800_000_000
ALICE = Requester("AIDAALICE", "arn:aws:iam::123456789012:user/alice")
BOB = Requester("AROAOPS:bob", "arn:aws:iam::123456789012:role/people/ops")
MALLORY = Requester("AIDAMALLORY", "arn:aws:iam::123456789012:user/mallory")
LISTED = {
    AccessGroup.VIEW: (ALICE.principal_arn,),
    AccessGroup.EDIT: (),
    AccessGroup.ADMIN: (BOB.principal_arn,),
}


def asking(
    who: Requester = ALICE,
    group: AccessGroup = AccessGroup.VIEW,
    number: str = "1",
    *,
    key: ClientKey | None = None,
    request: str | None = None,
    seconds: int = 3600,
    at: int = NOW - 5,
) -> AccessRequest:
    """A request that is granted, but for what is given."""
    own = key or ClientKey.made(who.name, group.kubernetes_group)
    return AccessRequest(who, group, number, own.request_pem if request is None else request, seconds, at)


@dataclass
class Signer:
    """An API server with a controller that signs what is approved at once. `answers` are told of each call, in turn,
    and may be given in the place of what it would say."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    signs: bool = True
    asks_as: str = AGENTS
    """The group of whoever creates an object."""
    fails: str = ""
    calls: list[str] = field(default_factory=list)

    def create(self, _: Resource, body: Object, namespace: str = "") -> Any:
        name = body["metadata"]["name"]
        self.calls.append("create")
        if "create" in self.answers:
            return self.answers["create"]
        if name in self.objects:
            return Exists(name)
        self.objects[name] = {**body, "spec": {**body["spec"], "groups": [self.asks_as]}, "status": {}}
        return Done()

    def get(self, _: Resource, name: str, namespace: str = "") -> Any:
        self.calls.append("get")
        return Known(self.objects[name]) if name in self.objects else NotFound(name)

    def judge(self, found: Object, condition: Mapping[str, str]) -> Any:
        self.calls.append("judge")
        if "judge" in self.answers:
            return self.answers["judge"]
        status: dict[str, Any] = {"conditions": [condition]}
        if self.fails:
            status["conditions"].append({"type": "Failed", "message": self.fails})
        elif self.signs:
            status["certificate"] = base64.b64encode(b"certificate").decode()
        self.objects[found["metadata"]["name"]]["status"] = status
        return Done()

    def merge(self, _: Resource, name: str, changes: Object, namespace: str = "") -> Any:
        self.calls.append("merge")
        if "merge" in self.answers:
            return self.answers["merge"]
        annotations = {**self.objects[name]["metadata"]["annotations"], **changes["metadata"]["annotations"]}
        self.objects[name]["metadata"] = {**self.objects[name]["metadata"], "annotations": annotations}
        return Done()


NO_ANSWER, INVALID, CHANGED = Unknown("no answer"), ApiInvalid("spec.request: not a PEM"), ApiConflict("changed")
