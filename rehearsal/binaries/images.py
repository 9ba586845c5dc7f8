"""The images of a rehearsal, by minor: their names for EC2, and the images themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagebuilder import versions
from imagebuilder.versions import Versions
from rehearsal.binaries import borrowed, build
from rehearsal.binaries.image import ImageMaker
from rehearsal.binaries.store import Report, Store, cache_folder, to_stderr
from rehearsal.binaries.units import all_units
from rehearsal.machines.model import Image, PodNetwork


@dataclass(frozen=True)
class ImageName:
    """How EC2 knows an image: what RegisterImage is given and DescribeImages shows."""

    minor: str
    """As `1.37`; what `image_for` takes."""
    name: str
    description: str


def names(known: Versions | None = None) -> tuple[ImageName, ...]:
    """The images that a rehearsal registers, the newest release first."""
    known = known or versions.read()
    return tuple(
        ImageName(
            release.minor,
            f"holdfast-kubernetes-{release.version.removeprefix('v')}",
            f"Kubernetes {release.version}, etcd {release.etcd}, containerd {known.containerd}",
        )
        for release in known.releases
    )


def maker(report: Report = to_stderr) -> ImageMaker:
    """What makes images of this checkout's versions in this computer's cache. Missing, VersionsError."""
    known = versions.read()
    store = Store(cache_folder(), report)
    return ImageMaker(build.builder(all_units(known), store, report), known, borrowed.find())


def made_image(minor: str, network: PodNetwork = PodNetwork.BRIDGE, report: Report = to_stderr) -> Image | None:
    """The image of a minor if it is made already; None when it would take minutes. Raises as `image_for`."""
    making = maker(report)
    return making.made(making.versions.release(minor), network)


def node_layer(minor: str, image: Image, report: Report = to_stderr) -> Path:
    """The layer with this checkout's node program over the image of a minor, made if need be: seconds, then a tenth of
    one. Raises as `image_for`."""
    making = maker(report)
    return making.node(making.versions.release(minor), image)


def image_for(minor: str, network: PodNetwork = PodNetwork.BRIDGE, report: Report = to_stderr) -> Image:
    """The image of a Kubernetes minor with a network of pods, made if need be: minutes the first time, then a tenth of
    a second.

    Raises Missing when this computer lacks something, BuildFailed when a tool failed, VersionsError when no image of
    this minor is made, OSError.
    """
    making = maker(report)
    return making.image(making.versions.release(minor), network)
