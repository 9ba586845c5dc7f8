"""A root in which components are executed, with small programs in the place of those that take minutes to build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from imagebuilder import artefacts, places, versions
from imagebuilder.artefacts import Artefacts
from imagebuilder.components import Machine, documents
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
        made = documents(KNOWN, RELEASE, self.machine(found))
        chosen = making.chosen(made, components)
        skipped = {each: why for each, why in making.SKIPPED.items() if each.split("/")[0] in components}
        self.execute(list(tasks(chosen, phases, {**self.parameters, **(parameters or {})}, skipped)), layers=layers)

    def machine(self, found: Artefacts | None = None) -> Machine:
        return replace(making.machine(found or self.found), runc=KNOWN.runc)

    def execute(self, given: Sequence[Task], *, layers: Sequence[Path] = (), network: bool = False) -> None:
        execute(Root(self.upper, layers, {"/tmp/holdfast": self.place}, network), given, lambda line: None)

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


@pytest.fixture(scope="session")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Artefacts, Mapping[str, str]]:
    """A mirror with the small programs, and this project's sources packed."""
    if (problem := executor.why_not()) is not None:
        pytest.skip(problem)
    place = tmp_path_factory.mktemp("place")
    programs = place / "programs"
    names = {*SAYS, "containerd-shim-runc-v2", "ctr", "ecr-credential-provider", *places.PLUGINS}
    made = {name: script(programs, name, SAYS.get(name, "exit 0")) for name in names}
    found = mirror.write_files(place / "files", artefacts.of(KNOWN, RELEASE), made, "amd64")
    found = replace(found, images=mirror.named(IMAGES))
    wheels = place / "wheels"
    wheels.mkdir()
    return place, found, {"Files": "/tmp/holdfast/files", **making.packed(place, wheels)}


@pytest.fixture
def chamber(fetched: tuple[Path, Artefacts, Mapping[str, str]], tmp_path: Path) -> Chamber:
    place, found, parameters = fetched
    (tmp_path / "upper").mkdir()
    return Chamber(place, tmp_path / "upper", found, parameters)
