"""The machine images of a local cloud: what EC2 knows of them, and what an instance of one boots from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rehearsal.aws.server import LocalAws
from rehearsal.binaries import images
from rehearsal.cloud import node_layer
from rehearsal.machines.model import Image, PodNetwork

Settings = Mapping[str, Any]


class MachineImages:
    """Registers images of one network that carry this checkout's node program. `folder` holds what each of them adds.

    A `program` stands in the place of the file that starts the node program, and `settings` go into image.json.
    """

    def __init__(self, aws: LocalAws, folder: Path, network: PodNetwork) -> None:
        self._aws = aws
        self._folder = folder
        self._network = network
        self._images: dict[str, Image] = {}
        self._layers = 0

    def find(self, image_id: str) -> Image:
        """What an instance boots from. Raises KeyError."""
        return self._images[image_id]

    def register_made(self, program: Path | None, settings: Settings) -> dict[str, str]:
        """Register an image of every minor; Kubernetes minor -> image id, the newest first.

        Those of other minors than the newest are there only when somebody made them.
        """
        found = [(each, images.made_image(each.minor, self._network)) for each in images.names()]
        made = [(name, image) for name, image in found if image is not None]
        if not made:
            return {}
        node = self._layer(*made[0], program, settings)
        return {name.minor: self._register(name, name.name, image, node) for name, image in made}

    def register(self, program: Path | None, settings: Settings) -> str:
        """Register one more image of the newest minor that is made, and return its id. Raises LookupError where none is
        made."""
        for name in images.names():
            image = images.made_image(name.minor, self._network)
            if image is not None:
                node = self._layer(name, image, program, settings)
                return self._register(name, f"{name.name}-{self._layers}", image, node)
        raise LookupError("no image is made; make rehearsal-binaries makes one")

    def _layer(self, name: images.ImageName, image: Image, program: Path | None, settings: Settings) -> Path:
        self._layers += 1
        layer = self._folder / f"node-{self._layers}"
        node_layer.make(layer, images.node_layer(name.minor, image), program, settings, image.network)
        return layer

    def _register(self, known: images.ImageName, name: str, image: Image, node: Path) -> str:
        registered = self._aws.client("ec2").register_image(
            Name=name,
            Description=known.description,
            Architecture="x86_64",
            RootDeviceName="/dev/xvda",
            VirtualizationType="hvm",
            BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3"}}],
        )
        image_id: str = registered["ImageId"]
        self._images[image_id] = replace(image, node=node)
        return image_id
