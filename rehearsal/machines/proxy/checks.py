"""One health check: a connection from a node to a target, and for HTTP and HTTPS a request on it."""

from __future__ import annotations

import asyncio
import socket
import ssl

from rehearsal.machines.proxy.plan import FAILED, MISMATCH, TIMEOUT, Check, Target, Zone
from rehearsal.machines.proxy.sockets import outgoing

AGENT = "ELB-HealthChecker/2.0"
"""What targets see as the asker (Elastic Load Balancing user guide)."""


async def failure(zone: Zone, target: Target, check: Check) -> str:
    """Why a check from one node failed, as a reason code of TargetHealth; empty when it passed."""
    try:
        async with asyncio.timeout(check.timeout_seconds):
            code = await _code(zone, target, check)
    except TimeoutError:
        return TIMEOUT
    except (OSError, EOFError, ValueError):
        return FAILED
    if code is None or any(first <= code <= last for first, last in check.codes):
        return ""
    return MISMATCH


async def _code(zone: Zone, target: Target, check: Check) -> int | None:
    """The status code of the answer; None when a connection was all that was asked for."""
    port = check.port or target.port
    connected = await _connected(zone, target.address, port)
    if check.protocol == "TCP":
        connected.close()
        return None
    secure, name = (_context(), target.address) if check.protocol == "HTTPS" else (None, None)
    reader, writer = await asyncio.open_connection(sock=connected, ssl=secure, server_hostname=name)
    try:
        # The host is the node and not the target (user guide, "Health checks for Network Load Balancer target groups").
        host = f"{zone.address}:{check.listener_port}"
        lines = (f"GET {check.path} HTTP/1.1", f"Host: {host}", f"User-Agent: {AGENT}")
        writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        return _status(await reader.readline())
    finally:
        # Not closed in good order: a target that answers so far is healthy, however it ends TLS.
        writer.transport.abort()


async def _connected(zone: Zone, address: str, port: int) -> socket.socket:
    made = outgoing(zone)
    try:
        await asyncio.get_running_loop().sock_connect(made, (address, port))
    except BaseException:
        made.close()
        raise
    return made


def _status(line: bytes) -> int:
    """The code of a status line. Raises ValueError when it is none."""
    version, code, *_ = line.split(maxsplit=2)
    if not version.startswith(b"HTTP/"):
        raise ValueError("the answer is not HTTP")
    return int(code)


def _context() -> ssl.SSLContext:
    """TLS as the balancer speaks it to targets: certificates are not looked at, and 1.3 is not offered."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context
