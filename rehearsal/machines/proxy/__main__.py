"""A balancer's process: plans come as lines on standard input, findings go as lines to standard output.

It ends when its input does, and so with whoever started it.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import sys

from rehearsal.machines.proxy.plan import Finding, read_plan, write
from rehearsal.machines.proxy.server import Balancer

LINE_BYTES = 16 * 1024 * 1024
"""The longest plan."""


async def serve() -> None:
    """Follow plans until there are no more."""
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    balancer = Balancer(_tell)
    try:
        while line := await reader.readline():
            balancer.apply(read_plan(line))
    finally:
        await balancer.close()


def _tell(finding: Finding) -> None:
    sys.stdout.buffer.write(write(finding))
    sys.stdout.buffer.flush()


def main() -> int:
    """Serve, with as many open files as this computer allows: each connection needs two."""
    logging.basicConfig(format="balancer: %(message)s")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(serve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
