"""A balancer's process on loopback, without namespaces: connections, their ends, and health checks over HTTP."""

from __future__ import annotations

import contextlib
import errno
import queue
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from rehearsal.machines.proxy.plan import Check, Finding, Group, Listener, Plan, Target, Zone, read_finding, write

NODE = Zone("a", "127.0.0.1")
TARGET_ADDRESS = "127.0.0.2"
CHECK = Check("TCP", "/", None, 0.05, 1.0, 2, 2, ((200, 399),), 6443)
GROUP = "group"
PATIENCE_SECONDS = 60.0
MUCH_BYTES = 64 * 1024 * 1024
"""More than all buffers between two ends hold."""


class Proxy:
    """The process, and one port that it listens on."""

    def __init__(self) -> None:
        with socket.create_server((NODE.address, 0)) as free:
            self.port = free.getsockname()[1]
        self.program = subprocess.Popen(
            [sys.executable, "-m", "rehearsal.machines.proxy"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._findings: queue.Queue[Finding] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def close(self) -> None:
        """Let it end by itself."""
        assert self.program.stdin is not None
        self.program.stdin.close()
        assert self.program.wait(PATIENCE_SECONDS) == 0

    def follow(self, *targets: Target, check: Check = CHECK, idle_seconds: float = 60.0, cut: bool = True) -> None:
        """Send a plan with one group."""
        group = Group(GROUP, cross_zone=True, check=check, cut_unhealthy=True, cut_drained=cut, targets=targets)
        plan = Plan((NODE,), (Listener(self.port, idle_seconds, GROUP),), (group,))
        assert self.program.stdin is not None
        self.program.stdin.write(write(plan))
        self.program.stdin.flush()

    def until(self, state: str, reason: str = "") -> Finding:
        """The next finding of a state. queue.Empty when there is none in time."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = self._findings.get(timeout=max(0.0, deadline - time.monotonic()))
            if (found.state, found.reason) == (state, reason):
                return found

    def connect(self) -> socket.socket:
        """A connection through the balancer."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return socket.create_connection((NODE.address, self.port), PATIENCE_SECONDS)
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def _read(self) -> None:
        assert self.program.stdout is not None
        for line in self.program.stdout:
            self._findings.put(read_finding(line))


class Server:
    """A target whose connections the test holds; those of health checks are passed over by `accept`."""

    def __init__(self) -> None:
        self.bound = socket.create_server((TARGET_ADDRESS, 0))
        self.bound.settimeout(PATIENCE_SECONDS)
        self.target = Target("i-1", self.bound.getsockname()[1], TARGET_ADDRESS, "a")

    def accept(self) -> socket.socket:
        """The next connection on which something comes."""
        while True:
            made, _ = self.bound.accept()
            made.settimeout(PATIENCE_SECONDS)
            if made.recv(1, socket.MSG_PEEK):
                return made
            made.close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A running process."""
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.fixture
def server() -> Iterator[Server]:
    """A listening target."""
    server = Server()
    with server.bound:
        yield server


@contextlib.contextmanager
def joined(proxy: Proxy, server: Server, idle_seconds: float = 60.0) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection through the balancer."""
    # Checked rarely: the connections of checks would only be in the way.
    proxy.follow(server.target, check=replace(CHECK, interval_seconds=60.0), idle_seconds=idle_seconds)
    with proxy.connect() as client:
        client.sendall(b"?")
        with server.accept() as accepted:
            assert accepted.recv(1) == b"?"
            yield client, accepted


def is_reset(ended: socket.socket) -> bool:
    """Whether a connection ends with a reset, and not in good order."""
    try:
        return ended.recv(1) == b"never"
    except ConnectionResetError:
        return True


def is_refused(port: int) -> bool:
    """Whether nobody listens on a port of the balancer."""
    with socket.socket() as made:
        return made.connect_ex((NODE.address, port)) == errno.ECONNREFUSED


def test_bytes_go_both_ways_and_one_side_may_end_first(proxy: Proxy, server: Server) -> None:
    with joined(proxy, server) as (client, accepted):
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert accepted.makefile("rb").read() == b"question"
        accepted.sendall(b"answer")
        accepted.shutdown(socket.SHUT_WR)
        assert client.makefile("rb").read() == b"answer"


def test_a_reset_of_one_side_is_a_reset_of_the_other(proxy: Proxy, server: Server) -> None:
    with joined(proxy, server) as (client, accepted):
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()
        assert is_reset(client)


def test_a_slow_reader_slows_the_sender_down_and_gets_everything(proxy: Proxy, server: Server) -> None:
    with joined(proxy, server) as (client, accepted):
        sent = 0
        client.setblocking(False)
        piece = bytes(1024 * 1024)
        while sent < MUCH_BYTES and select.select([], [client], [], 0.5)[1]:
            with contextlib.suppress(BlockingIOError):
                sent += client.send(piece)
        assert sent < MUCH_BYTES
        client.shutdown(socket.SHUT_WR)
        assert sum(map(len, iter(lambda: accepted.recv(1024 * 1024), b""))) == sent


def test_a_silent_connection_is_reset_and_one_that_speaks_is_not(proxy: Proxy, server: Server) -> None:
    with joined(proxy, server, idle_seconds=2.0) as (client, accepted):
        for _ in range(3):
            time.sleep(0.8)
            accepted.sendall(b"!")
            assert client.recv(1) == b"!"
        assert is_reset(client)
        assert is_reset(accepted)


def test_a_target_that_refuses_resets_the_client(proxy: Proxy, server: Server) -> None:
    server.bound.close()
    proxy.follow(server.target)
    # The reset may be there before the client knows that it is connected.
    with contextlib.suppress(ConnectionResetError), proxy.connect() as client:
        assert is_reset(client)


def test_without_targets_a_client_is_reset(proxy: Proxy) -> None:
    proxy.follow()
    with contextlib.suppress(ConnectionResetError), proxy.connect() as client:
        assert is_reset(client)


@pytest.mark.parametrize("cut", [True, False])
def test_connections_to_a_target_that_is_gone_are_cut_where_the_group_says_so(
    proxy: Proxy, server: Server, cut: bool
) -> None:
    with joined(proxy, server) as (client, accepted):
        proxy.follow(server.target, cut=cut)
        proxy.follow(replace(server.target, draining=True), cut=cut)
        client.sendall(b"1")
        assert accepted.recv(1) == b"1"
        proxy.follow(cut=cut)
        if cut:
            assert is_reset(client)
        else:
            time.sleep(0.2)
            client.sendall(b"2")
            assert accepted.recv(1) == b"2"


def test_a_listener_that_is_gone_refuses_and_its_connections_go_on(proxy: Proxy, server: Server) -> None:
    with joined(proxy, server) as (client, accepted):
        group = Group(
            GROUP, cross_zone=True, check=CHECK, cut_unhealthy=True, cut_drained=True, targets=(server.target,)
        )
        assert proxy.program.stdin is not None
        proxy.program.stdin.write(write(Plan((NODE,), (), (group,))))
        proxy.program.stdin.flush()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_refused(proxy.port):
            assert time.monotonic() < deadline
        client.sendall(b"!")
        assert accepted.recv(1) == b"!"


def test_a_target_is_healthy_when_it_accepts_and_unhealthy_when_it_does_not(proxy: Proxy, server: Server) -> None:
    proxy.follow(server.target)
    assert proxy.until("healthy").seen_by == ("a",)
    server.bound.close()
    assert proxy.until("unhealthy", "Target.FailedHealthChecks").seen_by == ()


def test_another_registration_is_checked_anew_and_keeps_its_connections(proxy: Proxy, server: Server) -> None:
    proxy.follow(server.target)
    proxy.until("healthy")
    with joined(proxy, server) as (client, accepted):
        proxy.follow(replace(server.target, since=1.0))
        while proxy.until("healthy").since != 1.0:
            pass
        client.sendall(b"!")
        assert accepted.recv(1) == b"!"


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", "healthy", ""),
        (b"HTTP/1.1 302 Found\r\n\r\n", "healthy", ""),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "unhealthy", "Target.ResponseCodeMismatch"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "unhealthy", "Target.FailedHealthChecks"),
        (b"", "unhealthy", "Target.FailedHealthChecks"),
        (None, "unhealthy", "Target.Timeout"),
    ],
)
def test_an_http_check_judges_the_status_code(
    proxy: Proxy, server: Server, answer: bytes | None, state: str, reason: str
) -> None:
    asked: queue.Queue[bytes] = queue.Queue()
    kept = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                made, _ = server.bound.accept()
                if answer is None:
                    kept.append(made)
                    continue
                with made:
                    asked.put(made.recv(1000))
                    made.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    check = replace(CHECK, protocol="HTTP", path="/readyz", timeout_seconds=0.3)
    proxy.follow(server.target, check=check)
    proxy.until(state, reason)
    if answer is not None:
        request = asked.get().decode()
        assert request.startswith("GET /readyz HTTP/1.1\r\n")
        assert {"User-Agent: ELB-HealthChecker/2.0", f"Host: {NODE.address}:6443"} <= set(request.splitlines())
    for each in kept:
        each.close()
