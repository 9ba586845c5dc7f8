"""Running a Lambda function's real zip in a process of its own, without Docker.

An environment is started for a configuration of a function, keeps its module state between invocations as Lambda's
do, takes one event at a time, and is thrown away when it times out, dies, has had nothing to do for a while, or its
function changes or goes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

BOOTSTRAP = Path(__file__).with_name("lambda_bootstrap.py")
IDLE_LIMIT = 4
"""How many idle environments of a function are kept."""
IDLE_SECONDS = 300.0
"""How long an environment may be idle, in real seconds. Lambda names no time; a function that a schedule calls every
minute keeps one, and what a burst has started beside it goes."""
SWEEP_SECONDS = 5.0
"""How often idle environments are looked at, in real seconds."""
EXIT_SECONDS = 1.0
"""How long a process that has closed its ends may take to be gone."""
INIT_LIMIT_SECONDS = 10
"""How long loading the handler may take; it does not count towards the function's timeout (Lambda's init phase)."""


@dataclass(frozen=True)
class Function:
    """What an invocation needs to know of a function. `environment` is complete: nothing is inherited."""

    name: str
    arn: str
    handler: str
    code: bytes
    timeout_seconds: int
    environment: Mapping[str, str]
    log_stream: str

    @property
    def fingerprint(self) -> str:
        """Changes with the code or the configuration; environments of another fingerprint are not used again."""
        text = json.dumps([self.arn, self.handler, self.timeout_seconds, sorted(self.environment.items())])
        return hashlib.sha256(self.code + text.encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """How an invocation went. The payload of a failed one is the error; `init_seconds` is None for a warm start."""

    payload: bytes
    failed: bool
    log: list[str]
    seconds: float
    init_seconds: float | None
    log_stream: str


class Environment:
    """A running process of a function, and what it has said so far."""

    def __init__(self, process: subprocess.Popen[bytes], answers: int, log_stream: str) -> None:
        self.process = process
        self.log_stream = log_stream
        self.log = b""
        self.answer = b""
        self.idle_since = time.monotonic()
        self._answers = answers
        self._open = {answers, _fileno(process.stdout)}

    def wait_for_answer(self, log_ending: bytes, deadline: float) -> dict[str, Any] | None:
        """Read log and answer until both are complete; None when the process died or the deadline passed."""
        log_descriptor = _fileno(self.process.stdout)
        while self._open and not (log_ending in self.log and b"\n" in self.answer):
            ready, _, _ = select.select(list(self._open), [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return None
            for descriptor in ready:
                chunk = os.read(descriptor, 65536)
                if not chunk:
                    self._open.discard(descriptor)
                elif descriptor == log_descriptor:
                    self.log += chunk
                else:
                    self.answer += chunk
        line, newline, self.answer = self.answer.partition(b"\n")
        return json.loads(line) if newline else None

    @property
    def ended(self) -> bool:
        """Whether the process has closed its ends, so that nothing more will come."""
        return not self._open

    def take_log(self, log_ending: bytes) -> list[str]:
        """The log lines of one request."""
        text, _, self.log = self.log.partition(log_ending)
        return text.decode(errors="replace").splitlines()

    def send(self, request: Mapping[str, Any]) -> None:
        """Hand over a request; a process that is gone is noticed when its answer does not come."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()

    def close(self) -> None:
        """End the process; one that has ended by itself keeps its exit status."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=EXIT_SECONDS if self.ended else 0)
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        os.close(self._answers)


class Sandbox:
    """The environments of all functions. Safe to use from several threads at a time.

    `exists` says whether there is still a function of an ARN.
    """

    def __init__(
        self, exists: Callable[[str], bool], idle_seconds: float = IDLE_SECONDS, sweep_seconds: float = SWEEP_SECONDS
    ) -> None:
        self._exists = exists
        self._idle_seconds = idle_seconds
        self._sweep_seconds = sweep_seconds
        self._lock = threading.Lock()
        self._idle: dict[str, list[Environment]] = {}
        self._busy: set[int] = set()
        self._newest: dict[str, str] = {}
        self._root = Path(tempfile.mkdtemp(prefix="lambda-"))
        self._closed = False
        self._stopping = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="lambda-idle", daemon=True)
        self._sweeper.start()

    def close(self) -> None:
        """End every process and remove the unpacked code."""
        self._stopping.set()
        self._sweeper.join(timeout=10)
        with self._lock:
            self._closed = True
            idle = [environment for each in self._idle.values() for environment in each]
            self._idle.clear()
            for pid in self._busy:
                os.kill(pid, 9)
        for environment in idle:
            environment.close()
        shutil.rmtree(self._root, ignore_errors=True)

    def run(self, function: Function, event: Any, request_id: str) -> Outcome:
        """Call the function once; blocks until it answers, dies or reaches its timeout."""
        environment, cold = self._take(function)
        ending = f"\nEND-OF-LOG {request_id}\n".encode()
        loaded = environment.wait_for_answer(b"", time.monotonic() + INIT_LIMIT_SECONDS) if cold else {}
        begun = time.monotonic()
        reply = None
        if loaded is not None:
            request = {
                "request_id": request_id,
                "function_arn": function.arn,
                "timeout_seconds": function.timeout_seconds,
                "event": event,
                "mark": ending.decode().strip(),
            }
            environment.send(request)
            reply = environment.wait_for_answer(ending, begun + function.timeout_seconds)
        log = environment.take_log(ending)
        if loaded is None or reply is None:
            seconds = time.monotonic() - begun
            with self._lock:
                self._busy.discard(environment.process.pid)
            ended = environment.ended
            environment.close()
            payload = _death(function, request_id, environment.process.returncode if ended else None)
            log.append(payload["errorMessage"])
            return Outcome(json.dumps(payload).encode(), True, log, seconds, None, environment.log_stream)
        self._give_back(function, environment)
        body = json.dumps(reply["payload"]).encode()
        init_seconds = loaded["init_seconds"] if cold else None
        return Outcome(body, reply["failed"], log, reply["seconds"], init_seconds, environment.log_stream)

    def _take(self, function: Function) -> tuple[Environment, bool]:
        """An idle environment, or a new one; the second value says that it is new."""
        fingerprint = function.fingerprint
        stale: list[Environment] = []
        with self._lock:
            if self._closed:
                raise RuntimeError("the local AWS is stopping: no function is started any more")
            if self._newest.get(function.arn) != fingerprint:
                stale = self._idle.pop(self._newest.get(function.arn, ""), [])
                self._newest[function.arn] = fingerprint
            idle = self._idle.get(fingerprint)
            cold = not idle
            environment = idle.pop() if idle else self._start(function, fingerprint)
            self._busy.add(environment.process.pid)
        for old in stale:
            old.close()
        return environment, cold

    def _give_back(self, function: Function, environment: Environment) -> None:
        fingerprint = function.fingerprint
        with self._lock:
            self._busy.discard(environment.process.pid)
            idle = self._idle.setdefault(fingerprint, [])
            kept = not self._closed and self._newest.get(function.arn) == fingerprint and len(idle) < IDLE_LIMIT
            if kept:
                environment.idle_since = time.monotonic()
                idle.append(environment)
        if not kept:
            environment.close()

    def _sweep(self) -> None:
        """End idle environments of functions that are gone, and what has been idle for too long, until the close."""
        while not self._stopping.wait(self._sweep_seconds):
            with self._lock:
                arns = list(self._newest)
            deleted = [arn for arn in arns if not self._exists(arn)]
            begun_before = time.monotonic() - self._idle_seconds
            with self._lock:
                gone = [each for arn in deleted for each in self._idle.pop(self._newest.pop(arn, ""), [])]
                for fingerprint, kept in list(self._idle.items()):
                    gone += [each for each in kept if each.idle_since < begun_before]
                    self._idle[fingerprint] = [each for each in kept if each.idle_since >= begun_before]
            for environment in gone:
                environment.close()

    def _start(self, function: Function, fingerprint: str) -> Environment:
        folder = self._root / fingerprint[:32]
        if not folder.exists():
            folder.mkdir()
            with zipfile.ZipFile(io.BytesIO(function.code)) as archive:
                archive.extractall(folder)
        readable, writable = os.pipe()
        try:
            process = subprocess.Popen(
                # It may keep compiled files beside the code, which is unpacked once for all processes of a function.
                [sys.executable, "-u", str(BOOTSTRAP)],
                cwd=folder,
                env={
                    **function.environment,
                    "AWS_LAMBDA_LOG_STREAM_NAME": function.log_stream,
                    "LAMBDA_TASK_ROOT": str(folder),
                    "HOLDFAST_LAMBDA_ANSWERS": str(writable),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(writable,),
            )
        finally:
            os.close(writable)
        return Environment(process, readable, function.log_stream)


def _death(function: Function, request_id: str, crashed: int | None) -> dict[str, str]:
    """The error that Lambda reports for a function that did not answer: it crashed with a status, or is late."""
    if crashed is None:
        text = f"{_now()} {request_id} Task timed out after {function.timeout_seconds}.00 seconds"
        return {"errorType": "Sandbox.Timedout", "errorMessage": text}
    reason = f"RequestId: {request_id} Error: Runtime exited with error: exit status {crashed}"
    return {"errorType": "Runtime.ExitError", "errorMessage": reason}


def _fileno(stream: IO[bytes] | None) -> int:
    assert stream is not None
    return stream.fileno()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
