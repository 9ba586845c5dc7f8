"""A VPC with a subnet, an instance and a TLS server in each of two zones, and a balancer as the templates make it."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rehearsal.aws.server import LocalAws
from rehearsal.aws.site import Site
from rehearsal.machines import inventory, local_clouds
from rehearsal.machines.balancer import Balancers
from rehearsal.machines.model import Interface
from rehearsal.machines.network import namespaces
from rehearsal.machines.network.dns import Dns
from rehearsal.machines.network.fabric import Fabric
from rehearsal.machines.network.names import cloud_prefix

SPEED = 20.0
"""An interval of ten seconds takes half a second."""
PORT = 6443
SERVER = Path(__file__).with_name("server.py")
PATIENCE_SECONDS = 60.0
ATTRIBUTES = {
    "preserve_client_ip.enabled": "false",
    "deregistration_delay.timeout_seconds": "60",
    "deregistration_delay.connection_termination.enabled": "true",
}


class Target:
    """An instance with a server on it."""

    def __init__(self, harness: BalancerHarness, zone: str) -> None:
        self._harness = harness
        self.zone = zone
        self.instance_id = harness.launch(zone)
        self.interface: Interface = inventory.machine(harness.aws, self.instance_id).interface
        self.namespace = harness.fabric.attach(self.interface)
        self._code_file = harness.folder / self.instance_id
        self._server: subprocess.Popen[bytes] | None = None
        self.answer_with(200)
        self.start()

    def answer_with(self, code: int) -> None:
        """Have /readyz answer with a status code."""
        self._code_file.write_text(str(code))

    def start(self) -> None:
        """Start the server, unless it runs, and return when it listens."""
        if self._server is not None:
            return
        arguments = (self.instance_id, self.interface.address, PORT, self._harness.certificate, self._code_file)
        with namespaces.inside(self.namespace):
            self._server = subprocess.Popen([sys.executable, str(SERVER), *map(str, arguments)])
        wait(lambda: connects(self.namespace, self.interface.address, PORT))

    def kill(self) -> None:
        """Kill the server; its connections are reset."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None


