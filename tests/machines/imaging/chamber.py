"""A root in which components are executed, with small programs in the place of those that take minutes to build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from imagebuilder import artefacts, places, versions
from imagebuilder.artefacts import Artefacts
from imagebuilder.components import Component, Machine, documents
from rehearsal.binaries.imaging import executor, making, mirror
from rehearsal.binaries.imaging.executor import Root, execute
from rehearsal.binaries.imaging.order import Task, tasks

KNOWN = versions.read()
RELEASE = KNOWN.newest
IMAGES = (f"registry.k8s.io/pause:{RELEASE.pause}", f"registry.k8s.io/kube-apiserver:{RELEASE.version}")
SAYS = {
    "kubeadm": f'case "$1" in version) echo {RELEASE.version} ;; config) printf "%s\\n" {" ".join(IMAGES)} ;; esac',
    "kubelet": f"echo Kubernetes {RELEASE.version}",
    "kubectl": f"echo Client Version: {RELEASE.version}",
    "etcdctl": f"echo etcdctl version: {RELEASE.etcd.removeprefix('v')}; yes | head -100000",
    "etcdutl": f"echo etcdutl version: {RELEASE.etcd.removeprefix('v')}; yes | head -100000",
    "containerd": f'[ "$*" = "config dump" ] || echo containerd github.com/containerd {KNOWN.containerd} 0',
    "runc": f"echo runc version {KNOWN.runc.removeprefix('v')}",
}
"""What the programs print; etcd's print more than a pipe takes."""


@dataclass(frozen=True)
class Chamber:
    """A root of a test: what was written, and how components are executed in it."""

    place: Path
    """What the root has at /tmp/holdfast."""
    upper: Path
    found: Artefacts
    parameters: Mapping[str, str]

    def run(
        self,
        *components: str,
        phases: Sequence[str] = ("build", "validate"),
        found: Artefacts | None = None,
        parameters: Mapping[str, str] | None = None,
        layers: Sequence[Path] = (),
    ) -> None:
        """Execute components. StepFailed."""
        self.run_documents(making.chosen(self.documents(found), components), phases, parameters, layers)

    def documents(self, found: Artefacts | None = None) -> dict[str, Component]:
        return documents(KNOWN, RELEASE, self.machine(found))

    def run_documents(
        self,
        chosen: Sequence[Component],
        phases: Sequence[str] = ("build", "validate"),
        parameters: Mapping[str, str] | None = None,
        layers: Sequence[Path] = (),
    ) -> None:
        """Execute documents. StepFailed."""
        components = {each.name for each in chosen}
        skipped = {each: why for each, why in making.SKIPPED.items() if each.split("/")[0] in components}
        self.execute(list(tasks(chosen, phases, {**self.parameters, **(parameters or {})}, skipped)), layers=layers)

    def machine(self, found: Artefacts | None = None) -> Machine:
        return replace(making.machine(found or self.found), runc=KNOWN.runc)

    def execute(self, given: Sequence[Task], *, layers: Sequence[Path] = (), network: bool = False) -> None:
        execute(Root(self.upper, layers, {"/tmp/holdfast": self.place}, network=network), given, lambda line: None)

    def path(self, path: str) -> Path:
        """A path of the root, as it was written."""
        return self.upper / path.lstrip("/")


def script(folder: Path, name: str, text: str) -> Path:
    """A small program."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@dataclass(frozen=True)
class Fetched:
    """What components fetch: a mirror with the small programs, and this project's sources packed."""

    place: Path
    found: Artefacts
    parameters: Mapping[str, str]

    def chamber(self, upper: Path) -> Chamber:
        return Chamber(self.place, upper, self.found, self.parameters)


def fetched(place: Path) -> Fetched:
    """Make it in an empty folder. The test is skipped where there can be no root."""
    if (problem := executor.why_not()) is not None:
        pytest.skip(problem)
    programs = place / "programs"
    names = {*SAYS, "containerd-shim-runc-v2", "ctr", "ecr-credential-provider", *places.PLUGINS}
    made = {name: script(programs, name, SAYS.get(name, "exit 0")) for name in names}
    found = mirror.write_files(place / "files", artefacts.of(KNOWN, RELEASE), made, "amd64")
    found = replace(found, images=mirror.named(IMAGES))
    wheels = place / "wheels"
    wheels.mkdir()
    return Fetched(place, found, {"Files": "/tmp/holdfast/files", **making.packed(place, wheels)})
