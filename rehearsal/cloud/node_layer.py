"""The uppermost layer of a rehearsal's images: this checkout's node program, and what it should know of here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagebuilder import places
from imagebuilder.configure.tree import Entry, File, Folder, write
from rehearsal.machines.instance import cgroups
from rehearsal.machines.model import PodNetwork

Settings = Mapping[str, Any]
"""Of image.json: `userdata/config/image.py` says what may be in it."""


def make(layer: Path, program: Path, entry: Path | None, settings: Settings, network: PodNetwork) -> None:
    """Make the layer in a new folder: a tenth of a second. OSError.

    `program` is the layer that the components of the node program have made. `entry` stands in the place of the file
    that starts it, and may import it; `settings` add to what holds for every machine here.
    """
    shutil.copytree(program, layer, symlinks=True)
    if entry is not None:
        target = layer / places.NODE_PROGRAM.lstrip("/")
        shutil.copyfile(entry, target)
        target.chmod(0o755)
    facts: dict[str, Entry] = {
        # The folder of the layer above covers the image's, with its mode.
        places.SETTINGS_FOLDER: Folder(0o700),
        places.IMAGE_FILE: File(json.dumps(image_facts(settings, network), indent=2) + "\n"),
    }
    write(layer, facts)


def image_facts(settings: Settings, network: PodNetwork, *, cgroup_v1: bool | None = None) -> dict[str, Any]:
    """What image.json says on this computer; `settings` win, and objects in them add their fields."""
    if cgroup_v1 is None:
        cgroup_v1 = not any(tree.path == cgroups.ROOT and tree.kind == "cgroup2" for tree in cgroups.hierarchies())
    here: dict[str, Any] = {
        "host": {"cgroup_v1": cgroup_v1, "fixed_conntrack": True},
        # Without it a control plane installs the image's add-ons, Cilium among them.
        "kube_proxy": network is PodNetwork.BRIDGE,
        "shared_clock": True,
    }
    for name, value in settings.items():
        here[name] = {**here.get(name, {}), **value} if isinstance(value, Mapping) else value
    return here
