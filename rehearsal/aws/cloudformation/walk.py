"""Doing something with every node of a graph, as much at once as the order allows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

LOG = logging.getLogger(__name__)

MAX_AT_ONCE = 24
"""Steps of one stack that run at the same time: more only wait for each other on a small machine."""


def walk(
    nodes: Collection[str],
    after: Mapping[str, Collection[str]],
    step: Callable[[str], bool],
    stopped: Callable[[], bool] = lambda: False,
) -> set[str]:
    """Call `step` for every node once all nodes that it comes after have succeeded; returns those that succeeded.

    Nodes behind a failed one are left out. When `stopped` says so nothing new is started; what runs is waited for.
    """
    waiting = {node: {each for each in after.get(node, ()) if each in nodes} for node in nodes}
    succeeded: set[str] = set()
    running: dict[Future[bool], str] = {}
    if not waiting:
        return succeeded
    with ThreadPoolExecutor(min(MAX_AT_ONCE, len(waiting)), thread_name_prefix="cloudformation") as pool:
        while True:
            if not stopped():
                for node in [node for node, before in waiting.items() if before <= succeeded]:
                    del waiting[node]
                    running[pool.submit(step, node)] = node
            if not running:
                return succeeded
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                node = running.pop(future)
                error = future.exception()
                if error is not None:
                    LOG.error("the step for %s raised", node, exc_info=error)
                elif future.result():
                    succeeded.add(node)


def reversed_edges(after: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """The same graph walked from its end: what came last comes first."""
    result: dict[str, set[str]] = {node: set() for node in after}
    for node, before in after.items():
        for each in before:
            if each in result:
                result[each].add(node)
    return result
