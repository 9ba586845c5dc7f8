"""The layer with the node program that a rehearsal's machines have over their image."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from imagebuilder import places, program
from rehearsal.cloud import node_layer
from rehearsal.machines.model import PodNetwork
from userdata.config import image


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The node program, as its component installs it."""
    folder = tmp_path_factory.mktemp("program")
    program.install(folder)
    return folder


def test_what_the_layer_says_of_this_computer_is_understood_by_the_node_program(
    tmp_path: Path, installed: Path
) -> None:
    layer = tmp_path / "layer"
    node_layer.make(
        layer, installed, None, {"host": {"fixed_conntrack": False}, "pace": {"look": 1}}, PodNetwork.CILIUM
    )
    facts = image.read(layer)
    assert facts.host.cgroup_v1 is not Path("/sys/fs/cgroup/cgroup.controllers").exists()
    assert (facts.host.fixed_conntrack, facts.kube_proxy, facts.shared_clock) == (False, False, True)
    assert facts.pace.look == 1


def test_settings_add_to_what_holds_for_every_machine() -> None:
    settings = {"host": {"cgroup_v1": False}, "lifetimes": {"x": 1}}
    facts = node_layer.image_facts(settings, PodNetwork.BRIDGE, cgroup_v1=True)
    assert facts == {
        "host": {"cgroup_v1": False, "fixed_conntrack": True},
        "kube_proxy": True,
        "shared_clock": True,
        "lifetimes": {"x": 1},
    }


def test_the_image_starts_the_program_of_this_checkout_or_a_tests_own_file_beside_it(
    tmp_path: Path, installed: Path
) -> None:
    entry = tmp_path / "entry.py"
    entry.write_text("import userdata.config.node_file\n", encoding="utf-8")
    for name, given in (("own", None), ("tests", entry)):
        layer = tmp_path / name
        node_layer.make(layer, installed, given, {}, PodNetwork.BRIDGE)
        started = layer / places.NODE_PROGRAM.lstrip("/")
        assert stat.S_IMODE(started.stat().st_mode) == 0o755
        assert (started.read_text(encoding="utf-8") == entry.read_text(encoding="utf-8")) == (given is entry)
        assert (layer / places.LIBRARY_FOLDER.lstrip("/") / "userdata/config/node_file.py").is_file()


def test_the_folder_of_the_nodes_own_files_is_for_root_alone(tmp_path: Path, installed: Path) -> None:
    layer = tmp_path / "layer"
    node_layer.make(layer, installed, None, {}, PodNetwork.BRIDGE)
    assert stat.S_IMODE((layer / places.SETTINGS_FOLDER.lstrip("/")).stat().st_mode) == 0o700
    assert json.loads((layer / places.IMAGE_FILE.lstrip("/")).read_text(encoding="utf-8"))["shared_clock"] is True
