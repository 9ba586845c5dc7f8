"""Clients that read, write and compare-and-swap a few keys of etcd at random, and record every call.

They ask etcd's JSON gateway by the node program's own client. Each value is written once, so what is found tells who
wrote it. Reads are linearizable ones. An outcome is `failed` only where etcd certainly was not asked, or says before it
proposes anything that it does not; all else that is not answered is `maybe`. Its "database space exceeded" is no such
word: etcd says it of writes that it has applied, too (quotaApplierV3 in server/etcdserver/apply/quota.go).
"""

from __future__ import annotations

import base64
import http.client
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from coordination.outcomes import Throttled
from tests.storm.history import Call, Operation, Outcome
from tests.storm.recorder import Recorder
from userdata.etcd.client import CLIENT_PORT
from userdata.etcd.refusals import EtcdRefused, Refusal, failure
from userdata.host import https, network
from userdata.host.https import NO_CREDENTIALS, Credentials, NoAnswer

_BEFORE_SENDING = frozenset({NO_CREDENTIALS, "ConnectionRefusedError", network.UNTRUSTED, network.NOT_VALID_NOW})
"""What ends a call before its request is sent. A time-out is no such thing: it may be that of the answer."""
_PAUSE_AFTER_NO_ANSWER_SECONDS = 0.1
_STOP_SECONDS = 60.0

Endpoints = Callable[[], Sequence[str]]
"""The addresses of the members that may be asked now; none means wait."""


@dataclass(frozen=True)
class Load:
    """What the clients do."""

    keys: tuple[str, ...]
    """They have to be absent before, or the first reads find what nobody wrote."""
    clients: int = 5
    first_client: int = 0
    """The number of the first: no two clients whose calls are judged together have the same."""
    pause_seconds: float = 0.02
    """Between two calls of a client."""
    answer_seconds: float = 2.0
    """How long etcd may be silent, while the two shake hands and again before it answers."""
    seed: int = 0


class Register:
    """One member's answers for single keys, each with what it means for a history."""

    def __init__(self, credentials: Credentials, recorder: Recorder, seconds: float) -> None:
        self._credentials = credentials
        self._recorder = recorder
        self._seconds = seconds

    def read(self, client: int, address: str, key: str) -> Call:
        """Read a key, as the majority knows it."""
        call = self._recorder.begin(client, Operation.READ, key)
        answer = self._ask(address, "range", _range(key))
        if isinstance(answer, Outcome):
            return self._recorder.end(call, answer)
        return self._ended(call, lambda: {"found": _found(answer)})

    def write(self, client: int, address: str, key: str, value: str) -> Call:
        """Write a key."""
        call = self._recorder.begin(client, Operation.WRITE, key, value)
        answer = self._ask(address, "put", _put(key, value))
        return self._recorder.end(call, answer if isinstance(answer, Outcome) else Outcome.OK)

    def compare_and_swap(self, client: int, address: str, key: str, expected: str | None, value: str) -> Call:
        """Write a key if it holds what is expected, in one transaction that tells what it held."""
        call = self._recorder.begin(client, Operation.COMPARE_AND_SWAP, key, value, expected)
        compare = {"key": _encoded(key), "result": "EQUAL"}
        if expected is None:
            compare |= {"target": "CREATE", "create_revision": "0"}
        else:
            compare |= {"target": "VALUE", "value": _encoded(expected)}
        then = {"request_put": _put(key, value) | {"prev_kv": True}}
        answer = self._ask(
            address, "txn", {"compare": [compare], "success": [then], "failure": [{"request_range": _range(key)}]}
        )
        if isinstance(answer, Outcome):
            return self._recorder.end(call, answer)
        return self._ended(call, lambda: _swapped(answer))

    def _ended(self, call: Call, understood: Callable[[], Mapping[str, Any]]) -> Call:
        try:
            fields = understood()
        except (KeyError, IndexError, TypeError, ValueError):
            # It has answered something, and nobody can say what.
            return self._recorder.end(call, Outcome.MAYBE)
        return self._recorder.end(call, Outcome.OK, **fields)

    def _ask(self, address: str, what: str, body: Mapping[str, Any]) -> Mapping[str, Any] | Outcome:
        """What etcd answers; without an answer whether the call may have taken effect."""
        answered = https.ask(
            what,
            address,
            CLIENT_PORT,
            self._credentials.context,
            "POST",
            f"/v3/kv/{what}",
            body=body,
            seconds=self._seconds,
        )
        if isinstance(answered, NoAnswer):
            return Outcome.FAILED if answered.code in _BEFORE_SENDING else Outcome.MAYBE
        said = answered.value.json()
        if answered.value.status == http.client.OK:
            return said if isinstance(said, dict) else Outcome.MAYBE
        return _refused(answered.value.status, said)


