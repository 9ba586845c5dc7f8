"""An instance as a namespace: everything around it is real, only the machine is the test's own processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rehearsal.aws.server import LocalAws
from rehearsal.machines import inventory
from rehearsal.machines.inside import Inside
from rehearsal.machines.metadata import Metadata
from rehearsal.machines.model import Machine
from rehearsal.machines.network import namespaces
from rehearsal.machines.network.fabric import Fabric
from rehearsal.machines.network.names import cloud_prefix
from rehearsal.machines.reach import Reach

ENDPOINT = "http://169.254.169.249"
AWS_CLI = str(Path(sys.executable).parent / "aws")
LIFETIME_SECONDS = 3600.0


class ServicesHarness:
    """A VPC with one endpoint, for SSM, and one instance with a role that may read SSM parameters and nothing else."""

    def __init__(self, cloud_id: str, speed: float) -> None:
        self._cloud_id = cloud_id
        self.aws = LocalAws(speed=speed).start()
        self.fabric = Fabric(self.aws, cloud_id)
        self.reach = Reach(self.aws)
        self.reach.start()
        self._parts = (Inside(self.aws, self.fabric), Metadata(self.aws, self.fabric, LIFETIME_SECONDS))
        for part in self._parts:
            part.start()
        self.ec2 = self.aws.client("ec2")
        self.aws.client("ssm").put_parameter(Name="/greeting", Value="hello", Type="String")
        self._network()
        self._role()
        self.instance_id = self.launch()
        self.namespace = self.fabric.attach(self.machine(self.instance_id).interface)

    def close(self) -> None:
        """End it all; nothing is left."""
        for part in self._parts:
            part.stop()
        self.fabric.close()
        self.aws.stop()
        assert not namespaces.existing(cloud_prefix(self._cloud_id))

    def launch(self, **more: Any) -> str:
        """Another instance; nothing is attached yet."""
        options = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1} | more
        image = self.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        (made,) = self.ec2.run_instances(
            ImageId=image,
            InstanceType="m5.large",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.subnet_id,
            SecurityGroupIds=[self.group_id],
            IamInstanceProfile={"Name": "node"},
            UserData="#!/bin/sh\necho hello\n",
            MetadataOptions=options,
        )["Instances"]
        return str(made["InstanceId"])

    def machine(self, instance_id: str) -> Machine:
        """An instance's facts."""
        return inventory.machine(self.aws, instance_id)

    def run(self, *command: str, namespace: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program as if on the instance: in its network, with no setting of AWS but where it is."""
        cleaned = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with namespaces.inside(namespace or self.namespace):
            return subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
                env=cleaned | {"AWS_ENDPOINT_URL": ENDPOINT, "HOME": "/nonexistent"} | environment,
            )

    def python(self, program: str, **environment: str) -> Any:
        """Run a Python program on the instance; what it prints last is JSON."""
        done = self.run(sys.executable, "-c", program, **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def _network(self) -> None:
        self.vpc_id = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
            self.ec2.modify_vpc_attribute(VpcId=self.vpc_id, **{attribute: {"Value": True}})
        zone = f"{self.aws.region}a"
        made = self.ec2.create_subnet(VpcId=self.vpc_id, CidrBlock="10.0.1.0/24", AvailabilityZone=zone)
        self.subnet_id = made["Subnet"]["SubnetId"]
        made = self.ec2.create_security_group(GroupName="node", Description="node", VpcId=self.vpc_id)
        self.group_id = made["GroupId"]
        anywhere = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
        self.ec2.authorize_security_group_ingress(GroupId=self.group_id, IpPermissions=[anywhere])
        self.endpoint_id = self.make_endpoint()

    def make_endpoint(self, service: str = "ssm") -> str:
        """An interface endpoint for a service."""
        made = self.ec2.create_vpc_endpoint(
            VpcEndpointType="Interface",
            VpcId=self.vpc_id,
            ServiceName=f"com.amazonaws.{self.aws.region}.{service}",
            SubnetIds=[self.subnet_id],
            SecurityGroupIds=[self.group_id],
            PrivateDnsEnabled=True,
        )
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    def _role(self) -> None:
        iam = self.aws.client("iam")
        allowed = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [allowed]}
        iam.create_role(RoleName="node", AssumeRolePolicyDocument="{}")
        iam.put_role_policy(RoleName="node", PolicyName="read", PolicyDocument=json.dumps(document))
        iam.create_instance_profile(InstanceProfileName="node")
        iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="node")
