"""Sending packets from inside namespaces, many at once: all sockets are made there and used by one thread."""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import struct
import time
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass

from rehearsal.machines.network import namespaces

DROPPED_SECONDS = 0.3
"""How long what must not arrive is waited for: a packet that passes does so within the sender's own call, as a rule."""
ARRIVES_SECONDS = 60.0
"""How long what must arrive is waited for: the kernel of a busy machine leaves packets to a thread that waits."""
POLL_MILLISECONDS = 20
BACKLOG = 1024
SYN, ACK = 0x02, 0x10
_ECHO_REQUEST, _ECHO_REPLY = 8, 0
_echo_ids = itertools.count(1)


@dataclass(frozen=True, order=True)
class Probe:
    """The first packet of a connection; for `icmp` an echo request, whose port is 0."""

    source: str
    target: str
    protocol: str
    port: int


@contextlib.contextmanager
def listening(
    namespaces_by_address: Mapping[str, str], tcp: Collection[int], udp: Collection[int]
) -> Iterator[dict[tuple[str, int], socket.socket]]:
    """Listeners on ports of every address; the result are the UDP sockets, by address and port."""
    with contextlib.ExitStack() as stack:
        heard = {}
        for address, namespace in namespaces_by_address.items():
            for port in tcp:
                stack.enter_context(namespaces.listen(namespace, address, port)).listen(BACKLOG)
            for port in udp:
                made = stack.enter_context(namespaces.listen(namespace, address, port, socket.SOCK_DGRAM))
                made.setblocking(False)
                heard[address, port] = made
        yield heard


def passing(
    probes: Collection[Probe],
    namespaces_by_address: Mapping[str, str],
    heard: Mapping[tuple[str, int], socket.socket] = {},
    expected: Set[Probe] = frozenset(),
) -> set[Probe]:
    """Those of the probes that arrived: a connection was made, an echo came back, a datagram was heard.

    The expected ones are waited for.
    """
    with contextlib.ExitStack() as stack:
        sent = {probe: stack.enter_context(_sent(probe, namespaces_by_address[probe.source])) for probe in probes}
        poll = select.poll()
        waiting = {}
        for probe, made in sent.items():
            if probe.protocol != "udp":
                poll.register(made, select.POLLIN if probe.protocol == "icmp" else select.POLLOUT)
                waiting[made.fileno()] = probe
        names = {made.getsockname(): probe for probe, made in sent.items() if probe.protocol == "udp"}
        arrived: set[Probe] = set()
        began = time.monotonic()
        while True:
            for number, _ in poll.poll(POLL_MILLISECONDS):
                probe = waiting[number]
                if _answered(probe, sent[probe]):
                    arrived.add(probe)
                elif probe.protocol == "icmp":
                    continue
                poll.unregister(number)
                del waiting[number]
            arrived |= {names[sender] for sender in _senders(heard) if sender in names}
            there = expected <= arrived
            if (there and not waiting) or time.monotonic() - began > (DROPPED_SECONDS if there else ARRIVES_SECONDS):
                return arrived


def connects(namespace: str, address: str, port: int, seconds: float = ARRIVES_SECONDS) -> bool:
    """Whether a TCP connection from inside a namespace is made."""
    with namespaces.inside(namespace):
        made = socket.socket()
    with made:
        made.settimeout(seconds)
        try:
            made.connect((address, port))
        except TimeoutError:
            return False
    return True


def drops(namespace: str, address: str, port: int) -> bool:
    """Whether the first packet of a TCP connection from inside a namespace is dropped."""
    return not connects(namespace, address, port, DROPPED_SECONDS)


def send_segment(namespace: str, source: str, target: str, port: int, flags: int) -> None:
    """Send one segment of TCP that belongs to no connection."""
    header = struct.pack("!HHIIBBHHH", 40000, port, 1, 1, 5 << 4, flags, 1024, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!HH", socket.IPPROTO_TCP, len(header))
    checksum = struct.pack("!H", _checksum(pseudo + header))
    with namespaces.inside(namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    with made:
        made.sendto(header[:16] + checksum + header[18:], (target, 0))


def _sent(probe: Probe, namespace: str) -> socket.socket:
    kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM, "icmp": socket.SOCK_RAW}
    with namespaces.inside(namespace):
        made = socket.socket(
            socket.AF_INET, kinds[probe.protocol], socket.IPPROTO_ICMP if probe.protocol == "icmp" else 0
        )
    made.setblocking(False)
    made.bind((probe.source, 0))
    if probe.protocol == "icmp":
        made.connect((probe.target, 0))
        made.send(_echo(next(_echo_ids) % 0xFFFF))
    elif probe.protocol == "udp":
        # Told apart by its source port, and so not connected: a name that two sockets have would be ambiguous.
        made.sendto(b"probe", (probe.target, probe.port))
        made.connect((probe.target, probe.port))
    else:
        made.connect_ex((probe.target, probe.port))
    return made


def _answered(probe: Probe, made: socket.socket) -> bool:
    if probe.protocol == "tcp":
        return made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    with contextlib.suppress(BlockingIOError):
        while True:
            answer = made.recv(1024)
            header_bytes = (answer[0] & 0xF) * 4
            if answer[header_bytes] == _ECHO_REPLY:
                return True
    return False


def _senders(heard: Mapping[tuple[str, int], socket.socket]) -> Iterator[tuple[str, int]]:
    for made in heard.values():
        with contextlib.suppress(BlockingIOError):
            while True:
                yield made.recvfrom(1024)[1]


def _echo(number: int) -> bytes:
    unsigned = struct.pack("!BBHHH", _ECHO_REQUEST, 0, 0, number, 1)
    return unsigned[:2] + struct.pack("!H", _checksum(unsigned)) + unsigned[4:]


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
