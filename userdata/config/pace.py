"""How long a node's program waits for what. An image's own file may change it; tests make everything short."""

from __future__ import annotations

from dataclasses import dataclass, field

from coordination.timings import Timings


@dataclass(frozen=True)
class Pace:
    """All in seconds."""

    leases: Timings = field(default_factory=Timings)
    look: float = 5
    """Between two looks at a cluster that lets this node do nothing yet."""
    gate: float = 2
    """Between two looks at etcd for whoever may join next: three members ask each other more often than that."""
    heartbeat: float = 300
    """Between two heartbeats of the launch hook, whose time-out is half an hour by default."""
    clock: float = 300
    """Until the clock is synchronised. A clock that is wrong would date certificates wrongly."""
    serve: float = 300
    """Until this node's own API server is ready: after a reboot of every node, etcd waits for the others."""
    worker: float = 900
    """Until a worker is a Ready node; then it shuts its machine down, and is replaced."""
    token: int = 24 * 3600
    """How long a join token is good. It is renewed when half of it is left."""
    drain: int = 300
    """For pods of a control plane to leave it; then they are deleted without asking their budgets."""
    clients: float = 60
    """For clients of a control plane's API server, from the start of its terminating hook. Auto Scaling deregisters the
    target before that, and this is the balancer's delay, after which it closes the connections that are left."""
