"""What components are rendered from: a release, its artefacts, and the machine that they run on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagebuilder import artefacts, places
from imagebuilder.artefacts import Artefacts, RemoteFile, RemoteImage
from imagebuilder.components.document import Parameter
from imagebuilder.versions import Release, Versions


@dataclass(frozen=True)
class Machine:
    """What differs between the instances of EC2 and the machines of a rehearsal; the defaults are EC2's."""

    python: str = places.PYTHON
    """What builds the image. It has pip, and is of the same minor version as the next one."""
    interpreter: str = places.PYTHON
    """What runs the node program."""
    configuration: tuple[str, ...] = ()
    """Options of `python -m imagebuilder.configure`."""
    addons: tuple[str, ...] = ()
    """Options of `python -m imagebuilder.addons`."""
    pulling: tuple[str, ...] = ()
    """Options of `ctr images pull`."""
    artefacts: Artefacts | None = None
    """Of which the image is made instead of those of its release."""
    unneeded_images: tuple[str, ...] = ("kube-proxy",)
    """What kubeadm lists and no node runs: Cilium does kube-proxy's work."""
    runc: str | None = None
    """Another version of runc than versions.json's: `any` for whatever is there."""


EC2 = Machine()


@dataclass(frozen=True)
class Plan:
    """One image."""

    known: Versions
    release: Release
    machine: Machine = EC2

    @property
    def artefacts(self) -> Artefacts:
        """What it is made of."""
        return self.machine.artefacts or artefacts.of(self.known, self.release)

    @property
    def pause(self) -> str:
        """The image of every pod's sandbox, as kubeadm names it."""
        return f"{self.known.images['pause'].repository}:{self.release.pause}"

    def configure(self, *steps: str) -> dict[str, str]:
        """The variables of the script that writes steps of `imagebuilder.configure`."""
        return {
            "STEPS": " ".join(steps),
            "OPTIONS": " ".join(self.machine.configuration),
            "SANDBOX_IMAGE": self.pause,
            "PYTHON": self.machine.python,
            "SOURCES": places.SOURCE_FOLDER,
        }

    def files(self, *names: str) -> dict[str, str]:
        """The variable of a script that fetches files of these names."""
        return {"FILES_TABLE": "\n".join(_file_line(each) for name in names for each in self.artefacts.file(name))}

    def images(self) -> dict[str, str]:
        """The variable of a script that looks at every container image."""
        return {"IMAGES_TABLE": "\n".join(_image_line(each) for each in self.artefacts.images)}

    def image_names(self) -> dict[str, str]:
        """The variable of a script that needs no more than their names."""
        return {"IMAGES": " ".join(each.label for each in self.artefacts.images)}


FILES = {
    "FILES": Parameter(
        "Files",
        "Where files come from: internet, or s3://bucket/prefix of a mirror that has them below their addresses",
        "internet",
    )
}
"""What the recipe gives every script that fetches files."""
REGISTRY = {
    "REGISTRY": Parameter(
        "Registry",
        "Where container images come from: internet, a registry with a prefix that has them below their names, or "
        "s3://bucket/prefix of archives",
        "internet",
    )
}
SOURCES = {
    "PACKED": Parameter("Sources", "Where `make image-sources` was uploaded to: s3://bucket/key"),
    "PACKED_SHA256": Parameter("SourcesSha256", "The SHA-256 that it printed"),
}
CA_BUNDLE = {"CA_BUNDLE": Parameter("CaBundle", "Certificates to trust: none, or s3://bucket/key in PEM", "none")}


def _file_line(file: RemoteFile) -> str:
    sha256 = "-" if file.locked is None else file.locked.sha256
    return f"{file.name} {file.architecture} {file.source} {sha256}"


def _image_line(image: RemoteImage) -> str:
    return f"{image.repository} {image.tag} {'-' if image.locked is None else image.locked.index}"


def pinned(images: Sequence[RemoteImage], wanted: Sequence[str]) -> list[str]:
    """Which images add-ons take instead of those that they name by tag: `tag=tag@digest`."""
    return [f"{each.label}={each.pinned}" for each in images if each.label in wanted and each.pinned is not None]
