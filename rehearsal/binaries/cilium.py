"""Cilium's two container images, made of what is built here and of this computer's own programs.

The agent compiles its BPF programs when it starts, and sets up a node with iptables, ipset and others; an image of
Cilium's has all of that. Here it is Debian's, and the sources are those of the module.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from imagebuilder.artefacts import RemoteImage
from imagebuilder.versions import Versions
from rehearsal.binaries import archive, borrowed
from rehearsal.binaries.archive import ContainerImage
from rehearsal.binaries.borrowed import Borrowed
from rehearsal.binaries.build import Builder
from rehearsal.binaries.failures import Missing
from rehearsal.binaries.imaging import mirror
from rehearsal.binaries.store import content_key
from rehearsal.binaries.units import cilium
from rehearsal.prerequisites import CILIUM, SYSTEM_PATH

_MODULE = "github.com/cilium/cilium"
_AGENT = ("cilium-agent", "cilium-dbg", "cilium-health-responder", "cilium-mount", "cilium-sysctlfix")
_OPERATOR = "cilium-operator-generic"
_LABELS = ("cilium", "cilium-operator")
"""The images as versions.json calls them."""
_SCRIPTS = {
    "/init-container.sh": "images/cilium/init-container.sh",
    "/install-plugin.sh": "plugins/cilium-cni/install-plugin.sh",
    "/cni-uninstall.sh": "plugins/cilium-cni/cni-uninstall.sh",
}
"""As Cilium's Dockerfile copies them: a path in the image -> a file of the module."""
_SOURCES = "bpf"
_NOT_SHIPPED = ("tests", "complexity-tests", "custom")
"""Folders of the BPF sources that no image has (`BPF_SRCFILES_IGNORE` in Makefile.defs)."""
_SHELLS = {"/bin/bash": "bash", "/bin/sh": "dash"}
"""Where the first lines of scripts look for them; everything else is found by PATH, in /usr/bin."""
_GIB = 1.5


@dataclass(frozen=True)
class CiliumImages:
    """Archives of the images, in the places of a mirror."""

    folder: Path
    images: tuple[RemoteImage, ...]
    """With the digests that the archives have."""


@dataclass(frozen=True)
class CiliumMaker:
    """Makes the images, or finds them in the cache."""

    builder: Builder
    versions: Versions
    borrowed: Borrowed

    def made(self) -> CiliumImages | None:
        """The images, or None when they would have to be made first. Missing."""
        folder = self.builder.store.find(*self._entry())
        return None if folder is None else self._read(folder)

    def images(self) -> CiliumImages:
        """The images, made if need be: minutes the first time. BuildFailed, Missing, OSError."""
        found = self.made()
        if found is not None:
            return found
        # Entries of their own, before this one: whoever makes an entry keeps all others waiting.
        built, taken = self.builder.programs(cilium(self.versions)), self.borrowed.programs(self.builder.store)
        store = self.builder.store
        return self._read(store.obtain(*self._entry(), lambda folder: self._make(folder, built, taken), _GIB))

    def key(self) -> str:
        """Of the entry of the cache: everything that decides what the images are. Missing."""
        return self._entry()[1]

    def _entry(self) -> tuple[str, str]:
        own = (path.read_bytes() for path in (Path(__file__), Path(archive.__file__)))
        taken = (part for path in _programs().values() for part in (str(path), path.read_bytes()))
        return "cilium-images", content_key(self.builder.key(cilium(self.versions)), self.borrowed.key(), *own, *taken)

    def _make(self, folder: Path, built: Path, taken: Path) -> None:
        module = self.builder.go.module(cilium(self.versions).folder, _MODULE)
        architecture = self.builder.go.architecture.split()[0]
        agent, operator = dict(_agent(built, module, taken / "iptables")), {f"/usr/bin/{_OPERATOR}": built / _OPERATOR}
        for label, files in zip(_LABELS, (agent, operator), strict=True):
            name = f"{self.versions.images[label].repository}:{self.versions.cilium}"
            mirror.write_image(folder, ContainerImage(name, files), architecture)

    def _read(self, folder: Path) -> CiliumImages:
        names = [(self.versions.images[each].repository, self.versions.cilium) for each in _LABELS]
        return CiliumImages(folder, tuple(mirror.written_image(folder, *each) for each in names))


def _agent(built: Path, module: Path, iptables: Path) -> Iterator[tuple[str, Path]]:
    for name in _AGENT:
        yield f"/usr/bin/{name}", built / name
    yield "/opt/cni/bin/cilium-cni", built / "cilium-cni"
    for path, script in _SCRIPTS.items():
        yield path, module / script
    for source in sorted((module / _SOURCES).rglob("*")):
        if source.is_file() and source.relative_to(module / _SOURCES).parts[0] not in _NOT_SHIPPED:
            yield f"/var/lib/cilium/{source.relative_to(module)}", source
    yield from ((f"/{each.relative_to(iptables)}", each) for each in iptables.rglob("*") if each.is_file())
    programs = _programs()
    yield from programs.items()
    yield from borrowed.libraries(*programs.values()).items()


def _programs() -> Mapping[str, Path]:
    """Programs of this computer, by their path in the agent's image. Missing when one is not installed."""
    found = {}
    for program, package in CILIUM.items():
        path = shutil.which(program, path=SYSTEM_PATH)
        if path is None:
            raise Missing(
                f"there is no {program}: install {package}, or let a bridge be the network of pods (NETWORK=bridge)"
            )
        # Debian's clang has its version in its name.
        name = "clang" if program.startswith("clang-") else program
        found[f"/usr/bin/{name}"] = Path(os.path.realpath(path))
    return {**found, **{path: found[f"/usr/bin/{name}"] for path, name in _SHELLS.items()}}
