"""A local EC2 whose instances really boot, and short ways to say what its tests say often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rehearsal.aws.server import LocalAws
from rehearsal.aws.services.ec2.hosting import attach_host
from rehearsal.machines import local_clouds
from rehearsal.machines.hypervisor import Hypervisor
from rehearsal.machines.metadata import Metadata
from rehearsal.machines.model import Image
from rehearsal.machines.network.fabric import Fabric
from tests.waiting import wait_for

SHUTDOWN_SECONDS = 10.0


class InstanceHarness:
    """A VPC with two subnets in two zones, an image that adds nothing, and the hypervisor behind the local EC2."""

    def __init__(self, cloud_id: str, run_dir: Path) -> None:
        self.cloud_id = cloud_id
        self.run_dir = run_dir
        local_clouds.claim(cloud_id, run_dir)
        self.aws = LocalAws().start()
        self.fabric = Fabric(self.aws, cloud_id)
        self.metadata = Metadata(self.aws, self.fabric)
        self.metadata.start()
        self.image = Image(run_dir / "layer", run_dir / "containerd", "v0.0.0")
        for folder in (self.image.layer, self.image.containerd):
            folder.mkdir()
        self.hypervisor = Hypervisor(
            self.aws, self.fabric, self._image, cloud_id, run_dir, shutdown_seconds=SHUTDOWN_SECONDS
        )
        self.ec2 = self.aws.client("ec2")
        attach_host(self.aws, self.hypervisor)
        self._build()

    def _build(self) -> None:
        self.vpc_id = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            self.ec2.create_subnet(
                VpcId=self.vpc_id, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{self.aws.region}{zone}"
            )["Subnet"]["SubnetId"]
            for number, zone in enumerate("ab")
        ]
        self.group_id = self.ec2.create_security_group(GroupName="open", Description="open", VpcId=self.vpc_id)[
            "GroupId"
        ]
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
        self.ec2.authorize_security_group_ingress(GroupId=self.group_id, IpPermissions=[everything])
        self.image_id = self.ec2.register_image(
            Name="node", RootDeviceName="/dev/xvda", Architecture="x86_64", VirtualizationType="hvm"
        )["ImageId"]

    def close(self) -> None:
        """End it all, the last first."""
        self.hypervisor.close()
        self.metadata.stop()
        self.fabric.close()
        self.aws.stop()
        local_clouds.release(self.cloud_id)

    def launch(self, user_data: str = "", *, zone: int = 0, **more: Any) -> str:
        """Ask EC2 for an instance that everything in the VPC may reach."""
        more.setdefault("ImageId", self.image_id)
        (made,) = self.ec2.run_instances(
            InstanceType="m5.large",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.subnets[zone],
            SecurityGroupIds=[self.group_id],
            UserData=user_data,
            **more,
        )["Instances"]
        return str(made["InstanceId"])

    def boot(self, user_data: str = "", *, zone: int = 0, **more: Any) -> str:
        """Launch an instance and wait until its system is up, its user data done."""
        instance_id = self.launch(user_data, zone=zone, **more)
        self.wait_up(instance_id)
        return instance_id

    def wait_up(self, instance_id: str) -> None:
        """Wait until an instance's system has started everything."""
        self.wait_state(instance_id, "running")
        wait_for(lambda: self.started(instance_id), f"{instance_id} to be up")

    def started(self, instance_id: str) -> str:
        """`running` or `degraded` when the system has started everything; empty while it has not."""
        try:
            # It may end at any moment, even while it is entered: then nothing is said.
            state = self.hypervisor.execute(instance_id, ["systemctl", "is-system-running"], 20.0).stdout.strip()
        except ProcessLookupError:  # Between two boots.
            return ""
        return state if state in ("running", "degraded") else ""

    def run(self, instance_id: str, script: str, timeout_seconds: float = 20.0) -> str:
        """What a shell script prints inside an instance; it has to succeed."""
        done = self.hypervisor.execute(instance_id, ["bash", "-c", script], timeout_seconds)
        assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout

    def state(self, instance_id: str) -> str:
        """The instance's state in EC2."""
        return str(self.described(instance_id)["State"]["Name"])

    def described(self, instance_id: str) -> dict[str, Any]:
        """The instance as EC2 describes it."""
        found = self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        return dict(found)

    def wait_state(self, instance_id: str, state: str) -> None:
        """Wait for a state in EC2."""
        wait_for(lambda: self.state(instance_id) == state, f"{instance_id} to be {state}")

    def console(self, instance_id: str) -> str:
        """The console as EC2 gives it."""
        return str(self.ec2.get_console_output(InstanceId=instance_id)["Output"])

    def terminate(self, *instance_ids: str) -> None:
        """Terminate instances and wait until they are gone."""
        self.ec2.terminate_instances(InstanceIds=list(instance_ids))
        for instance_id in instance_ids:
            self.wait_state(instance_id, "terminated")

    def _image(self, image_id: str) -> Image:
        return {self.image_id: self.image}[image_id]
