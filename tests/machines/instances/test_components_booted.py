"""Instances of an image that components have made: what a document says is what a machine is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from imagebuilder.components import Component
from tests.machines.imaging.chamber import Chamber, fetched
from tests.machines.instances.harness import InstanceHarness

_COMPONENTS = ("sources", "base", "containerd", "kubernetes", "credential-provider", "node-program")


@contextmanager
def _booted(harness: InstanceHarness, chamber: Chamber, made: Mapping[str, Component]) -> Iterator[str]:
    """An instance of the image that components make."""
    chamber.run_documents([each for name, each in made.items() if name in _COMPONENTS], ("build",))
    instance = harness.boot()
    try:
        yield instance
    finally:
        harness.terminate(instance)
        for path in chamber.upper.iterdir():
            shutil.rmtree(path)


def _changed(component: Component, old: str, new: str) -> Component:
    text = json.dumps(component.document)
    assert old in text
    return Component(component.name, component.description, json.loads(text.replace(old, new)))


def test_a_changed_flag_of_a_document_and_a_component_that_is_left_out_are_seen_in_a_booted_instance(
    harness: InstanceHarness, tmp_path: Path
) -> None:
    chamber = fetched(tmp_path).chamber(harness.image.layer)
    made = chamber.documents()
    cgroups = "grep SystemdCgroup /etc/containerd/config.toml"
    kubelet = "systemctl show kubelet.service --property LoadState --value"
    with _booted(harness, chamber, made) as instance:
        assert harness.run(instance, cgroups).strip() == "SystemdCgroup = false"
        assert harness.run(instance, kubelet).strip() == "loaded"
        flags = harness.run(instance, "systemctl show kubelet.service --property Environment --value")
        assert "--image-credential-provider-config=" in flags
    made["containerd"] = _changed(made["containerd"], "--cgroup-driver=cgroupfs", "--cgroup-driver=systemd")
    del made["kubernetes"]
    with _booted(harness, chamber, made) as instance:
        assert harness.run(instance, cgroups).strip() == "SystemdCgroup = true"
        assert harness.run(instance, kubelet).strip() == "not-found"
