"""Real programs for tests: etcd, kubeadm, kube-apiserver. A test that has none is skipped, with the reason."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from imagebuilder import versions
from imagebuilder.versions import Release
from rehearsal.binaries import images
from rehearsal.binaries.failures import BuildFailed, Missing
from rehearsal.binaries.units import units

FOLDER_VARIABLE = "HOLDFAST_PROGRAMS"
"""A folder with the programs of the newest release; it goes before everything else."""
RELEASES = versions.read().releases
"""The newest first."""
MINORS = tuple(release.minor for release in RELEASES)
EACH_MINOR = (MINORS[0], *(pytest.param(minor, marks=pytest.mark.slow) for minor in MINORS[1:]))
"""For tests with servers of Kubernetes and etcd: `make check` starts the newest ones, `make slow` those before them."""


def program(name: str, minor: str = MINORS[0]) -> Path:
    """The program of a Kubernetes minor: from the variable's folder, the cache of rehearsals, or the PATH."""
    for place in _places(minor):
        if (place / name).is_file():
            return place / name
    # What is installed has some version of its own; it stands for the newest.
    if minor == MINORS[0] and (found := shutil.which(name)) is not None:
        return Path(found)
    return pytest.skip(
        f"no {name} of Kubernetes {minor} here: make rehearsal-binaries builds it, ${FOLDER_VARIABLE} names another"
    )


def _places(minor: str) -> Iterator[Path]:
    if minor == MINORS[0] and (named := os.environ.get(FOLDER_VARIABLE)):
        yield Path(named)
    yield from _built(next(release for release in RELEASES if release.minor == minor))


@cache
def _built(release: Release) -> tuple[Path, ...]:
    """The folders of what was built of a release; nothing is built now, for that takes minutes."""
    try:
        making = images.maker(lambda line: None)
    except (Missing, BuildFailed):
        return ()
    builder = making.builder
    found = (builder.store.find(unit.name, builder.key(unit)) for unit in units(making.versions, release))
    return tuple(place for place in found if place is not None)
