"""Refuses the calls of instances to services that no VPC endpoint leads to, and logs what was refused."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from werkzeug.wrappers import Response

from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.iam.requests import parsing
from rehearsal.aws.iam.requests.parsing import Unreadable
from rehearsal.aws.server import Call, LocalAws, Origin
from rehearsal.machines import inventory
from rehearsal.machines.reach.central import read_peers, route_over_peers
from rehearsal.machines.reach.routes import NoRoute, endpoint_name, route
from rehearsal.machines.reach.view import EndpointView, read_view

LOG = logging.getLogger("rehearsal.reach")

SAID_AGAIN_SECONDS = 60.0
"""A client tries again several times a second; the log repeats itself only so often, in real time."""
STREAMS = "dynamodb-streams"
"""DynamoDB Streams sign as DynamoDB and have endpoints of their own: the gateway endpoint does not lead to them."""


@dataclass
class _Said:
    """A line, how often it was true, and when it was logged last."""

    calls: int
    logged: float


class Reach:
    """The guard of one local cloud, and what it refused."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._said: dict[str, _Said] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Guard the local AWS, and tell its IAM which endpoint a call comes through."""
        self._aws.guard(self.guard)
        enforcement_of(self._aws).endpoint_lookup = self.endpoint_of

    def guard(self, call: Call) -> Response | None:
        """None where something leads to the service; else ConnectionError: the caller gets no answer, as on AWS."""
        if call.origin is None:
            return None
        found = self._route(call, call.origin)
        if isinstance(found, NoRoute):
            self._refuse(call, call.origin, found)
            raise ConnectionError(found.reason)
        return None

    def endpoint_of(self, call: Call) -> EndpointView | None:
        """The endpoint that a call from inside a VPC came through; None for calls from outside."""
        found = self._route(call, call.origin) if call.origin is not None else None
        return None if isinstance(found, NoRoute) else found

    def refusals(self) -> list[str]:
        """What was refused, a line for each kind of call."""
        with self._lock:
            return [f"{line} ({said.calls} calls)" for line, said in self._said.items()]

    def _route(self, call: Call, origin: Origin) -> EndpointView | NoRoute:
        service, view = _service(call), read_view(self._aws, origin.vpc_id)
        found = route(view, origin.address, service, call.region)
        # What has an endpoint of its own here has its name by that one's private DNS.
        if isinstance(found, EndpointView) or view.serves(endpoint_name(service, call.region)):
            return found
        if not view.topology.peers:
            return found
        peers = read_peers(self._aws, view, service, call.region)
        return route_over_peers(view, peers, origin.address, service, call.region)

    def _refuse(self, call: Call, origin: Origin, refusal: NoRoute) -> None:
        machine = inventory.machine_at(self._aws, origin.vpc_id, origin.address)
        who = f"{machine.instance_id} ({origin.address})" if machine is not None else origin.address
        what = f"{call.service} {_operation(call, self._aws.account_id)}"
        line = f"{who} called {what}: nothing leads there: {refusal.reason}"
        now = time.monotonic()
        with self._lock:
            said = self._said.get(line)
            log = said is None or now - said.logged >= SAID_AGAIN_SECONDS
            calls = 1 if said is None else said.calls + 1
            self._said[line] = _Said(calls, now if log or said is None else said.logged)
        if log:
            LOG.warning("%s", line)


def _service(call: Call) -> str:
    return STREAMS if parsing.model_name(call) == "dynamodbstreams" else call.service


def _operation(call: Call, account_id: str) -> str:
    try:
        return parsing.parse(call, account_id).operation
    except Unreadable:
        return f"{call.request.method} {call.request.path}"
