"""The machine image of a release, made of what is built here: a layer of files and a template of containerd's data."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import imagebuilder
from imagebuilder import addons, configure, libraries, places
from imagebuilder.configure import Settings
from imagebuilder.versions import Release, Versions
from rehearsal.binaries import archive, containers, template
from rehearsal.binaries.borrowed import Borrowed
from rehearsal.binaries.build import Builder
from rehearsal.binaries.failures import BuildFailed
from rehearsal.binaries.store import content_key
from rehearsal.binaries.units import HERE, units
from rehearsal.machines.model import Image

_TEMPLATE_GIB = 3.0
"""The template, 1.4 GiB, and while it is made the archive that it is imported from."""
_LAYER_GIB = 0.2
_BRIDGE_NETWORK = "100.64.0.0/24"
"""Within the default range of pods; the bridges of different nodes are not connected."""
_IMAGEBUILDER = Path(imagebuilder.__file__).parent
_RUNTIME_LOCK = HERE.parents[1] / "requirements" / "runtime.txt"


@dataclass(frozen=True)
class _Parts:
    """Everything an image is made of."""

    programs: Mapping[str, Path]
    """A program's name -> its file."""
    containerd: Path
    """The folder with containerd and ctr."""
    iptables: Path
    libraries: Path


@dataclass(frozen=True)
class ImageMaker:
    """Makes images, or finds them in the cache."""

    builder: Builder
    versions: Versions
    borrowed: Borrowed

    def made(self, release: Release) -> Image | None:
        """The image of a release, or None when it would have to be made first."""
        store = self.builder.store
        layer, data = store.find(*self._layer(release)), store.find(*self._data(release))
        return None if layer is None or data is None else Image(layer, data, release.version)

    def image(self, release: Release) -> Image:
        """The image of a release, made if need be. BuildFailed, Missing, OSError."""
        found = self.made(release)
        if found is not None:
            return found
        parts = self._parts(release)
        names = containers.listed(parts.programs["kubeadm"], release.version)
        pause = containers.sandbox(names)
        store = self.builder.store
        layer = store.obtain(
            *self._layer(release), lambda folder: _fill_layer(folder, parts, pause, release), _LAYER_GIB
        )
        data = store.obtain(
            *self._data(release), lambda folder: self._fill_template(folder, parts, names), _TEMPLATE_GIB
        )
        return Image(layer, data, release.version)

    def _parts(self, release: Release) -> _Parts:
        built = {unit.name: self.builder.programs(unit) for unit in units(self.versions, release)}
        taken = self.borrowed.programs(self.builder.store)
        programs = {path.name: path for folder in built.values() for path in folder.iterdir()}
        return _Parts(
            programs={**programs, "runc": taken / "runc"},
            containerd=built["containerd"],
            iptables=taken / "iptables",
            libraries=self.builder.store.obtain("libraries", _libraries_key(), self._install, _LAYER_GIB),
        )

    def _install(self, folder: Path) -> None:
        self.builder.report("installing the node program's Python libraries")
        try:
            libraries.install(folder, _RUNTIME_LOCK)
        except subprocess.CalledProcessError as error:
            raise BuildFailed(f"{_RUNTIME_LOCK.name}: {str(error.stderr).strip() or error}") from error

    def _fill_template(self, folder: Path, parts: _Parts, names: list[str]) -> None:
        self.builder.report(f"importing {len(names)} container images")
        images = [containers.container_image(name, parts.programs, parts.iptables) for name in names]
        architecture = self.builder.go.architecture.split()[0]
        # Beside the template: the system's folder for temporary files may be memory.
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            archive.write(Path(work, "images.tar"), images, architecture)
            template.make(folder, parts.containerd, Path(work, "images.tar"), names)

    def _data(self, release: Release) -> tuple[str, str]:
        """Name and key of the template's entry."""
        made_by = (archive.__file__, containers.__file__, template.__file__)
        key = content_key(*self._unit_keys(release), *(Path(path).read_bytes() for path in made_by))
        return f"containerd-data-{release.minor}", key

    def _layer(self, release: Release) -> tuple[str, str]:
        """Name and key of the layer's entry."""
        made_by = [Path(__file__), *sorted(_IMAGEBUILDER.rglob("*.py"))]
        manifests = json.dumps(addons.documents(release))
        key = content_key(
            *self._unit_keys(release), _libraries_key(), manifests, *(path.read_bytes() for path in made_by)
        )
        return f"layer-{release.minor}", key

    def _unit_keys(self, release: Release) -> list[str]:
        return [self.borrowed.key(), *(self.builder.key(unit) for unit in units(self.versions, release))]


def layer_settings(sandbox_image: str) -> Settings:
    """How a rehearsal's machines are configured; what differs from EC2 is here and nowhere else.

    Their cgroups are parts of this computer's tree, in which their systemd makes none for others, and root may lack
    CAP_SYS_RESOURCE. Cilium is not among what is built here, so that pods get a bridge.
    """
    return Settings(sandbox_image, cgroup_driver="cgroupfs", restrict_oom_score=True, bridge_network=_BRIDGE_NETWORK)


def _fill_layer(folder: Path, parts: _Parts, sandbox_image: str, release: Release) -> None:
    # The add-ons' container images are not there, so no rehearsal runs them; that a cluster takes them is tested.
    manifests = addons.entries(addons.documents(release))
    configure.write(folder, {**configure.entries(layer_settings(sandbox_image)), **manifests})
    for path, source in _placed(parts):
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(source, target)
    shutil.copytree(parts.libraries, folder, copy_function=_link, symlinks=True, dirs_exist_ok=True)


def _placed(parts: _Parts) -> Iterator[tuple[str, Path]]:
    for folder, programs in ((places.PROGRAM_FOLDER, places.PROGRAMS), (places.PLUGIN_FOLDER, places.PLUGINS)):
        for program in programs:
            yield f"{folder}/{program}", parts.programs[program]


def _libraries_key() -> str:
    python = f"{sys.implementation.cache_tag} {sys.platform}"
    return content_key(python, _RUNTIME_LOCK.read_bytes(), Path(libraries.__file__).read_bytes())


def _link(source: str | Path, target: str | Path) -> None:
    """A second name for the same file: entries of the cache are never written."""
    os.link(source, target, follow_symlinks=False)
