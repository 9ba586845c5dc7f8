"""Where an instance lives and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rehearsal.machines.instance.shim import Layers
from rehearsal.machines.model import Image, Interface
from rehearsal.machines.network.pods import PodBridges


class Network(Protocol):
    """What an instance needs of its VPC's network; network/fabric.py has it."""

    def attach(self, interface: Interface) -> str:
        """Make an interface's namespace, behind its firewall, and return its name."""

    def detach(self, interface_id: str) -> None:
        """Remove it."""

    def cut(self, interface_id: str) -> None:
        """Drop every packet from and to it."""

    def heal(self, interface_id: str) -> None:
        """The opposite of cut."""


@dataclass(frozen=True)
class Place:
    """Where an instance lives: its local cloud, and what all instances of that share."""

    cloud_id: str
    folder: Path
    layers: Layers
    network: Network
    shutdown_seconds: float
    bridges: PodBridges
    """Of the instances whose image has no network of pods."""


@dataclass(frozen=True)
class Supply:
    """What an instance is made of; asked for in the instance's own thread, where waiting is no harm."""

    image: Callable[[], Image]
    files: Callable[[], Mapping[str, str]]
