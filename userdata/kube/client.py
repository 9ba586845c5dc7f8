"""Talks to one API server, with certificates on both sides.

No method raises for what the API server answers, or fails to. A connection serves one request: an agent asks a few
times a minute, and certificates that were renewed meanwhile are read anew.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from coordination.outcomes import Done, Known, Unknown
from userdata.host import network
from userdata.kube.outcomes import Answer, Change, Refusal, failure
from userdata.kube.resources import SIGNING_REQUESTS, Object, Resource
from userdata.kubeadm.places import API_PORT

REQUEST_SECONDS = 10.0
"""How long the API server may be silent."""
FIELD_MANAGER = "holdfast"
"""In whose name fields are applied."""
_PAGE = 200
# A page of Nodes with all that they say of themselves has about 20 kB for each.
_LARGEST_ANSWER = 32 << 20

_JSON = "application/json"
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"


@dataclass(frozen=True)
class Credentials:
    """Paths of the authority of the API server's certificate, and of a client's certificate and key."""

    authority: str
    certificate: str
    key: str


class Unavailable(Exception):
    """There are no credentials to ask with; the text is for people, and holds nothing secret."""


class Api:
    """The API server at `address`. `credentials` are asked for before each request, and may raise Unavailable."""

    def __init__(
        self,
        address: str,
        credentials: Callable[[], Credentials],
        port: int = API_PORT,
        seconds: float = REQUEST_SECONDS,
    ) -> None:
        self.address = address
        self._credentials = credentials
        self._port = port
        self._seconds = seconds

    def get(self, resource: Resource, name: str, namespace: str = "") -> Answer[Object]:
        """An object. NotFound where there is none."""
        return self._ask(f"get {resource.plural} {name}", "GET", resource.path(name, namespace))

    def list(self, resource: Resource, namespace: str = "", **selectors: str) -> Answer[tuple[Object, ...]]:
        """All objects, by `labelSelector` or `fieldSelector` only some: every page of them or nothing."""
        operation = f"list {resource.plural}"
        found: list[Object] = []
        after = ""
        while True:
            asked = urlencode({"limit": _PAGE, **selectors, **({"continue": after} if after else {})})
            answer = self._ask(operation, "GET", f"{resource.path(namespace=namespace)}?{asked}")
            if not isinstance(answer, Known):
                return answer
            items, metadata = answer.value.get("items"), answer.value.get("metadata")
            # An empty list may come as null, as Go writes it.
            if not isinstance(items or [], list) or not isinstance(metadata, dict):
                return Unknown(f"{operation}: the answer is no list")
            found += items or []
            after = str(metadata.get("continue") or "")
            if not after:
                return Known(tuple(found))

    def create(self, resource: Resource, body: Object, namespace: str = "") -> Change:
        """Create an object. Exists where the name is taken; after Unknown it may be there."""
        operation = f"create {resource.plural} {_name(body)}"
        return _done(self._ask(operation, "POST", resource.path(namespace=namespace), body))

    def review(self, resource: Resource, question: Object) -> Answer[Object]:
        """The answer to a question that is asked by creating an object which is not stored."""
        return self._ask(f"ask {resource.plural}", "POST", resource.path(), question)

    def apply(self, resource: Resource, body: Object, namespace: str = "") -> Change:
        """Make an object's fields what `body` says, whoever set them before, and create it where it is missing."""
        path = f"{resource.path(_name(body), namespace)}?{urlencode({'fieldManager': FIELD_MANAGER, 'force': 'true'})}"
        return _done(self._ask(f"apply {resource.plural} {_name(body)}", "PATCH", path, body, _APPLY))

    def merge(self, resource: Resource, name: str, changes: Object, namespace: str = "") -> Change:
        """Change fields of an object that is there; null removes one."""
        path = f"{resource.path(name, namespace)}?{urlencode({'fieldManager': FIELD_MANAGER})}"
        return _done(self._ask(f"patch {resource.plural} {name}", "PATCH", path, changes, _MERGE))

    def delete(self, resource: Resource, name: str, namespace: str = "") -> Change:
        """Delete an object. NotFound where it is gone already."""
        return _done(self._ask(f"delete {resource.plural} {name}", "DELETE", resource.path(name, namespace)))

    def judge(self, request: Object, condition: Mapping[str, str]) -> Change:
        """Approve or deny a certificate signing request, as it was read: Conflict where it has changed since."""
        status = request.get("status") or {}
        conditions = [*(status.get("conditions") or []), condition]
        body = {**request, "status": {**status, "conditions": conditions}}
        path = f"{SIGNING_REQUESTS.path(_name(request))}/approval"
        return _done(self._ask(f"judge {SIGNING_REQUESTS.plural} {_name(request)}", "PUT", path, body))

    def _ask(
        self, operation: str, method: str, path: str, body: Object | None = None, kind: str = _JSON
    ) -> Answer[Object]:
        """The answer's object. A request without an answer may have been carried out."""
        try:
            connection = http.client.HTTPSConnection(
                self.address, self._port, timeout=self._seconds, context=_context(self._credentials())
            )
            try:
                headers = {"Accept": _JSON, **({} if body is None else {"Content-Type": kind})}
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                response = connection.getresponse()
                status, answer = response.status, _parsed(response.read(_LARGEST_ANSWER))
            finally:
                connection.close()
        except Unavailable as error:
            return Unknown(f"{operation}: {error}")
        except (OSError, http.client.HTTPException) as error:
            said = str(error) if isinstance(error, OSError) else ""
            return Unknown(
                f"{operation} at {self.address}: {type(error).__name__}{said and f': {said}'}", network.code(error)
            )
        if not http.client.OK <= status < http.client.MULTIPLE_CHOICES:
            return failure(operation, status, answer)
        return Known(answer) if isinstance(answer, dict) else Unknown(f"{operation}: the answer is no object")


def _context(credentials: Credentials) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=credentials.authority)
    context.load_cert_chain(credentials.certificate, credentials.key)
    return context


def _parsed(answer: bytes) -> Any:
    """The JSON of an answer, None where it is none."""
    try:
        return json.loads(answer)
    except ValueError:
        return None


def _done(answer: Answer[Object]) -> Done | Refusal | Unknown:
    return Done() if isinstance(answer, Known) else answer


def _name(body: Object) -> str:
    return str(body["metadata"]["name"])
