"""The network of a local cloud: routers of its VPCs, the interfaces attached to them, and firewalls that follow EC2."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from rehearsal.aws.server import LocalAws
from rehearsal.machines.follower import Follower
from rehearsal.machines.model import Interface
from rehearsal.machines.network import namespaces, refusals
from rehearsal.machines.network.names import cloud_prefix, namespace_of
from rehearsal.machines.network.peering import Cable, Side
from rehearsal.machines.network.refusals import Refusal
from rehearsal.machines.network.router import NOTES, Router
from rehearsal.machines.network.ruleset import Cuts, rules
from rehearsal.machines.network.topology import Topology, read_topology

LOG = logging.getLogger(__name__)

OBSERVED = frozenset({"ec2", "elasticloadbalancing"})
"""The services whose calls change what the firewalls follow from."""


class Fabric:
    """All networks of one local cloud. Any thread may call it, but none that holds the local AWS's lock."""

    def __init__(self, aws: LocalAws, cloud_id: str) -> None:
        self._aws = aws
        self._site_id = cloud_id
        self._routers: dict[str, Router] = {}
        self._cables: dict[str, Cable] = {}
        self._actions: list[Callable[[str, str], None]] = []
        self._making = threading.RLock()
        """Held while routers are made and told of; reentrant, because what is told may ask for the router."""
        self._seen: dict[str, tuple[int, Topology]] = {}
        self._reads = itertools.count()
        self._cuts = Cuts()
        self._lock = threading.Lock()
        """For what was seen and what is cut; nothing else is called while it is held."""
        self._closed = threading.Event()
        self._follower = Follower(aws, OBSERVED, self.refresh, f"fabric-{cloud_id}")
        self._follower.start(acts_at_once=False)

    # interfaces

    def attach(self, interface: Interface) -> str:
        """The owner's namespace, with `eth0` in it; the firewall is in force. Made once, returned again later.

        Raises KeyError for an unknown subnet or VPC, and namespaces.Failed; nothing is left then.
        """
        router = self._router(interface.vpc_id)
        subnet = self._read(interface.vpc_id).subnets[interface.subnet_id]
        namespace = namespace_of(self._site_id, interface.interface_id)
        with router.lock:
            self._require_open()
            if router.attached.get(interface.interface_id) != interface:
                self._disconnect(router, interface.interface_id)
                router.connect(interface, namespace, subnet.cidr)
                self._apply(router)
        return namespace

    def detach(self, interface_id: str) -> None:
        """Take an interface away, with the owner's namespace; nothing happens when it is not attached."""
        for router in self._existing():
            with router.lock:
                if self._disconnect(router, interface_id):
                    self._apply(router)

    def _disconnect(self, router: Router, interface_id: str) -> bool:
        if interface_id not in router.attached:
            return False
        router.disconnect(interface_id, namespace_of(self._site_id, interface_id))
        return True

    # routers

    def router(self, vpc_id: str) -> str:
        """The namespace of a VPC's router, made on first use. Raises KeyError for an unknown VPC."""
        return self._router(vpc_id).namespace

    def on_router(self, action: Callable[[str, str], None]) -> None:
        """Call `action(vpc_id, namespace)` for each router, those that exist and those to come, before it is used."""
        with self._making:
            self._actions.append(action)
            for router in self._existing():
                action(router.vpc_id, router.namespace)

    def _router(self, vpc_id: str) -> Router:
        with self._making:
            self._require_open()
            router = self._routers.get(vpc_id)
            if router is None:
                router = Router(vpc_id, namespace_of(self._site_id, vpc_id))
                router.make(self._read(vpc_id).cidrs[0])
                self._routers[vpc_id] = router
                self._apply(router)
                for action in list(self._actions):
                    action(vpc_id, router.namespace)
                self._join_peers()
            return router

    def _join_peers(self) -> None:
        """Lay a cable for each peering of a VPC that has a router, and take away those of peerings that are gone."""
        with self._making:
            if self._closed.is_set():
                return
            wanted: dict[str, Cable] = {}
            for router in self._existing():
                with self._lock:
                    topology = self._seen[router.vpc_id][1]
                for peer in topology.peers:
                    one = Side(router.namespace, topology.cidrs)
                    other = Side(self._router(peer.vpc_id).namespace, peer.cidrs)
                    wanted.setdefault(peer.peering_id, Cable(peer.peering_id, (one, other)))
            for peering_id, cable in list(self._cables.items()):
                if wanted.get(peering_id) not in (cable, cable.turned()):
                    self._cables.pop(peering_id).cut()
            for peering_id, cable in wanted.items():
                if peering_id not in self._cables:
                    cable.lay()
                    self._cables[peering_id] = cable

    def _existing(self) -> list[Router]:
        with self._making:
            return list(self._routers.values())

    # faults

    def cut(self, interface_id: str) -> None:
        """Drop every packet to and from an interface, those of the metadata service too, also of old connections."""
        self._set_cuts(lambda cuts: replace(cuts, interface_ids=cuts.interface_ids | {interface_id}))

    def heal(self, interface_id: str) -> None:
        """End a cut."""
        self._set_cuts(lambda cuts: replace(cuts, interface_ids=cuts.interface_ids - {interface_id}))

    def cut_zone(self, zone: str) -> None:
        """Drop every packet between a zone and all that is outside of it; within the zone they pass."""
        self._set_cuts(lambda cuts: replace(cuts, zones=cuts.zones | {zone}))

    def heal_zone(self, zone: str) -> None:
        """End a zone's cut."""
        self._set_cuts(lambda cuts: replace(cuts, zones=cuts.zones - {zone}))

    def _set_cuts(self, change: Callable[[Cuts], Cuts]) -> None:
        with self._lock:
            self._cuts = change(self._cuts)
        for router in self._existing():
            self._apply(router)

    # firewalls

    def refused(self) -> list[Refusal]:
        """What was refused in the last ten minutes, by network, each with the reason; what a cut dropped is not."""
        found = []
        for router in self._existing():
            listing = namespaces.nft_listing(f"table ip {NOTES}", router.namespace)
            found += refusals.read(listing, self._read(router.vpc_id))
        return found

    def refresh(self) -> None:
        """Let every firewall follow from what EC2 holds now, and return when they do."""
        for router in self._existing():
            self._read(router.vpc_id)
        self._join_peers()
        for router in self._existing():
            self._apply(router)

    def _read(self, vpc_id: str) -> Topology:
        """The VPC as it is now. Raises KeyError when there is none, and none is known from before."""
        with self._aws.lock:
            number = next(self._reads)
            try:
                topology = read_topology(self._aws, vpc_id)
            except KeyError:
                # A VPC that was deleted: what is still connected has no groups, and so nothing passes.
                with self._lock:
                    topology = replace(self._seen[vpc_id][1], nics=(), groups={})
        with self._lock:
            # Numbered, because another thread may have read later and be here earlier.
            if number > self._seen.get(vpc_id, (-1,))[0]:
                self._seen[vpc_id] = (number, topology)
        return topology

    def _apply(self, router: Router) -> None:
        with router.lock:
            with self._lock:
                topology, cuts = self._seen[router.vpc_id][1], self._cuts
            if not self._closed.is_set():
                router.apply(rules(topology, router.attached.values(), cuts))

    # the end

    def close(self) -> None:
        """Remove every namespace of the local cloud. Safe to call twice; nothing can be attached afterwards."""
        self._closed.set()
        self._follower.stop()
        for router in self._existing():
            # Whoever is attaching has come to an end.
            with router.lock:
                router.attached.clear()
        namespaces.remove(namespaces.existing(cloud_prefix(self._site_id)))

    def _require_open(self) -> None:
        if self._closed.is_set():
            raise RuntimeError("the networks are closed")
