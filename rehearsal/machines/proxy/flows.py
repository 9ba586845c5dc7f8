"""Carrying bytes between a client and a target, until both are done or nothing was said for too long."""

from __future__ import annotations

import asyncio
import socket

from rehearsal.machines.proxy.sockets import reset

PIECE_BYTES = 256 * 1024
"""How much is read at once. A piece is sent before the next is read: a slow reader slows the sender down."""


class _Flow:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.moved_at = self._loop.time()

    async def pump(self, source: socket.socket, sink: socket.socket) -> None:
        """Carry one direction to its end, and tell the sink of the end."""
        while piece := await self._loop.sock_recv(source, PIECE_BYTES):
            self.moved_at = self._loop.time()
            await self._loop.sock_sendall(sink, piece)
            self.moved_at = self._loop.time()
        sink.shutdown(socket.SHUT_WR)

    def silent_seconds(self) -> float:
        return self._loop.time() - self.moved_at


async def carry(client: socket.socket, target: socket.socket, idle_seconds: float) -> None:
    """Carry both directions; each may end before the other. Both sockets are closed afterwards.

    They are reset when one of them was, when neither said anything for `idle_seconds`, and when this is cancelled.
    """
    flow = _Flow()
    pumps = {asyncio.create_task(flow.pump(*way)) for way in ((client, target), (target, client))}
    whole = False
    try:
        whole = await _both_ended(pumps, flow, idle_seconds)
    finally:
        for pump in pumps:
            pump.cancel()
        # A socket is closed when nobody waits for it any more.
        await asyncio.gather(*pumps, return_exceptions=True)
        for each in (client, target):
            if whole:
                each.close()
            else:
                reset(each)


async def _both_ended(pumps: set[asyncio.Task[None]], flow: _Flow, idle_seconds: float) -> bool:
    running = pumps
    while running:
        left = idle_seconds - flow.silent_seconds()
        if left <= 0:
            return False
        done, running = await asyncio.wait(running, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if any(pump.exception() is not None for pump in done):
            return False
    return True
