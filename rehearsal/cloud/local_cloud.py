"""One local cloud, wired together: the local AWS, and the machines, networks and services around it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from werkzeug.wrappers import Request, Response

from rehearsal.aws.disturbance import Disturbance
from rehearsal.aws.ecr.api import ecr_of
from rehearsal.aws.ecr.archive import BadArchive, read
from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.iam.report import denied_lines
from rehearsal.aws.server import LocalAws
from rehearsal.aws.services.ec2.crowding import Crowding
from rehearsal.aws.services.ec2.hosting import attach_host
from rehearsal.aws.site import Site
from rehearsal.cloud import control
from rehearsal.cloud.machine_images import MachineImages
from rehearsal.machines import local_clouds
from rehearsal.machines.balancer import Balancers
from rehearsal.machines.hypervisor import Hypervisor
from rehearsal.machines.inside import Inside
from rehearsal.machines.metadata import Metadata
from rehearsal.machines.model import Interface, PodNetwork
from rehearsal.machines.network.dns import Dns
from rehearsal.machines.network.fabric import Fabric
from rehearsal.machines.network.pods import PodRange
from rehearsal.machines.reach import Reach
from rehearsal.machines.registry import Registries

API_VERBS = frozenset({"reboot", "start", "stop", "terminate"})
"""What EC2's API does."""
FAULTS = frozenset(
    {
        "close_zone",
        "crowd_zone",
        "fill_disk",
        "free_disk",
        "free_zone",
        "freeze",
        "hang",
        "isolate",
        "isolate_zone",
        "lose",
        "rejoin",
        "rejoin_zone",
        "thaw",
    }
)
"""What no API does."""
_OF_ROOM = frozenset({"close_zone", "crowd_zone", "free_zone"})
"""Those of them that no machine feels."""
VERBS = API_VERBS | FAULTS
"""What a test may do to an instance, or to all of a zone."""


