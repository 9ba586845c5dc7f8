"""Where the storm's clients of etcd are: behind a network interface of their own, among the control planes."""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path
from typing import Any

from rehearsal.cloud.control import Control, Refused
from rehearsal.cloud.table import Clients

_NAME = "storm-clients"
_CLONE_NEWNET = 0x40000000
"""setns(2)."""


class Network:
    """A network interface in a control plane's subnet and security groups, and threads that go through it.

    etcd's ports are open to control planes alone, so whoever is to reach all members has to be one of them to the
    network. Raises ClientError, Refused, OSError.
    """

    def __init__(self, clients: Clients, control: Control, control_plane: str) -> None:
        self._control = control
        self._ec2 = clients("ec2")
        (reservation,) = self._ec2.describe_instances(InstanceIds=[control_plane])["Reservations"]
        (like,) = reservation["Instances"]
        groups = [each["GroupId"] for each in like["SecurityGroups"]]
        made = self._ec2.create_network_interface(SubnetId=like["SubnetId"], Groups=groups, Description=_NAME)
        self._interface: str = made["NetworkInterface"]["NetworkInterfaceId"]
        self._namespace = os.open(Path("/run/netns", control.attach(self._interface)), os.O_RDONLY | os.O_CLOEXEC)
        self._inside = threading.local()
        self._libc: Any = ctypes.CDLL(None, use_errno=True)

    def enter(self) -> None:
        """Have the calling thread reach the network through the interface from now on, and nothing else."""
        if getattr(self._inside, "entered", False):
            return
        if self._libc.setns(self._namespace, _CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        self._inside.entered = True

    def close(self) -> None:
        """Take the interface away; threads that have entered reach nothing any more."""
        os.close(self._namespace)
        try:
            self._control.detach(self._interface)
            self._ec2.delete_network_interface(NetworkInterfaceId=self._interface)
        except (Refused, OSError):
            # The cloud has ended before, and the interface with it.
            return
