"""All components of an image, in the order in which a recipe names them."""

from __future__ import annotations

from dataclasses import dataclass

from imagebuilder.components import base, packages
from imagebuilder.components.document import Component
from imagebuilder.versions import Release, Versions


@dataclass(frozen=True)
class Machine:
    """What differs between the instances of EC2 and the machines of a rehearsal."""

    python: str = "/usr/bin/python3.11"
    """What builds the image and runs the node program: Amazon Linux's own python3 is 3.9."""
    configuration: tuple[str, ...] = ()
    """Options of `python -m imagebuilder.configure`."""


EC2 = Machine()


def documents(known: Versions, release: Release, machine: Machine = EC2) -> dict[str, Component]:
    """The components of an image of a release, by name, in their order."""
    made = (packages.component(), base.component(release, machine.python, machine.configuration))
    return {each.name: each for each in made}
