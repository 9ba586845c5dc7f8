"""The machine image of a release, made of what is built here, by the components of the real one.

Its parts are entries of the cache: a layer of files, a /var/lib/containerd with the container images, and the layer of
the checkout's node program.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import imagebuilder
from imagebuilder import artefacts, libraries, packing
from imagebuilder.components import documents
from imagebuilder.versions import Release, Versions
from rehearsal.binaries import archive, containers, imaging
from rehearsal.binaries.borrowed import Borrowed
from rehearsal.binaries.build import Builder
from rehearsal.binaries.cilium import CiliumMaker
from rehearsal.binaries.failures import BuildFailed
from rehearsal.binaries.imaging import making, mirror
from rehearsal.binaries.imaging.making import Built
from rehearsal.binaries.store import content_key
from rehearsal.binaries.units import HERE, units
from rehearsal.machines.model import Image, PodNetwork

_CHECKOUT = HERE.parents[1]
_DATA_GIB = 3.0
"""containerd's data, 1.4 GiB, and while it is made the archives that it is imported from."""
_LAYER_GIB = 1.5
"""The programs, and while it is made the files that they are fetched from."""
_WHEELS_GIB = 0.1
_IMAGEBUILDER = Path(imagebuilder.__file__).parent
_IMAGING = Path(imaging.__file__).parent
_RUNTIME_LOCK = _CHECKOUT / libraries.RUNTIME_LOCK


@dataclass(frozen=True)
class ImageMaker:
    """Makes images, or finds them in the cache."""

    builder: Builder
    versions: Versions
    borrowed: Borrowed

    def made(self, release: Release, network: PodNetwork) -> Image | None:
        """The image of a release, or None when it would have to be made first. Missing."""
        store = self.builder.store
        layer, data = store.find(*self._layer(release, network)), store.find(*self._data(release, network))
        return None if layer is None or data is None else Image(layer, data, release.version, network=network)

    def image(self, release: Release, network: PodNetwork) -> Image:
        """The image of a release, made if need be. BuildFailed, Missing, OSError."""
        found = self.made(release, network)
        if found is not None:
            return found
        built, wheels = self._built(release, network), self._wheels()
        store, report = self.builder.store, self.builder.report
        layer = store.obtain(
            *self._layer(release, network),
            lambda folder: making.fill_layer(folder, self.versions, release, built, wheels, report),
            _LAYER_GIB,
        )
        data = store.obtain(
            *self._data(release, network),
            lambda folder: making.fill_data(folder, layer, self.versions, release, built, report),
            _DATA_GIB,
        )
        return Image(layer, data, release.version, network=network)

    def node(self, release: Release, image: Image) -> Path:
        """The layer with this checkout's node program over an image: seconds the first time. BuildFailed, OSError."""
        _, below = self._layer(release, image.network)
        return self.builder.store.obtain(
            f"node-{release.minor}",
            content_key(below, *_contents(*(_CHECKOUT / each for each in packing.PACKAGES))),
            lambda folder: making.fill_node(folder, image.layer, self.versions, release, self.builder.report),
            _WHEELS_GIB,
        )

    @property
    def _cilium(self) -> CiliumMaker:
        return CiliumMaker(self.builder, self.versions, self.borrowed)

    def _built(self, release: Release, network: PodNetwork) -> Built:
        built = {unit.name: self.builder.programs(unit) for unit in units(self.versions, release)}
        taken = self.borrowed.programs(self.builder.store)
        programs = {path.name: path for folder in built.values() for path in folder.iterdir()}
        return Built(
            programs={**programs, "runc": taken / "runc"},
            iptables=taken / "iptables",
            images=containers.listed(programs["kubeadm"], release.version),
            go_architecture=self.builder.go.architecture.split()[0],
            cilium=self._cilium.images() if network is PodNetwork.CILIUM else None,
        )

    def _wheels(self) -> Path:
        key = content_key(f"{sys.implementation.cache_tag} {sys.platform}", _RUNTIME_LOCK.read_bytes())
        return self.builder.store.obtain("wheels", key, self._download, _WHEELS_GIB)

    def _download(self, folder: Path) -> None:
        self.builder.report("fetching the node program's Python libraries")
        try:
            libraries.download(folder, _RUNTIME_LOCK)
        except subprocess.CalledProcessError as error:
            raise BuildFailed(f"{_RUNTIME_LOCK.name}: {str(error.stderr).strip() or error}") from error

    def _data(self, release: Release, network: PodNetwork) -> tuple[str, str]:
        """Name and key of the entry of containerd's data."""
        made_by = (Path(each) for each in (archive.__file__, containers.__file__, mirror.__file__))
        key = content_key(
            *self._unit_keys(release, network),
            self._documents(release, making.DATA),
            *(path.read_bytes() for path in made_by),
        )
        return _named(f"containerd-data-{release.minor}", network), key

    def _layer(self, release: Release, network: PodNetwork) -> tuple[str, str]:
        """Name and key of the layer's entry."""
        key = content_key(
            *self._unit_keys(release, network),
            self._documents(release, making.LAYER),
            _RUNTIME_LOCK.read_bytes(),
            *_contents(_IMAGEBUILDER, _IMAGING),
            Path(__file__).read_bytes(),
        )
        return _named(f"layer-{release.minor}", network), key

    def _documents(self, release: Release, names: tuple[str, ...]) -> str:
        """What is executed, but for the checksums of what is built here: these follow from its keys."""
        found = replace(artefacts.of(self.versions, release), files=(), images=())
        made = documents(self.versions, release, making.machine(found))
        return json.dumps([each.document for each in making.chosen(made, names)])

    def _unit_keys(self, release: Release, network: PodNetwork) -> list[str]:
        more = [self._cilium.key()] if network is PodNetwork.CILIUM else []
        return [self.borrowed.key(), *(self.builder.key(unit) for unit in units(self.versions, release)), *more]


def _named(name: str, network: PodNetwork) -> str:
    """An entry's name: that of the bridge's has nothing behind it."""
    return name if network is PodNetwork.BRIDGE else f"{name}-{network.value}"


def _contents(*folders: Path) -> Iterator[bytes]:
    """The names and contents of all files in folders, but for what Python left in them."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield str(path.relative_to(folder.parent)).encode()
                yield path.read_bytes()
