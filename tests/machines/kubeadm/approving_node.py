"""Runs on machines of a test: a control plane that approves, and a worker or an attacker that asks. Prints JSON."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

from coordination.instances import GroupInstance
from coordination.names import boot_item
from coordination.outcomes import Known
from userdata.agent.csr_approver import CsrApprover
from userdata.boot.bootstrap_csr import Asker, Key
from userdata.host.https import Credentials
from userdata.join.data import JoinData
from userdata.kube import rights
from userdata.kube.access import Access
from userdata.kube.client import Api
from userdata.kube.resources import SIGNING_REQUESTS
from userdata.kubeadm.tokens import bootstrap_token
from userdata.logs.lines import StageFailed
from userdata.pki.placing import CLUSTER_CA

KUBELET = "/var/lib/kubelet/pki/kubelet-client-current.pem"


class Cloud:
    """What the test lets AWS say: roles, addresses and fingerprints by instance."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._said = said

    def instances(self) -> Known[tuple[GroupInstance, ...]]:
        return Known(
            tuple(GroupInstance(name, "group", each["role"], "InService") for name, each in self._said.items())
        )

    def states(self, names: Any) -> Known[dict[str, str | None]]:
        return Known({name: "running" if name in self._said else None for name in names})

    def addresses(self, names: Any) -> Known[dict[str, frozenset[str]]]:
        return Known({name: frozenset(self._said.get(name, {}).get("addresses", ())) for name in names})

    def items(self, prefixes: Any) -> NoReturn:
        raise AssertionError("the keys of boot rows are known")

    def get(self, item_id: str) -> Known[dict[str, object] | None]:
        for name, each in self._said.items():
            if item_id == boot_item(name) and each.get("fingerprint"):
                return Known({"Id": item_id, "Stage": "certificate", "Fingerprint": each["fingerprint"]})
        return Known(None)


def give_rights(told: dict[str, Any]) -> object:
    with Access(told["instance"]).administrator() as credentials:
        outcome = rights.install(Api(told["address"], credentials))
    return getattr(outcome, "reason", "")


def approve(told: dict[str, Any]) -> object:
    cloud = Cloud(told["cloud"])
    now = datetime.now(UTC).timestamp() + told.get("later", 0)
    api = Api(told["address"], Access(told["instance"]).agent)
    try:
        return CsrApprover(api, cloud, cloud, lambda name: name, lambda: now).run()
    except StageFailed as failed:
        return f"FAILED: {failed}"


def asker(told: dict[str, Any]) -> Asker:
    data = JoinData(1, "e1", told["server"], told["ca"], bootstrap_token(told["token"]))
    return Asker(data, told["named"], Key(told["key"], told["request"], told["fingerprint"]))


def ask(told: dict[str, Any]) -> object:
    return getattr(asker(told).ask(), "reason", "")


def issued(told: dict[str, Any]) -> object:
    answer = asker(told).issued()
    if not isinstance(answer, Known):
        return {"reason": answer.reason}
    return {"certificate": answer.value.certificate if answer.value else ""}


def ask_as_kubelet(told: dict[str, Any]) -> object:
    """Ask for a serving certificate with the certificate of this machine's kubelet."""
    api = Api(told["address"], lambda: Credentials(CLUSTER_CA, KUBELET, KUBELET))
    spec = {
        "request": base64.b64encode(told["request"].encode()).decode(),
        "signerName": rights.SERVING_SIGNER,
        "usages": ["digital signature", "server auth"],
    }
    kind = {"apiVersion": SIGNING_REQUESTS.api, "kind": "CertificateSigningRequest"}
    outcome = api.create(SIGNING_REQUESTS, {**kind, "metadata": {"name": told["name"]}, "spec": spec})
    return getattr(outcome, "reason", "")


def withhold(told: dict[str, Any]) -> object:
    api = Api(told["address"], Access(told["instance"]).agent)
    return getattr(rights.withhold_auto_approvals(api), "reason", "deleted")


VERBS: dict[str, Callable[[dict[str, Any]], object]] = {
    "give_rights": give_rights,
    "approve": approve,
    "ask": ask,
    "issued": issued,
    "ask_as_kubelet": ask_as_kubelet,
    "withhold": withhold,
}

if __name__ == "__main__":
    # What it is told may hold a token, so it comes by standard input.
    print(json.dumps(VERBS[sys.argv[1]](json.loads(sys.stdin.read()))))
