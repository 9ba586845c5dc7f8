"""The add-ons of a rehearsal whose network is Cilium: the image's own, and every difference from these."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagebuilder import addons, places, versions
from imagebuilder.configure.tree import write
from rehearsal.binaries.imaging import manifests


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An image's manifests."""
    write(tmp_path, addons.entries(addons.documents(versions.read(), versions.read().newest)))
    return tmp_path / places.ADDON_FOLDER.lstrip("/")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a document that is no object, with its path; a list of texts is one value."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, f"{path}/{key}")
    elif isinstance(value, list) and not all(isinstance(each, str) for each in value):
        for number, each in enumerate(value):
            yield from leaves(each, f"{path}/{number}")
    else:
        yield path, value


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """The values of every manifest, by the names of the objects."""
    return {
        file.name: {
            f"{item['kind']}/{item['metadata']['name']}{path}": value
            for item in json.loads(file.read_text(encoding="utf-8"))["items"]
            for path, value in leaves(item)
        }
        for file in folder.glob("*.json")
    }


@pytest.mark.parametrize("lacking", [False, True])
def test_nothing_differs_but_what_is_not_built_and_a_capability_that_this_computer_has_not(
    folder: Path, lacking: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "has_capability", lambda: not lacking)
    before = read(folder)
    manifests.adapt(folder)
    after = read(folder)
    assert before.keys() - after.keys() == {"30-cluster-autoscaler.json"}
    assert not after.keys() - before.keys()
    changed = {
        (name, path): (sorted(set(value) - set(after[name][path])), sorted(set(after[name][path]) - set(value)))
        for name in after
        for path, value in before[name].items()
        if value != after[name][path]
    }
    places_of_it = [
        ("20-cilium.json", f"DaemonSet/cilium/spec/template/spec/{each}/securityContext/capabilities/add")
        for each in ("containers/0", "initContainers/3")
    ]
    assert changed == ({place: (["SYS_RESOURCE"], []) for place in places_of_it} if lacking else {})
    assert all(before[name].keys() == after[name].keys() for name in after)


def test_a_manifest_without_a_difference_is_the_images_byte_for_byte(folder: Path) -> None:
    before = {file.name: file.read_bytes() for file in folder.glob("*.json") if file.name != "20-cilium.json"}
    manifests.adapt(folder)
    assert {file.name: file.read_bytes() for file in folder.glob("*.json")}.items() >= {
        name: text for name, text in before.items() if name not in manifests.LEFT_OUT
    }.items()
