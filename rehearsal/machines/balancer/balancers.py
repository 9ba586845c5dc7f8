"""All network load balancers of a local cloud: they follow what ELBv2 holds, and tell it how their targets are."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence

from rehearsal.aws.server import LocalAws
from rehearsal.machines.balancer import target_health
from rehearsal.machines.balancer.nodes import Nodes
from rehearsal.machines.balancer.plans import plan
from rehearsal.machines.balancer.process import Process
from rehearsal.machines.balancer.registrations import Registration, after
from rehearsal.machines.balancer.report import Report, report, serving_zones
from rehearsal.machines.balancer.unplayed import unplayed
from rehearsal.machines.balancer.view import Nlb, View, read_view
from rehearsal.machines.follower import Follower
from rehearsal.machines.network.fabric import Fabric
from rehearsal.machines.proxy.plan import Finding

LOG = logging.getLogger(__name__)

OBSERVED = frozenset({"elasticloadbalancing", "ec2"})
"""The services whose calls change what balancers do."""
TICK_SECONDS = 1.0
"""How often to look without a call: instances end, and deregistration delays, by themselves."""


REGISTERING_SECONDS = 180.0
"""How long a target is not checked after its registration, on a site with slow targets."""

Key = tuple[str, str, int]
"""A target group, and id and port of a target."""


class Balancers:
    """The balancers of one local cloud."""

    def __init__(self, aws: LocalAws, fabric: Fabric) -> None:
        self._aws = aws
        self._fabric = fabric
        self._running: dict[str, _Running] = {}
        # "It can take a few minutes for the registration process to complete and health checks to start":
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-register-targets.html
        self._registering_seconds = REGISTERING_SECONDS if aws.site.slow_targets else 0.0
        self._view = View()
        self._registrations: tuple[Registration, ...] = ()
        self._findings: dict[Key, Finding] = {}
        self._served: dict[Key, float] = {}
        """The targets that a balancer's process was told of, each with its registration."""
        self._lock = threading.Lock()
        """For what is known; taken after the local AWS's lock by whoever takes both."""
        self._follower = Follower(
            aws,
            OBSERVED,
            self._reconcile,
            "balancers",
            retry_seconds=TICK_SECONDS,
            tick=lambda: TICK_SECONDS if self._running else None,
        )

    def start(self) -> None:
        """Follow ELBv2 from now on."""
        target_health.attach(self._aws, self)
        self._follower.start()

    def stop(self) -> None:
        """End all balancers, and take their interfaces away. Safe to call twice."""
        self._follower.stop()
        target_health.detach()
        for running in self._running.values():
            running.stop()
        self._running.clear()

    # what they know

    def reports(self, group: str) -> Sequence[Report] | None:
        """The targets of a group as they are now; None for a group of another kind."""
        view = self._look()
        with self._lock:
            if view.group(group) is None:
                return None
            return [
                report(each, view, self._findings, serving=_key(each) in self._served)
                for each in self._registrations
                if each.group == group
            ]

    def processes(self) -> Mapping[str, int]:
        """The process of each balancer that runs, by the balancer's ARN."""
        running = dict(self._running)
        return {arn: each.process.pid for arn, each in running.items() if each.process is not None}

    def serving_zones(self, balancer: str) -> frozenset[str]:
        """The zones of a balancer where a healthy target is reached."""
        with self._lock:
            found = next((each for each in self._view.balancers if each.arn == balancer), None)
            return frozenset() if found is None else serving_zones(found, self._view, self._findings)

    def _look(self) -> View:
        # Under one lock, so that what was read first is also written first.
        with self._aws.lock:
            view = read_view(self._aws)
            with self._lock:
                self._view = view
                self._registrations = after(
                    self._registrations, view, self._aws.clock.monotonic(), self._registering_seconds
                )
                checked = _checked(self._registrations)
                self._served = {key: since for key, since in self._served.items() if checked.get(key) == since}
                for gone in self._findings.keys() - self._served.keys():
                    del self._findings[gone]
            return view

    def _found(self, finding: Finding) -> None:
        key = (finding.group, finding.target_id, finding.port)
        with self._lock:
            before = self._findings.get(key)
            # The last word of a process on a registration that is over comes too late.
            if self._served.get(key) == finding.since:
                self._findings[key] = finding
        if before is None or before.state != finding.state:
            LOG.info("%s is %s %s", finding.target_id, finding.state, finding.reason)

    # what they do

    def _reconcile(self) -> None:
        view = self._look()
        balancers = {balancer.arn: balancer for balancer in view.balancers}
        for arn in self._running.keys() - balancers.keys():
            self._running[arn].stop()
            # Kept until then: what could not be removed is tried again.
            del self._running[arn]
        for arn, balancer in balancers.items():
            if arn not in self._running:
                self._running[arn] = _Running(self._aws, self._fabric)
            self._play(self._running[arn], balancer, view)

    def _play(self, running: _Running, balancer: Nlb, view: View) -> None:
        running.warn(unplayed(balancer, view))
        nodes = running.nodes.follow(balancer)
        with self._lock:
            registrations = self._registrations
        wanted = plan(balancer, view, registrations, nodes, self._aws.clock.real_seconds)
        if running.process is not None and not running.process.lives():
            LOG.error("the process of %s ended and is started again", balancer.description)
            running.process.stop()
            running.process = None
        if running.process is None:
            running.process = Process(self._found)
        groups = {port.group for port in balancer.ports}
        with self._lock:
            self._served |= {key: since for key, since in _checked(registrations).items() if key[0] in groups}
        running.process.follow(wanted)


class _Running:
    """One balancer that runs."""

    def __init__(self, aws: LocalAws, fabric: Fabric) -> None:
        self.nodes = Nodes(aws, fabric)
        self.process: Process | None = None
        self._warned: set[str] = set()

    def stop(self) -> None:
        """End the process, then take the interfaces away that it listened at."""
        if self.process is not None:
            self.process.stop()
        self.nodes.remove()

    def warn(self, texts: Iterable[str]) -> None:
        """Write each text into the log once."""
        for text in texts:
            if text not in self._warned:
                self._warned.add(text)
                LOG.warning("%s", text)


def _key(each: Registration) -> Key:
    return each.group, each.target.target_id, each.target.port


def _checked(registrations: Iterable[Registration]) -> Mapping[Key, float]:
    """The targets that are to be checked, each with its registration."""
    return {
        _key(each): each.since_seconds
        for each in registrations
        if not each.draining and not each.registering and each.target.running
    }
