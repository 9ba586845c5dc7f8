"""One kind of node: what it runs on, and how many of it there are to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Machines:
    """Instances of one type, image and tenancy (default, dedicated or host): the control plane's or one pool's."""

    parameter: str
    """The one that names the type."""
    instance_type: str
    previous_type: str
    """The type that the stack has now; empty where these are new."""
    image_parameter: str
    image: str
    control_plane: bool
    smallest: int
    """How many there are at least, and at the beginning."""
    largest: int
    rolled: int
    """How many more an update takes at most."""
    tenancy: str
    options: Mapping[str, Any]
    """What the launch template asks for whoever deploys it, as EC2's RunInstances takes it."""
    volumes: tuple[tuple[str, int], ...]
    """Device and size in GiB of each volume of the launch template."""
    reservation: tuple[str, str] = ("", "")
    """Parameter and ARN of the group of Capacity Reservations; both empty where there is none."""
    tags: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    """For each kind of resource the organisation's tags, by which a policy may decide."""

    @property
    def ebs_optimized(self) -> bool:
        """Whether the launch template asks for EBS optimisation."""
        return bool(self.options.get("EbsOptimized"))

    @property
    def subject(self) -> str:
        """What findings about them are told under."""
        return f"{self.parameter} {self.instance_type}"
