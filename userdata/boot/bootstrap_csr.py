"""A worker's first certificate: for a key that it has published as its own, asked for with the join token.

kubelet could ask by itself, but it makes its key in memory, so nobody could say whose request it is. The agent compares
this request's key with the instance's own `boot#` row, which IAM lets no other instance write. Afterwards the kubelet
asks with this certificate for one of its own, and renews that by itself.
"""

from __future__ import annotations

import base64
import http.client
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from coordination.names import first_request_name
from coordination.outcomes import Done, Known, Reading, Unknown
from userdata.host import files, https
from userdata.host.https import NoAnswer
from userdata.join.data import JoinData
from userdata.kubeadm.places import BOOTSTRAP_FILE, DISCOVERY_FILE
from userdata.pki.inspecting import key_fingerprint
from userdata.pki.issuing import Leaf, Subject, new_key, new_request
from userdata.pki.material import blocks_of_certificates
from userdata.pki.openssl import OpensslFailed

KEY_FILE = "/var/lib/holdfast/first-key.pem"
"""Kept until the node has joined: a boot that is interrupted asks again for the key that was approved already."""

_HOLDERS = (KEY_FILE, DISCOVERY_FILE, BOOTSTRAP_FILE)
"""All that hold it: what kubeadm finds the cluster by, and what it gives the kubelet, are made with it."""

_PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
_SECONDS = 10.0


@dataclass(frozen=True)
class Key:
    """A new key, the request for its certificate, and the fingerprint that tells whose it is."""

    private: str = field(repr=False)
    request: str
    fingerprint: str


@dataclass(frozen=True)
class Denied:
    """An agent has denied the request. The same key is not asked for again."""

    reason: str


def kept(root: Path, instance_id: str) -> Reading[Key | None]:
    """The key that an interrupted boot has left below `root`: None where there is none, unknown where it is no use."""
    try:
        return Known(_of((root / KEY_FILE.lstrip("/")).read_text(encoding="ascii"), instance_id))
    except FileNotFoundError:
        return Known(None)
    except UnicodeDecodeError:
        # Not the error itself: it quotes the file.
        return Unknown(f"{KEY_FILE} is no text")
    except (OpensslFailed, OSError) as error:
        return Unknown(str(error))


def new(root: Path, instance_id: str) -> Key:
    """A new key for the node of an instance, in place of one that is kept. Raises OpensslFailed, OSError."""
    private = new_key()
    files.write(root, {KEY_FILE: files.private(private)})
    return _of(private, instance_id)


def forget(root: Path) -> Done | Unknown:
    """Remove the key from wherever it is: the kubelet has one of its own."""
    left: list[str] = []
    for holder in _HOLDERS:
        path = root / holder.lstrip("/")
        for each in (path, files.draft_of(path)):
            try:
                each.unlink(missing_ok=True)
            except OSError as error:
                # One that stays holds no other up.
                left.append(str(error))
    return Unknown(f"the first key could not be removed everywhere: {'; '.join(left)}") if left else Done()


def _of(private: str, instance_id: str) -> Key:
    subject = Subject(f"system:node:{instance_id}", "system:nodes")
    return Key(private, new_request(subject, private), key_fingerprint(private))


class Asker:
    """Asks the API server for the certificate of a key, as the holder of the join token."""

    def __init__(self, data: JoinData, instance_id: str, key: Key) -> None:
        self._host, _, port = data.server.removeprefix("https://").rpartition(":")
        self._port = int(port)
        self._bundle = data.bundle
        self._token = data.token
        self._key = key
        # The same key always asks by the same name, so that a lost reply does no harm.
        self._name = first_request_name(instance_id, key.fingerprint)

    def ask(self) -> Reading[None]:
        """Ask, if it was not asked before."""
        document = {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": self._name},
            "spec": {
                "request": base64.b64encode(self._key.request.encode()).decode(),
                "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
                "usages": ["digital signature", "client auth"],
            },
        }
        answered = self._send("POST", _PATH, document)
        if isinstance(answered, Unknown):
            return answered
        status, said = answered.value
        if status in (http.client.CREATED, http.client.CONFLICT):
            return Known(None)
        return _refused(status, said)

    def issued(self) -> Reading[Leaf | None] | Denied:
        """The certificate; None while nobody has approved the request."""
        answered = self._send("GET", f"{_PATH}/{self._name}", None)
        if isinstance(answered, Unknown):
            return answered
        status, said = answered.value
        if status != http.client.OK:
            return _refused(status, said)
        try:
            return self._judged(said)
        except (ValueError, AttributeError, TypeError):
            return Unknown("the API's answer about the request for a certificate cannot be understood")

    def _judged(self, said: Any) -> Known[Leaf | None] | Denied:
        """What became of the request. Raises ValueError, AttributeError, TypeError where `said` is no such request."""
        state = said.get("status") or {}
        for condition in state.get("conditions") or []:
            if condition.get("type") in ("Denied", "Failed"):
                return Denied(f"the request for a certificate was denied: {str(condition.get('message'))[:200]}")
        if not state.get("certificate"):
            return Known(None)
        issued = blocks_of_certificates(base64.b64decode(state["certificate"]).decode())
        return Known(Leaf("".join(issued), self._key.private))

    def _send(self, method: str, path: str, document: object) -> Reading[tuple[int, Any]]:
        """The status of an answer, and its JSON: None where it is none."""
        headers = {"Authorization": f"Bearer {self._token.text}", "Content-Type": "application/json"}
        answered = https.ask(
            "the API",
            self._host,
            self._port,
            partial(https.trusting, self._bundle),
            method,
            path,
            body=document,
            headers=headers,
            seconds=_SECONDS,
        )
        return answered if isinstance(answered, NoAnswer) else Known((answered.value.status, answered.value.json()))


def _refused(status: int, said: Any) -> Unknown:
    message = said.get("message", "") if isinstance(said, dict) else ""
    return Unknown(f"the API answers {status}: {str(message)[:200]}", f"HTTP {status}")
