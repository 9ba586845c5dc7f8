"""What stands between a program under test and its network: requests to AWS, and requests to members."""

from __future__ import annotations

import json
import random
import re
import threading
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from tests.storm.light import clock, pace
from tests.storm.light.shared import Places
from userdata.host import https
from userdata.host.https import NoAnswer

_SCOPE = re.compile(rb"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
_SILENT_SECONDS = 0.25
"""How long whoever is cut off waits before he knows: real seconds."""
_LEAST_SECONDS = 0.4


def install(places: Places, instance: str = "", address: str = "") -> None:
    """Put it there, in this process; without an instance it is the function's, which no fault cuts off."""
    _between_aws(places, instance)
    _between_members(places, address)


def _between_aws(places: Places, instance: str) -> None:
    send = URLLib3Session.send
    chance, lock = random.Random(), threading.Lock()
    seeded: list[int] = []

    def drawn(seed: int) -> tuple[float, int]:
        with lock:
            if seeded != [seed]:
                seeded[:] = [seed]
                chance.seed(f"{seed} {instance}")
            return chance.random(), chance.randrange(3)

    def faulty(self: Any, request: Any) -> Any:
        state = places.state
        if instance and instance in state.without_aws:
            clock.sleep_really(_SILENT_SECONDS)
            raise ConnectTimeoutError(endpoint_url=request.url)
        if not state.share or (state.services and _service(request) not in state.services):
            return send(self, request)
        share, trouble = drawn(state.seed)
        if share >= state.share:
            return send(self, request)
        if trouble == 0:
            return _error(request, 400, "ThrottlingException")
        if trouble == 1:
            return _error(request, 500, "InternalServerError")
        # It is carried out, and its answer is lost.
        assert send(self, request).content is not None
        raise ReadTimeoutError(endpoint_url=request.url)

    session: Any = URLLib3Session
    session.send = faulty


def _between_members(places: Places, address: str) -> None:
    ask = https.ask

    def faulty(asked: str, host: str, *given: Any, seconds: float = https.REQUEST_SECONDS, **more: Any) -> Any:
        if places.state.separates(address or host, host):
            clock.sleep_really(_SILENT_SECONDS)
            return NoAnswer(f"{asked} at {host}: TimeoutError", "TimeoutError")
        limit = max(_LEAST_SECONDS, seconds * pace.NETWORK / clock.SPEED)
        return ask(asked, host, *given, seconds=limit, **more)

    https.ask = faulty


def _service(request: Any) -> str:
    authorization = request.headers.get("Authorization", b"")
    found = _SCOPE.search(authorization if isinstance(authorization, bytes) else authorization.encode())
    return found[1].decode() if found else ""


class _Raw:
    """The body of an answer, as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> Any:
        yield self._body


def _error(request: Any, status: int, code: str) -> Any:
    """An answer of the service that refuses: as XML and as JSON, whichever the caller reads."""
    target = request.headers.get("X-Amz-Target")
    if target:
        body = json.dumps({"__type": f"com.amazonaws#{code}", "message": "as the storm wants it"})
    else:
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>as the storm wants it</Message></Error>"
        body = f"<ErrorResponse>{error}<RequestId>none</RequestId></ErrorResponse>"
    make: Any = AWSResponse
    return make(request.url, status, {"x-amzn-RequestId": "none"}, _Raw(body.encode()))
