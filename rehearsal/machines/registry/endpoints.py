"""Where VPCs have the registry, as EC2 holds it now: at the interfaces of their endpoints. The bucket of its layers is
where S3's public names lead.

Packets to an endpoint's interface pass the security groups of both sides, as those between instances do. What leaves by
the gateway endpoint of S3 ends in the VPC's router; route and groups are looked at for each request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearsal.aws.partitions import endpoint_service
from rehearsal.aws.server import LocalAws
from rehearsal.machines.follower import Follower
from rehearsal.machines.model import Interface
from rehearsal.machines.network.namespaces import listen
from rehearsal.machines.network.router import answer_at
from rehearsal.machines.network.topology import backend_of, service_address
from rehearsal.machines.reach.routes import HTTPS
from rehearsal.machines.registry.authority import TRUST_FILE
from rehearsal.machines.registry.servers import RegistryServers
from rehearsal.machines.registry.serving import HttpsServer

if TYPE_CHECKING:
    from rehearsal.machines.network.fabric import Fabric

SERVICE = "ecr.dkr"
OBSERVED = frozenset({"ec2"})
"""The services whose calls change where the registry is."""
TRIED_AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class _Door:
    """An interface of an endpoint."""

    interface: Interface
    endpoint_id: str
    region: str


class Registries:
    """The registry of one local cloud, in all its VPCs."""

    def __init__(self, aws: LocalAws, fabric: Fabric, folder: Path) -> None:
        self._aws = aws
        self._fabric = fabric
        self._servers = RegistryServers(aws, folder)
        self._open: dict[_Door, HttpsServer] = {}
        self._buckets: list[HttpsServer] = []
        self._follower = Follower(aws, OBSERVED, self._reconcile, "registries", retry_seconds=TRIED_AGAIN_SECONDS)

    @property
    def trust(self) -> Mapping[str, str]:
        """The file by which an instance trusts the registry: path -> text."""
        return {TRUST_FILE: self._servers.authority.pem}

    def start(self) -> None:
        """Serve at every endpoint and in every router, those to come too."""
        self._fabric.on_router(self._serve_router)
        self._follower.start()

    def stop(self) -> None:
        """Stop serving; the network takes the interfaces away itself. Safe to call twice."""
        self._follower.stop()
        _end([*self._open.values(), *self._buckets])
        self._open.clear()
        self._buckets.clear()

    def _serve_router(self, vpc_id: str, namespace: str) -> None:
        with self._aws.lock:
            backend = backend_of(self._aws, vpc_id)
            region, address = str(backend.region_name), service_address(backend, "s3")
        answer_at(namespace, address, HTTPS)
        self._buckets.append(self._servers.bucket(listen(namespace, address, HTTPS), vpc_id, region))

    def _reconcile(self) -> None:
        wanted = _read_doors(self._aws)
        gone = self._open.keys() - wanted
        for door in gone:
            self._fabric.detach(door.interface.interface_id)
        _end([self._open.pop(door) for door in gone])
        for door in sorted(wanted - self._open.keys(), key=lambda each: each.interface.interface_id):
            interface = door.interface
            bound = listen(self._fabric.attach(interface), interface.address, HTTPS)
            self._open[door] = self._servers.registry(bound, interface.vpc_id, door.endpoint_id, door.region)


def _end(servers: Sequence[HttpsServer]) -> None:
    # All at once, because each takes up to half a second to notice.
    with ThreadPoolExecutor(max_workers=len(servers) or 1) as pool:
        for ended in [pool.submit(server.stop) for server in servers]:
            ended.result()


def _read_doors(aws: LocalAws) -> set[_Door]:
    """All interfaces of endpoints of the registry, as EC2 holds them now."""
    from moto.ec2.models import ec2_backends

    with aws.lock:
        return {
            _Door(_interface(backend.enis[each]), str(endpoint.id), str(region))
            for region, backend in ec2_backends[aws.account_id].items()
            for endpoint in backend.vpc_end_points.values()
            if endpoint.service_name == endpoint_service(region, SERVICE)
            for each in endpoint.network_interface_ids or ()
        }


def _interface(nic: Any) -> Interface:
    place = (str(nic.subnet.vpc_id), str(nic.subnet.id), str(nic.subnet.availability_zone))
    return Interface(str(nic.id), *place, str(nic.private_ip_address), str(nic.mac_address))
