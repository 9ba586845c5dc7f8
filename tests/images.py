"""The machine images that are made on this computer; a test never makes one, for that takes minutes."""

from __future__ import annotations

import pytest

from rehearsal.binaries import BuildFailed, Missing, made_image, names
from rehearsal.machines.model import Image, PodNetwork

NEWEST = names()[0].minor


def made_or_reason(minor: str = NEWEST, network: PodNetwork = PodNetwork.BRIDGE) -> Image | str:
    """The image of a Kubernetes minor, or why there is none."""
    try:
        image = made_image(minor, network)
    except (BuildFailed, Missing) as missing:
        return f"no image can be made here: {missing}"
    option = "" if network is PodNetwork.BRIDGE else f" NETWORK={network}"
    return image or f"no image of Kubernetes {minor} is made yet: make rehearsal-binaries{option}"


def made_or_skip(minor: str = NEWEST, network: PodNetwork = PodNetwork.BRIDGE) -> Image:
    """The image of a Kubernetes minor; the test is skipped where there is none."""
    image = made_or_reason(minor, network)
    if isinstance(image, str):
        pytest.skip(image)
    return image
