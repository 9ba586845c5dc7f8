"""Which handlers of resource types CloudFormation has invoked, and by whose rights: a log that tests read.

What a handler needs is in the type's schema, also what AWS's own handlers alone call. CloudFormation invokes `read`
"as part of a stack update operation when detailed information about the resource's current state is required" (CLI user
guide, "Developing resource types for CloudFormation templates"): here for each resource that an update looks at.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from enum import StrEnum

from werkzeug.wrappers import Request, Response

INVOKED_PATH = "/_cloudformation/invoked"


class Handler(StrEnum):
    """By the names that a schema has for them."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, order=True)
class Invocation:
    """A handler that was invoked, once or often."""

    identity: str
    """ARN of the role or user by whose rights; empty for the operator of the local AWS."""
    type_name: str
    handler: Handler


class Invocations:
    """All of one local AWS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: set[Invocation] = set()

    def note(self, invocation: Invocation) -> None:
        """One more."""
        with self._lock:
            self._all.add(invocation)

    def all(self) -> list[Invocation]:
        """Each once."""
        with self._lock:
            return sorted(self._all)

    def answer(self, _: Request) -> Response:
        """The log as JSON: a list of objects with the fields of Invocation."""
        body = json.dumps([asdict(each) for each in self.all()])
        return Response(body, content_type="application/json")
