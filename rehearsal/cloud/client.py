"""A client of the cluster's API that is no node: programs of this computer behind a network interface in the VPC."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import IO, Any

from rehearsal.cloud.control import Control
from rehearsal.cloud.table import Clients

_NAME = "rehearsal-client"
# The VPC's resolver in the place of this computer's, for this program and its children only.
_RESOLVING = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Client:
    """Runs programs with the client's network."""

    namespace: str
    folder: Path
    """Where its resolv.conf is, and what programs keep at home."""

    def run(
        self,
        command: Sequence[str],
        more: Mapping[str, str] | None = None,
        timeout_seconds: float = 30.0,
        *,
        given: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run a program, with `more` in its environment and `given` on its standard input, and wait for it; 124 when it
        took too long."""
        whole, environment = self._entering(command, more)
        try:
            return subprocess.run(
                whole,
                env=environment,
                input=given,
                capture_output=True,
                text=True,
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(whole, 124, "", f"not ended after {timeout_seconds:.0f} s")

    def start(
        self, command: Sequence[str], out: IO[bytes], errors: IO[bytes], more: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program whose standard input is a pipe, which closes with this process; whoever starts it ends it."""
        whole, environment = self._entering(command, more)
        # A session of its own, so that Ctrl-C reaches only us.
        return subprocess.Popen(
            whole, env=environment, stdin=subprocess.PIPE, stdout=out, stderr=errors, start_new_session=True
        )

    def script(self, name: str, command: Sequence[str]) -> Path:
        """A program for people that runs this one, with what they type behind it, and as KUBECONFIG says."""
        whole, environment = self._entering(command, None)
        path = self.folder / name
        words = ["exec", "env", "-i", *(f"{key}={value}" for key, value in environment.items())]
        kept = '${KUBECONFIG:+"KUBECONFIG=$KUBECONFIG"}'
        path.write_text(f'#!/bin/sh\n{shlex.join(words)} {kept} {shlex.join(whole)} "$@"\n', encoding="utf-8")
        path.chmod(0o700)
        return path

    def _entering(self, command: Sequence[str], more: Mapping[str, str] | None) -> tuple[list[str], dict[str, str]]:
        entering = ["nsenter", f"--net=/run/netns/{self.namespace}", "unshare", "--mount", "sh", "-c", _RESOLVING, "sh"]
        whole = [*entering, str(self.folder / "resolv.conf"), *command]
        return whole, {"PATH": _PATH, "HOME": str(self.folder), **(more or {})}


@contextmanager
def client(clients: Clients, control: Control, vpc_id: str, cidr: str, folder: Path) -> Iterator[Client]:
    """A client in a subnet of its own, `cidr` of the VPC; all that is made in EC2 for it is removed at the end.

    Raises ClientError, and control.Refused.
    """
    ec2 = clients("ec2")
    vpc = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["CidrBlock"]
    folder.mkdir(mode=0o700, exist_ok=True)
    # The resolver is at the base of the VPC's range, plus two (VPC guide, "Amazon DNS server").
    resolver = IPv4Network(vpc).network_address + 2
    (folder / "resolv.conf").write_text(f"nameserver {resolver}\n", encoding="utf-8")
    group_id = ec2.create_security_group(GroupName=_NAME, Description=_NAME, VpcId=vpc_id)["GroupId"]
    subnet_id = ec2.create_subnet(VpcId=vpc_id, CidrBlock=cidr)["Subnet"]["SubnetId"]
    interface_id = ec2.create_network_interface(SubnetId=subnet_id, Groups=[group_id], Description=_NAME)[
        "NetworkInterface"
    ]["NetworkInterfaceId"]
    try:
        yield Client(control.attach(interface_id), folder)
    finally:
        control.detach(interface_id)
        _remove(ec2, interface_id, subnet_id, group_id)


def _remove(ec2: Any, interface_id: str, subnet_id: str, group_id: str) -> None:
    ec2.delete_network_interface(NetworkInterfaceId=interface_id)
    ec2.delete_subnet(SubnetId=subnet_id)
    ec2.delete_security_group(GroupId=group_id)