class LocalCloud:
    """The parts of one local cloud. Its machine images are those that are made already, the newest Kubernetes first.

    They carry this checkout's node program, and the `network` of pods. `node_settings` go into their image.json, and
    `program` stands in the place of the file that starts the program. `pods` is for a network of bridges.
    """

    def __init__(
        self,
        cloud_id: str,
        run_dir: Path,
        *,
        node_settings: Mapping[str, Any] | None = None,
        program: Path | None = None,
        region: str = "us-east-1",
        speed: float = 1.0,
        port: int = 0,
        log_dir: Path | None = None,
        site: Site = Site(),  # noqa: B008 - it cannot change
        pods: PodRange = PodRange(),  # noqa: B008 - it cannot change
        network: PodNetwork = PodNetwork.BRIDGE,
    ) -> None:
        self.cloud_id = cloud_id
        self.aws = LocalAws(port, speed, region, log_dir, site)
        self._run_dir = run_dir
        self._node_settings = node_settings or {}
        self._program = program
        self._pods = pods
        self._images = MachineImages(self.aws, run_dir, network)
        self.image_ids: dict[str, str] = {}
        """Kubernetes minor -> the id of its machine image, the newest first."""
        self._stops: list[Callable[[], object]] = []

    def start(self) -> None:
        """Everything up; raises what the part raises that cannot start, after the others were stopped."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        # Before anything is made: what has the cloud's name then has an owner.
        local_clouds.claim(self.cloud_id, self._run_dir)
        self._stops.append(lambda: local_clouds.release(self.cloud_id))
        self.aws.start()
        self._stops.append(self.aws.stop)
        self.fabric = Fabric(self.aws, self.cloud_id)
        self._stops.append(self.fabric.close)
        # what machines find in their network
        self.reach = Reach(self.aws)
        self.reach.start()
        self._disturbance = Disturbance(self.aws)
        self._crowding = Crowding(self.aws)
        for part in (Inside(self.aws, self.fabric), Metadata(self.aws, self.fabric), Dns(self.aws, self.fabric)):
            part.start()
            self._stops.append(part.stop)
        balancers = Balancers(self.aws, self.fabric)
        balancers.start()
        self._stops.append(balancers.stop)
        registries = Registries(self.aws, self.fabric, self._run_dir / "registry")
        registries.start()
        self._stops.append(registries.stop)
        # machines
        self.hypervisor = Hypervisor(
            self.aws,
            self.fabric,
            self._images.find,
            self.cloud_id,
            self._run_dir,
            files=registries.trust,
            pods=self._pods,
        )
        self._stops.append(self.hypervisor.close)
        attach_host(self.aws, self.hypervisor)
        self.image_ids = self._images.register_made(self._program, self._node_settings)
        self.aws.route(control.PREFIX, self._answer)

    def stop(self) -> None:
        """Everything down, the last first; nothing of the cloud is left on this computer. Raises what a part raised
        that did not stop, after all others were stopped."""
        with ExitStack() as stack:
            for stop in self._stops:
                stack.callback(stop)
            self._stops.clear()

    def act(self, verb: str, target: str) -> None:
        """Do one of VERBS to an instance, or to all of a zone. Raises control.Unknown."""
        if verb not in VERBS:
            raise control.Unknown(f"{verb}; allowed: {', '.join(sorted(VERBS))}")
        try:
            if verb in API_VERBS:
                getattr(self.aws.client("ec2"), f"{verb}_instances")(InstanceIds=[target])
            else:
                getattr(self._crowding if verb in _OF_ROOM else self.hypervisor, verb)(target)
        except ClientError as error:
            raise control.Unknown(error.response["Error"]["Message"]) from error
        except KeyError as error:
            raise control.Unknown(f"there is no instance {target}") from error
        except ProcessLookupError as error:
            raise control.Unknown(f"{target} does not run") from error

    def disturb(self, share: float, seed: int) -> None:
        """Disturb a share of what nodes and functions ask of AWS. Raises control.Unknown."""
        try:
            self._disturbance.disturb(share, seed)
        except ValueError as error:
            raise control.Unknown(str(error)) from error

    def register_image(self, program: Path | None, settings: Mapping[str, Any] | None) -> str:
        """One more machine image, and its id: of this checkout as it is now, else as the first ones.

        Raises control.Unknown.
        """
        try:
            return self._images.register(program or self._program, {**self._node_settings, **(settings or {})})
        except (LookupError, OSError) as error:
            raise control.Unknown(str(error)) from error

    def push(self, archive: Path, repository: str, tag: str) -> str:
        """Put an image into a repository of ECR, from an archive in the OCI image layout; the name by which it is
        pulled. Raises control.Unknown.
        """
        try:
            return ecr_of(self.aws).push(self.aws.region, repository, tag, read(archive))
        except (BadArchive, LookupError, OSError) as error:
            raise control.Unknown(str(error)) from error

    def instances(self) -> Sequence[str]:
        """The ids of the instances that run."""
        running = [{"Name": "instance-state-name", "Values": ["running"]}]
        pages = self.aws.client("ec2").get_paginator("describe_instances").paginate(Filters=running)
        return [
            instance["InstanceId"]
            for page in pages
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        ]

    def execute(
        self, instance_id: str, command: Sequence[str], timeout_seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside an instance. Raises control.Unknown, subprocess.TimeoutExpired."""
        try:
            return self.hypervisor.execute(instance_id, command, timeout_seconds)
        except (KeyError, ProcessLookupError) as error:
            raise control.Unknown(f"no instance {instance_id} runs") from error

    def shell(self, instance_id: str) -> Sequence[str]:
        """The command that opens a shell inside an instance. Raises control.Unknown."""
        try:
            return self.hypervisor.shell(instance_id)
        except (KeyError, ProcessLookupError) as error:
            raise control.Unknown(f"no instance {instance_id} runs") from error

    def attach(self, interface_id: str) -> str:
        """A namespace in which a network interface of EC2's is `eth0`. Raises control.Unknown."""
        try:
            (found,) = self.aws.client("ec2").describe_network_interfaces(NetworkInterfaceIds=[interface_id])[
                "NetworkInterfaces"
            ]
        except ClientError as error:
            raise control.Unknown(error.response["Error"]["Message"]) from error
        place = (found["VpcId"], found["SubnetId"], found["AvailabilityZone"])
        return self.fabric.attach(Interface(interface_id, *place, found["PrivateIpAddress"], found["MacAddress"]))

    def detach(self, interface_id: str) -> None:
        """Take an interface out of the network; nothing happens when it is not in it."""
        self.fabric.detach(interface_id)

    def report(self) -> dict[str, Any]:
        """What was refused so far, each as a readable line."""
        return {
            "packets": [str(refusal) for refusal in self.fabric.refused()],
            "services": self.reach.refusals(),
            "calls": denied_lines(enforcement_of(self.aws).record),
            "disturbed": self._disturbance.report(),
        }

    def _answer(self, request: Request) -> Response:
        return control.route(self, request)
