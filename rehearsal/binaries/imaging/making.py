"""An image's folders, each made by its components: the layer of a release, its containerd's data, the node program."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagebuilder import artefacts, packing
from imagebuilder.artefacts import Artefacts
from imagebuilder.components import Component, Machine, documents
from imagebuilder.places import ADDON_FOLDER
from imagebuilder.versions import Release, Versions
from rehearsal.binaries.cilium import CiliumImages
from rehearsal.binaries.imaging import manifests, mirror
from rehearsal.binaries.imaging.executor import Report, Root, execute
from rehearsal.binaries.imaging.order import tasks

PYTHON = "/usr/bin/python3"
"""Of this computer, and so of its machines."""

LAYER = (
    "sources",
    "base",
    "containerd",
    "kubernetes",
    "credential-provider",
    "add-ons",
    "libraries",
    "cleanup",
)
"""The components that make the layer of a release."""
DATA = ("images",)
"""Those that make its containerd's data."""
NODE = ("sources", "node-program", "cleanup")
"""Those that make what changes with the checkout."""
PHASES = ("build", "validate")
"""The test phase looks at a booted instance."""
SKIPPED: Mapping[str, str] = {
    "packages": "a machine has this computer's packages, and there is no dnf",
    "sbom": "there is no syft",
    "base/validate/rules": "the rules name control groups of a running system",
    "base/test/in-force": "kernel settings and modules are this computer's",
    "base/test/selinux": "this computer's kernel has none",
    "base/test/clock": "machines have this computer's clock",
    "base/test/metadata": "asks a running system; tests of the machines do",
    "images/test/every-pod": "asks a running containerd; each boot of a rehearsal does",
}
"""What no rehearsal executes: components or steps, each with the reason."""
_IN = "/tmp/holdfast"
"""Where the root has what components fetch."""


@dataclass(frozen=True)
class Built:
    """What this computer has built of a release."""

    programs: Mapping[str, Path]
    """A program's name -> its file."""
    iptables: Path
    """What kube-proxy's image needs besides, as below /."""
    images: Sequence[str]
    """The container images that kubeadm lists."""
    go_architecture: str
    """As amd64."""
    cilium: CiliumImages | None = None
    """Where the machines' network is Cilium."""


def machine(found: Artefacts | None) -> Machine:
    """How a rehearsal's machines differ from those of EC2; what differs is here and nowhere else.

    Their cgroups are parts of this computer's tree, in which their systemd makes none for others, and root may lack
    CAP_SYS_RESOURCE.
    """
    configuration = ("--cgroup-driver=cgroupfs", "--restrict-oom-score")
    return Machine(
        # Of this checkout, behind a path that is the same in all.
        python=f"{_IN}/python",
        interpreter=PYTHON,
        configuration=configuration,
        # No container image of an add-on that is not built here has a digest.
        addons=("--without-digests",),
        artefacts=found,
        unneeded_images=(),
        runc="any",
    )


def fill_layer(folder: Path, known: Versions, release: Release, built: Built, wheels: Path, report: Report) -> None:
    """Make the layer of a release. StepFailed, BuildFailed, OSError."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        files = Path(place, "files")
        found = mirror.write_files(files, artefacts.of(known, release), built.programs, built.go_architecture)
        # An add-on's manifest names those by digest that have one.
        found = replace(found, images=(*mirror.named(built.images), *(built.cilium.images if built.cilium else ())))
        parameters = {"Files": f"{_IN}/files", **packed(Path(place), wheels)}
        made = chosen(documents(known, release, machine(found)), LAYER)
        _execute(Root(folder, folders={_IN: Path(place)}), made, parameters, report)
        if built.cilium is not None:
            manifests.adapt(folder / ADDON_FOLDER.lstrip("/"))


def fill_data(folder: Path, layer: Path, known: Versions, release: Release, built: Built, report: Report) -> None:
    """Make a /var/lib/containerd with a release's images. StepFailed, BuildFailed, OSError."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        archives, upper = Path(place, "archives"), Path(place, "upper")
        upper.mkdir()
        images = mirror.write_images(archives, built.images, built.programs, built.iptables, built.go_architecture)
        if built.cilium is not None:
            shutil.copytree(built.cilium.folder, archives, copy_function=os.link, dirs_exist_ok=True)
            images = (*images, *built.cilium.images)
        found = replace(artefacts.of(known, release), images=images)
        made = chosen(documents(known, release, machine(found)), DATA)
        root = Root(upper, (layer,), {_IN: Path(place), "/var/lib/containerd": folder})
        _execute(root, made, {"Registry": f"{_IN}/archives"}, report)


def fill_node(folder: Path, layer: Path, known: Versions, release: Release, report: Report) -> None:
    """Make the layer with this checkout's node program over a release's. StepFailed, OSError."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        none = Path(place, "wheels")
        none.mkdir()
        parameters = packed(Path(place), none)
        made = chosen(documents(known, release, machine(None)), NODE)
        _execute(Root(folder, (layer,), {_IN: Path(place)}), made, parameters, report)


def chosen(made: Mapping[str, Component], names: Iterable[str]) -> list[Component]:
    """Components by name, in the order of the recipe. KeyError for one that there is not."""
    wanted = {name: made[name] for name in names}
    return [each for name, each in made.items() if name in wanted]


def packed(place: Path, wheels: Path) -> dict[str, str]:
    """What the component of the sources needs, with the Python that runs them; the parameters that name it."""
    python = place / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    digest = packing.pack(place / "sources.tar.gz", wheels)
    return {"Sources": f"{_IN}/sources.tar.gz", "SourcesSha256": digest}


def _execute(root: Root, made: Sequence[Component], parameters: Mapping[str, str], report: Report) -> None:
    labels = {each.name for each in made}
    skipped = {label: why for label, why in SKIPPED.items() if label.split("/")[0] in labels}
    execute(root, list(tasks(made, PHASES, parameters, skipped)), report)
    _forget_overlay(root.upper)


def _forget_overlay(folder: Path) -> None:
    """Take away what only the mount of the root could read: an image's layer is a plain folder.

    What steps have removed of this computer's own files stands in it as devices, and is hidden from machines anyway.
    """
    for each in [folder, *folder.rglob("*")]:
        if stat.S_ISCHR(each.lstat().st_mode):
            each.unlink()
            continue
        for name in os.listxattr(each, follow_symlinks=False):
            if name.startswith("trusted.overlay."):
                os.removexattr(each, name, follow_symlinks=False)
