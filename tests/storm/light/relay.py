"""The network between members: `python -m tests.storm.light.relay BASE`.

Every member advertises port 2380 of its own address, and this process listens there and passes connections on to the
member. Where two nodes are cut off from each other it ends their connections and takes no new ones. Who connects does
not show in its address, for everybody is on the loopback: the kernel's table of connections says whose socket it is.

It reads lines on its standard input: `listen ADDRESS`, `member PID ADDRESS`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.storm.light.kubeadm import PEER_LISTENER_PORT
from tests.storm.light.nursery import die_with_parent
from tests.storm.light.shared import Places

_LOOK_SECONDS = 0.05
_PEER_PORT = 2380


@dataclass(eq=False)
class _Connection:
    """A connection that is passed on. `source` is the address of the member whose it is, once that was asked."""

    peer: tuple[str, int]
    target: str
    writer: asyncio.StreamWriter
    back: asyncio.StreamWriter
    source: str = ""

    def end(self) -> None:
        """End it at once, on both sides."""
        self.writer.transport.abort()
        self.back.transport.abort()


class Relay:
    """All connections between members."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._members: dict[int, str] = {}
        self._servers: list[asyncio.Server] = []
        self._open: set[_Connection] = set()

    async def run(self) -> None:
        """Obey lines until there are no more."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        cutting = asyncio.create_task(self._cut())
        while line := (await reader.readline()).decode().split():
            if line[0] == "listen":
                await self._listen(line[1])
                print(line[1], flush=True)
            else:
                self._members[int(line[1])] = line[2]
        cutting.cancel()

    async def _listen(self, address: str) -> None:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._pass_on(address, reader, writer)

        self._servers.append(await asyncio.start_server(connected, address, _PEER_PORT))

    async def _pass_on(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(target, PEER_LISTENER_PORT)
        except OSError:
            writer.transport.abort()
            return
        entry = _Connection(writer.get_extra_info("peername"), target, writer, back)
        self._open.add(entry)
        self._cut_off(entry)
        try:
            await asyncio.wait(
                [asyncio.create_task(_copy(reader, back)), asyncio.create_task(_copy(there, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self._open.discard(entry)
            entry.end()

    async def _cut(self) -> None:
        """End connections between nodes that have been cut off from each other."""
        while True:
            for each in list(self._open):
                self._cut_off(each)
            await asyncio.sleep(_LOOK_SECONDS)

    def _cut_off(self, connection: _Connection) -> None:
        """End a connection if it is between nodes that do not reach each other. Whose it is, is looked up only then:
        the kernel's table is long, and is read as a text."""
        state = self._places.state
        if not state.cut:
            return
        if connection.target not in state.cut and not connection.source:
            connection.source = self._source(connection.peer)
        # To a node that is cut off nobody but others connect.
        if connection.target in state.cut or state.separates(connection.source, connection.target):
            connection.end()

    def _source(self, peer: tuple[str, int]) -> str:
        """The address of the member whose socket is at the other end; empty where nobody knows."""
        inode = _inode(*peer)
        if not inode:
            return ""
        for pid, address in list(self._members.items()):
            try:
                held = os.listdir(f"/proc/{pid}/fd")
            except OSError:
                del self._members[pid]
                continue
            for each in held:
                with suppress(OSError):
                    if os.readlink(f"/proc/{pid}/fd/{each}") == f"socket:[{inode}]":
                        return address
        return ""


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()


def _inode(address: str, port: int) -> str:
    """The inode of the socket that is bound there (proc_net_tcp in the kernel's documentation)."""
    parts = bytes(int(each) for each in address.split("."))
    wanted = f"{int.from_bytes(parts, 'little'):08X}:{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == wanted:
            return fields[9]
    return ""


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(Relay(Places(Path(sys.argv[1]))).run())