class BalancerHarness:
    """Everything that a balancer needs; each has its own local cloud."""

    def __init__(self, cloud_id: str, folder: Path, site: Site = Site()) -> None:  # noqa: B008 - it cannot change
        # Or whoever removes leftovers meanwhile would take its namespaces for such.
        local_clouds.claim(cloud_id, folder)
        self._cloud_id = cloud_id
        self.prefix = cloud_prefix(cloud_id)
        """What the names of the harness's namespaces begin with."""
        self.folder = folder
        self.certificate = folder / "server.pem"
        self.certificate.write_bytes(certificate())
        self.aws = LocalAws(speed=SPEED, site=site).start()
        self.fabric = Fabric(self.aws, cloud_id)
        self.balancers = Balancers(self.aws, self.fabric)
        self.dns = Dns(self.aws, self.fabric)
        self.dns.start()
        self.balancers.start()
        self.ec2, self.elb = self.aws.client("ec2"), self.aws.client("elbv2")
        self.vpc_id = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.zones = (f"{self.aws.region}a", f"{self.aws.region}b")
        self.subnets = {zone: self._subnet(zone, number) for number, zone in enumerate(self.zones)}
        self.group_id = self._security_group()
        self.targets = tuple(Target(self, zone) for zone in self.zones)
        self._balancer()

    def close(self) -> None:
        """End it all; nothing is left."""
        for target in self.targets:
            target.kill()
        self.balancers.stop()
        self.dns.stop()
        self.fabric.close()
        self.aws.stop()
        local_clouds.release(self._cloud_id)
        assert not namespaces.existing(self.prefix)

    # what it holds

    def stranger(self) -> str:
        """The namespace of another instance, in a group that no rule names."""
        group = self.ec2.create_security_group(GroupName="other", Description="other", VpcId=self.vpc_id)["GroupId"]
        machine = inventory.machine(self.aws, self.launch(self.zones[0], group))
        return self.fabric.attach(machine.interface)

    def launch(self, zone: str, group_id: str | None = None) -> str:
        """Another instance; in the harness's security group unless another is named."""
        image = self.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        (made,) = self.ec2.run_instances(
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            SubnetId=self.subnets[zone],
            SecurityGroupIds=[group_id or self.group_id],
        )["Instances"]
        return str(made["InstanceId"])

    def register(self, *targets: Target) -> None:
        """Register targets."""
        self.elb.register_targets(
            TargetGroupArn=self.target_group, Targets=[{"Id": each.instance_id} for each in targets]
        )

    def deregister(self, target: Target) -> None:
        """Deregister a target."""
        self.elb.deregister_targets(TargetGroupArn=self.target_group, Targets=[{"Id": target.instance_id}])

    def set_drain_seconds(self, seconds: int) -> None:
        """Set how long targets drain that are deregistered from now on, in seconds of the local AWS's clock."""
        attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": str(seconds)}]
        self.elb.modify_target_group_attributes(TargetGroupArn=self.target_group, Attributes=attributes)

    def set_cross_zone(self, value: str) -> None:
        """Set the balancer's attribute."""
        attributes = [{"Key": "load_balancing.cross_zone.enabled", "Value": value}]
        self.elb.modify_load_balancer_attributes(
            LoadBalancerArn=self.balancer["LoadBalancerArn"], Attributes=attributes
        )

    def health(self) -> dict[str, tuple[str, str]]:
        """State and reason of each target, as DescribeTargetHealth shows them."""
        shown = self.elb.describe_target_health(TargetGroupArn=self.target_group)["TargetHealthDescriptions"]
        return {
            each["Target"]["Id"]: (each["TargetHealth"]["State"], each["TargetHealth"].get("Reason", ""))
            for each in shown
        }

    def state(self, target: Target) -> str:
        """A target's state; empty for one that is no target."""
        return self.health().get(target.instance_id, ("", ""))[0]

    def settle(self) -> None:
        """Have both targets registered, serving and healthy."""
        self.set_cross_zone("true")
        self.set_drain_seconds(60)
        for target in self.targets:
            target.answer_with(200)
            target.start()
        self.register(*self.targets)
        wait(lambda: all(self.state(target) == "healthy" for target in self.targets))

    def nodes(self) -> dict[str, str]:
        """The balancer's addresses by zone, as EC2 shows its interfaces."""
        name = "ELB " + self.balancer["LoadBalancerArn"].partition(":loadbalancer/")[2]
        filters = [{"Name": "description", "Values": [name]}]
        shown = self.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
        return {each["AvailabilityZone"]: each["PrivateIpAddress"] for each in shown}

    # asking

    def ask(self, source: Target, address: str) -> tuple[str, str]:
        """Which target answers at an address, and who asked it. OSError when none does."""
        with self.connection(source, address) as connection:
            return connection.ask()

    def connection(self, source: Target, address: str) -> Connection:
        """A connection from a target's machine to an address."""
        with namespaces.inside(source.namespace):
            made = socket.create_connection((address, PORT), timeout=PATIENCE_SECONDS)
        return Connection(made)

    def _subnet(self, zone: str, number: int) -> str:
        made = self.ec2.create_subnet(VpcId=self.vpc_id, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)
        return str(made["Subnet"]["SubnetId"])

    def _security_group(self) -> str:
        made = self.ec2.create_security_group(GroupName="all", Description="all", VpcId=self.vpc_id)["GroupId"]
        permission = {
            "IpProtocol": "tcp",
            "FromPort": PORT,
            "ToPort": PORT,
            "UserIdGroupPairs": [{"GroupId": made}],
        }
        self.ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[permission])
        return str(made)

    def _balancer(self) -> None:
        self.balancer: dict[str, Any] = self.elb.create_load_balancer(
            Name="api",
            Type="network",
            Scheme="internal",
            Subnets=list(self.subnets.values()),
            SecurityGroups=[self.group_id],
        )["LoadBalancers"][0]
        self.target_group = self.elb.create_target_group(
            Name="api",
            VpcId=self.vpc_id,
            TargetType="instance",
            Protocol="TCP",
            Port=PORT,
            HealthCheckProtocol="HTTPS",
            HealthCheckPath="/readyz",
            HealthCheckPort="traffic-port",
            HealthCheckIntervalSeconds=10,
            HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        self.elb.modify_target_group_attributes(
            TargetGroupArn=self.target_group,
            Attributes=[{"Key": key, "Value": value} for key, value in ATTRIBUTES.items()],
        )
        self.elb.create_listener(
            LoadBalancerArn=self.balancer["LoadBalancerArn"],
            Protocol="TCP",
            Port=PORT,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.target_group}],
        )


class Connection:
    """One kept connection to a server."""

    def __init__(self, made: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._http = http.client.HTTPConnection("server")
        try:
            self._http.sock = context.wrap_socket(made)
        except OSError:
            made.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask(self) -> tuple[str, str]:
        """Which target answers, and who asked it. OSError when the connection is over."""
        # One that is made anew would be another one.
        self._http.auto_open = 0
        try:
            self._http.request("GET", "/")
            name, asker = self._http.getresponse().read().decode().split()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        return name, asker

    def works(self) -> bool:
        """Whether it is answered on."""
        try:
            self.ask()
        except OSError:
            return False
        return True


def connects(namespace: str, address: str, port: int, seconds: float = PATIENCE_SECONDS) -> bool:
    """Whether a TCP connection is made from inside a namespace."""
    with namespaces.inside(namespace), socket.socket() as made:
        made.settimeout(seconds)
        return made.connect_ex((address, port)) == 0


def wait(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so. AssertionError when it does not become so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not become so"
        time.sleep(0.05)


def certificate() -> bytes:
    """A key, and a certificate that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + signed.public_bytes(serialization.Encoding.PEM)
