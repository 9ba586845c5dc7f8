"""Talks to one API server, with certificates on both sides.

No method raises for what the API server answers, or fails to.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlencode

from coordination.outcomes import Done, Known, Unknown
from userdata.host import https
from userdata.host.https import Credentials, NoAnswer
from userdata.kube.outcomes import Answer, ApiRefusal, Change, failure
from userdata.kube.resources import PODS, SIGNING_REQUESTS, Object, Resource
from userdata.kubeadm.places import API_PORT

FIELD_MANAGER = "holdfast"
"""In whose name fields are applied."""
_PAGE = 200
LARGEST_PAGE = 32 << 20
"""Bytes of an answer. A page of Nodes with all that they say of themselves has about 20 kB for each."""

_JSON = "application/json"
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"


class Api:
    """The API server at `address`. `credentials` are asked for before each request, and may raise Unavailable."""

    def __init__(
        self,
        address: str,
        credentials: Callable[[], Credentials],
        port: int = API_PORT,
        seconds: float = https.REQUEST_SECONDS,
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
        found: list[Object] = []
        for page in self.pages(resource, selectors, namespace):
            if not isinstance(page, Known):
                return page
            found += page.value
        return Known(tuple(found))

    def pages(
        self, resource: Resource, selectors: Mapping[str, str], namespace: str = "", largest: int = LARGEST_PAGE
    ) -> Iterator[Answer[tuple[Object, ...]]]:
        """The same, page by page, for who need not keep them all; it ends with the first that is not Known.

        A page of more than `largest` bytes is asked for anew in parts.
        """
        operation = f"list {resource.plural}"
        after, size = "", _PAGE
        while True:
            asked = urlencode({"limit": size, **selectors, **({"continue": after} if after else {})})
            answer = self._ask(operation, "GET", f"{resource.path(namespace=namespace)}?{asked}", limit=largest)
            if isinstance(answer, NoAnswer) and answer.code == https.TOO_LARGE and size > 1:
                size //= 2
                continue
            if not isinstance(answer, Known):
                yield answer
                return
            items, metadata = answer.value.get("items"), answer.value.get("metadata")
            # An empty list may come as null, as Go writes it.
            if not isinstance(items or [], list) or not isinstance(metadata, dict):
                yield Unknown(f"{operation}: the answer is no list")
                return
            yield Known(tuple(items or ()))
            after = str(metadata.get("continue") or "")
            if not after:
                return

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

    def delete(self, resource: Resource, name: str, namespace: str = "", uid: str = "") -> Change:
        """Delete an object, where a UID is given only the one that has it.

        NotFound where it is gone already, ApiConflict where the object of this name has another UID.
        """
        options = {"apiVersion": "v1", "kind": "DeleteOptions", **_only(uid)} if uid else None
        return _done(self._ask(f"delete {resource.plural} {name}", "DELETE", resource.path(name, namespace), options))

    def evict(self, namespace: str, name: str, uid: str) -> Change:
        """Delete a Pod, with its own grace period, if its PodDisruptionBudget allows that.

        BudgetRefusal where it does not for now, NotFound where the Pod is gone, ApiConflict where the Pod of this name
        has another UID. Unknown also where the Pod has two budgets.
        """
        metadata = {"name": name, "namespace": namespace}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata, "deleteOptions": _only(uid)}
        return _done(self._ask(f"evict pods {name}", "POST", f"{PODS.path(name, namespace)}/eviction", body))

    def judge(self, request: Object, condition: Mapping[str, str]) -> Change:
        """Approve or deny a certificate signing request, as it was read: Conflict where it has changed since.

        Of its spec the API server reads nothing here: it may be left out.
        """
        status = request.get("status") or {}
        conditions = [*(status.get("conditions") or []), condition]
        body = {**request, "status": {**status, "conditions": conditions}}
        path = f"{SIGNING_REQUESTS.path(_name(request))}/approval"
        return _done(self._ask(f"judge {SIGNING_REQUESTS.plural} {_name(request)}", "PUT", path, body))

    def _ask(
        self,
        operation: str,
        method: str,
        path: str,
        body: Object | None = None,
        kind: str = _JSON,
        limit: int = LARGEST_PAGE,
    ) -> Answer[Object]:
        """The answer's object. A request without an answer may have been carried out."""
        answered = https.ask(
            operation,
            self.address,
            self._port,
            self._context,
            method,
            path,
            body=body,
            headers={"Accept": _JSON, **({} if body is None else {"Content-Type": kind})},
            limit=limit,
            seconds=self._seconds,
        )
        if isinstance(answered, NoAnswer):
            return answered
        status, said = answered.value.status, answered.value.json()
        if not http.client.OK <= status < http.client.MULTIPLE_CHOICES:
            return failure(operation, status, said)
        return Known(said) if isinstance(said, dict) else Unknown(f"{operation}: the answer is no object")

    def _context(self) -> ssl.SSLContext:
        return self._credentials().context()


def _done(answer: Answer[Object]) -> Done | ApiRefusal | Unknown:
    return Done() if isinstance(answer, Known) else answer


def _only(uid: str) -> Object:
    """What makes the API server delete an object only if it has this UID."""
    return {"preconditions": {"uid": uid}}


def _name(body: Object) -> str:
    return str(body["metadata"]["name"])