def _refused(status: int, said: object) -> Outcome:
    # Both are said before anything is proposed.
    refused = failure("", status, said)
    certainly = isinstance(refused, Throttled) or refused == EtcdRefused(Refusal.ASKED_A_LEARNER)
    return Outcome.FAILED if certainly else Outcome.MAYBE


class Clients:
    """Threads that make calls until they are stopped."""

    def __init__(self, load: Load, endpoints: Endpoints, credentials: Credentials, recorder: Recorder) -> None:
        self._load = load
        self._endpoints = endpoints
        self._register = Register(credentials, recorder, load.answer_seconds)
        self._stopping = threading.Event()
        self._broken: list[Exception] = []
        numbers = range(load.first_client, load.first_client + load.clients)
        self._threads = [threading.Thread(target=self._run, args=(each,), name=f"client {each}") for each in numbers]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, after the calls that are under way. Raises what a client broke with, and TimeoutError."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)
            if thread.is_alive():
                raise TimeoutError(f"{thread.name} has not ended within {_STOP_SECONDS:g} s")
        if self._broken:
            raise self._broken[0]

    def _run(self, number: int) -> None:
        # A client that breaks is no client that has nothing to say.
        try:
            self._call(number)
        except Exception as error:
            self._broken.append(error)
            self._stopping.set()

    def _call(self, number: int) -> None:
        chance = random.Random(f"{self._load.seed} {number}")
        last_seen: dict[str, str | None] = {}
        written = 0
        while not self._stopping.wait(self._load.pause_seconds):
            addresses = self._endpoints()
            if not addresses:
                continue
            address, key = chance.choice(addresses), chance.choice(self._load.keys)
            match chance.choice(tuple(Operation)):
                case Operation.READ:
                    call = self._register.read(number, address, key)
                case Operation.WRITE:
                    written += 1
                    call = self._register.write(number, address, key, f"{number}-{written}")
                case Operation.COMPARE_AND_SWAP:
                    written += 1
                    # What this client saw last: it is there still, or somebody else was faster.
                    expected = last_seen.get(key)
                    call = self._register.compare_and_swap(number, address, key, expected, f"{number}-{written}")
            if call.outcome is Outcome.OK:
                wrote = call.operation is Operation.WRITE or call.swapped
                last_seen[key] = call.value if wrote else call.found
            else:
                self._stopping.wait(_PAUSE_AFTER_NO_ANSWER_SECONDS)


@contextmanager
def calling(load: Load, endpoints: Endpoints, credentials: Credentials, recorder: Recorder) -> Iterator[Clients]:
    """Clients that have started, and are stopped in any case. Raises as `Clients.stop`."""
    clients = Clients(load, endpoints, credentials, recorder)
    clients.start()
    try:
        yield clients
    finally:
        clients.stop()


def _range(key: str) -> dict[str, Any]:
    return {"key": _encoded(key), "serializable": False}


def _put(key: str, value: str) -> dict[str, Any]:
    return {"key": _encoded(key), "value": _encoded(value)}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(pair: Mapping[str, Any]) -> str:
    # An empty value is left out of the answer.
    return base64.b64decode(pair.get("value", ""), validate=True).decode()


def _found(answer: Mapping[str, Any]) -> str | None:
    """What a range of one key found. An answer without a header is none of etcd's."""
    answer["header"]
    pairs = answer.get("kvs", [])
    return _decoded(pairs[0]) if pairs else None


def _swapped(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a transaction found, and whether it wrote."""
    answer["header"]
    # etcd leaves out what is false.
    swapped = answer.get("succeeded", False) is True
    (response,) = answer["responses"]
    if not swapped:
        return {"found": _found(response["response_range"]), "swapped": False}
    replaced = response["response_put"].get("prev_kv")
    return {"found": None if replaced is None else _decoded(replaced), "swapped": True}
