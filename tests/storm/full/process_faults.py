"""Faults of processes of a control plane in the full world: etcd is killed, stopped, or runs a small part of the time,
and the API server is stopped."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.storm.faults import Kind
from tests.storm.trace import Life

if TYPE_CHECKING:
    from tests.storm.full.cloud import Cloud

_ETCD, _API = "etcd", "kube-apiserver"
_STOPPED_SECONDS = 2.0
_SLOW_STOPPED_SECONDS, _SLOW_RUNNING_SECONDS = 0.4, 0.1


def begin(kind: Kind, target: str, cloud: Cloud) -> Callable[[], object] | None:
    """Let it begin; returns what ends it, and None where no etcd runs on the instance."""
    found = cloud.machines.pids(target, _ETCD)
    if not found:
        return None
    # Before anything is done to it: an answer that is under way says nothing any more.
    cloud.monitor.lives(target, Life.UNSURE)
    if kind is Kind.ETCD_KILL:
        cloud.machines.signal(found, signal.SIGKILL)
        # The kubelet ends this one.
        return lambda: None
    return _freeze(target, found, cloud) if kind is Kind.ETCD_FREEZE else _slow_down(target, found, cloud)


def stop_api(target: str, cloud: Cloud) -> Callable[[], object] | None:
    """Stop the API server; returns what ends that, and None where none runs on the instance.

    The kubelet may start another one before: its liveness probe fails.
    """
    found = cloud.machines.pids(target, _API)
    if not found:
        return None
    cloud.machines.signal(found, signal.SIGSTOP)
    return lambda: cloud.machines.signal(found, signal.SIGCONT)


def _freeze(target: str, found: list[int], cloud: Cloud) -> Callable[[], object]:
    machines, monitor = cloud.machines, cloud.monitor
    machines.signal(found, signal.SIGSTOP)
    deadline = time.monotonic() + _STOPPED_SECONDS
    while not machines.stopped(found) and time.monotonic() < deadline:
        time.sleep(0.01)
    if machines.stopped(found):
        monitor.lives(target, Life.SILENT)

    def go_on() -> None:
        monitor.wakes(target)
        machines.signal(found, signal.SIGCONT)

    return go_on


def _slow_down(target: str, found: list[int], cloud: Cloud) -> Callable[[], object]:
    stopping = threading.Event()

    def run() -> None:
        while not stopping.is_set():
            cloud.machines.signal(found, signal.SIGSTOP)
            stopping.wait(_SLOW_STOPPED_SECONDS)
            cloud.machines.signal(found, signal.SIGCONT)
            stopping.wait(_SLOW_RUNNING_SECONDS)

    thread = threading.Thread(target=run, name=f"slow {target}", daemon=True)
    thread.start()

    def go_on() -> None:
        stopping.set()
        thread.join()

    return go_on
