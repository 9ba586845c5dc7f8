"""The configuration of a machine image, below a root in a temporary folder."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest
from troposphere import Base64

from coordination import names
from coordination.names import NodeField
from generator.user_data import user_data
from imagebuilder import configure, places
from imagebuilder.configure import Settings, kubelet, metadata
from imagebuilder.configure.__main__ import main
from imagebuilder.configure.node import FLUSH_SECONDS
from userdata.boot.activation import AGENT_UNIT
from userdata.boot.end import End
from userdata.config.image import IMAGE_FILE
from userdata.host import instance
from userdata.kubeadm import cluster
from userdata.kubeadm.cluster import SHUTDOWN_SECONDS
from userdata.kubeadm.node import Host
from userdata.program import EXIT_CODES
from userdata.shipping.running import Pauses

GOLDEN = Path(__file__).parent / "golden"
PAUSE = "registry.k8s.io/pause:3.10.2"
DISK_FIRST = ("kubelet.service", places.BOOT_UNIT)


def _tree(root: Path) -> dict[str, str]:
    """Each path with what it is: mode and text of a file, mode of an empty folder, target of a link."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(folder, name)
            key = f"/{path.relative_to(root)}"
            mode = oct(stat.S_IMODE(path.lstat().st_mode))
            if path.is_symlink():
                found[key] = f"-> {os.readlink(path)}"
            elif path.is_file():
                found[key] = f"{mode}\n{path.read_text(encoding='utf-8')}"
            elif not any(path.iterdir()):
                found[key] = mode
    return found


def _listed(tree: dict[str, str]) -> str:
    return "".join(f"=== {path} {content.rstrip()}\n" for path, content in sorted(tree.items()))


def test_an_image_is_configured_file_by_file_as_stored(tmp_path: Path) -> None:
    assert main(["--root", str(tmp_path), "--sandbox-image", PAUSE]) == 0
    assert _listed(_tree(tmp_path)) == (GOLDEN / "configured.txt").read_text(encoding="utf-8"), (
        f"if this is wanted: python -m {__name__}"
    )


def test_configuring_again_changes_nothing(tmp_path: Path) -> None:
    made = configure.entries(Settings(PAUSE))
    configure.write(tmp_path, made)
    first = _tree(tmp_path)
    configure.write(tmp_path, made)
    assert _tree(tmp_path) == first


def test_a_rehearsal_differs_in_the_options_of_its_shim_only(tmp_path: Path) -> None:
    on_ec2, here = configure.entries(Settings(PAUSE)), configure.entries(Settings(PAUSE, "cgroupfs", True))
    assert on_ec2.keys() == here.keys()
    assert [path for path in on_ec2 if on_ec2[path] != here[path]] == ["/etc/containerd/config.toml"]


@pytest.mark.parametrize(
    ("settings", "systemd", "restricted"),
    [(Settings(PAUSE), True, False), (Settings(PAUSE, "cgroupfs", True), False, True)],
)
def test_containerd_is_told_cgroup_driver_scores_and_the_pinned_pause_image(
    settings: Settings, systemd: bool, restricted: bool
) -> None:
    entry = configure.entries(settings)["/etc/containerd/config.toml"]
    assert isinstance(entry, configure.File)
    read = tomllib.loads(entry.text)
    runtime = read["plugins"]["io.containerd.cri.v1.runtime"]
    assert read["version"] == 3
    assert runtime["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is systemd
    assert runtime["restrict_oom_score_adj"] is restricted
    assert runtime["cni"]["bin_dirs"] == [places.PLUGIN_FOLDER]
    assert read["plugins"]["io.containerd.cri.v1.images"]["pinned_images"] == {"sandbox": PAUSE}


def test_containerd_boot_program_and_firewall_start_with_the_machine_kubelet_and_agent_wait() -> None:
    made = configure.entries(Settings(PAUSE))
    units = {Path(path).name for path in made if path.endswith(".service") and ".wants/" not in path}
    enabled = {Path(path).name for path in made if ".wants/" in path}
    assert enabled - {places.SESSION_AGENT_UNIT} == {"containerd.service", places.BOOT_UNIT, places.METADATA_UNIT}
    assert units - enabled == {"kubelet.service", places.AGENT_UNIT, places.LOGS_UNIT, places.ETCD_DISK_UNIT}


def test_the_agent_of_session_manager_is_the_packages_and_starts_with_the_machine() -> None:
    made = configure.entries(Settings(PAUSE))
    link = made[f"{places.UNIT_FOLDER}/multi-user.target.wants/{places.SESSION_AGENT_UNIT}"]
    # The unit is the package's: what is written here is added to it.
    assert link == configure.Link(f"/usr/lib/systemd/system/{places.SESSION_AGENT_UNIT}")
    assert f"{places.UNIT_FOLDER}/{places.SESSION_AGENT_UNIT}" not in made
    assert places.SESSIONS_FILE not in made


@pytest.mark.parametrize(
    ("user_data", "asked", "starts"),
    [
        # In a node's first boot user data is there, and has not run.
        (user_data({NodeField.CLUSTER: "c"}, sessions=False), False, False),
        (user_data({NodeField.CLUSTER: "c"}, sessions=True), False, False),
        (user_data({NodeField.CLUSTER: "c"}, sessions=True), True, True),
        # Image Builder tests an image by the agent, on an instance that is no node.
        ("#!/bin/bash\nsystemctl status amazon-ssm-agent\n", False, True),
        (None, False, True),
    ],
)
def test_the_agent_starts_on_nodes_that_have_sessions_and_where_image_builder_tests_an_image(
    tmp_path: Path, user_data: Base64 | str | None, asked: bool, starts: bool
) -> None:
    made = configure.entries(Settings(PAUSE))
    dropped_in = made[f"{places.UNIT_FOLDER}/{places.SESSION_AGENT_UNIT}.d/holdfast.conf"]
    assert isinstance(dropped_in, configure.File)
    (line,) = [each for each in dropped_in.text.splitlines() if each.startswith("ExecCondition=")]
    command = line.partition("=")[2]
    for path in (places.SESSIONS_FILE, places.USER_DATA_FILE):
        assert f" {path}" in command
        command = command.replace(f" {path}", f" {tmp_path}{path}")
        (tmp_path / path[1:]).parent.mkdir(parents=True)
    if asked:
        (tmp_path / places.SESSIONS_FILE[1:]).touch()
    if user_data is not None:
        text = user_data if isinstance(user_data, str) else str(user_data.to_dict())
        (tmp_path / places.USER_DATA_FILE[1:]).write_text(text, encoding="utf-8")
    # systemd starts the unit after 0, and passes it over after 1 to 254 (systemd.service(5), ExecCondition=).
    assert subprocess.run(shlex.split(command), check=False).returncode == (0 if starts else 1)


def test_the_agent_of_session_manager_is_one_of_ec2_and_updates_nothing() -> None:
    entry = configure.entries(Settings(PAUSE))[places.SESSION_AGENT_FILE]
    assert isinstance(entry, configure.File)
    settings = json.loads(entry.text)
    assert settings["Agent"]["SelfUpdate"] is False
    assert settings["Identity"] == {"ConsumptionOrder": ["EC2"]}
    assert settings["Profile"] == {"ShareCreds": False}


@pytest.mark.parametrize("name", ["containerd.service", "kubelet.service"])
def test_what_starts_pods_starts_after_the_rules_about_instance_metadata_and_never_without_them(name: str) -> None:
    made = configure.entries(Settings(PAUSE))
    assert places.METADATA_UNIT in said(made[f"{places.UNIT_FOLDER}/{name}"], "Requires")
    assert places.METADATA_UNIT in said(made[f"{places.UNIT_FOLDER}/{name}"], "After")
    assert name in said(made[f"{places.UNIT_FOLDER}/{places.METADATA_UNIT}"], "Before")


def test_the_kubelet_never_starts_without_etcds_disk_and_the_boot_program_does_to_say_so() -> None:
    made = {name: configure.entries(Settings(PAUSE))[f"{places.UNIT_FOLDER}/{name}"] for name in DISK_FIRST}
    disk = configure.entries(Settings(PAUSE))[f"{places.UNIT_FOLDER}/{places.ETCD_DISK_UNIT}"]
    assert places.ETCD_DISK_UNIT in said(made["kubelet.service"], "Requires")
    assert places.ETCD_DISK_UNIT in said(made[places.BOOT_UNIT], "Wants") - said(made[places.BOOT_UNIT], "Requires")
    assert set(DISK_FIRST) <= said(disk, "Before")
    assert all(places.ETCD_DISK_UNIT in said(unit, "After") for unit in made.values())
    # With mounts of its own the unit would mount the disk for itself alone.
    own_mounts = ("ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateMounts", "ProtectClock")
    assert not any(said(disk, each) for each in own_mounts)


def said(unit: configure.Entry, key: str) -> set[str]:
    """Everything that a unit says after a key."""
    assert isinstance(unit, configure.File)
    lines = [line.partition("=") for line in unit.text.splitlines()]
    return {word for name, _, words in lines if name == key for word in words.split()}


def test_every_unit_is_in_the_group_that_may_ask_for_metadata_and_every_pod_beside_it() -> None:
    # Units are in system.slice where they name no other; pods in kubepods, at the root of all groups.
    for path, entry in configure.entries(Settings(PAUSE)).items():
        if path.endswith(".service"):
            assert isinstance(entry, configure.Link) or not said(entry, "Slice")
    placing = {"cgroupRoot", "cgroupsPerQOS", "kubeletCgroups", "systemCgroups", "cgroupDriver"}
    assert not placing & cluster.kubelet_configuration(Host()).keys()


def test_no_program_of_a_container_writes_its_memory_to_a_disk_and_none_traces_a_stranger() -> None:
    made = configure.entries(Settings(PAUSE))
    assert said(made[f"{places.UNIT_FOLDER}/containerd.service"], "LimitCORE") == {"0"}
    settings = made["/etc/sysctl.d/90-holdfast.conf"]
    assert isinstance(settings, configure.File)
    assert "\nkernel.yama.ptrace_scope = 1\n" in settings.text


def test_the_rules_are_about_the_address_that_the_node_program_asks() -> None:
    assert instance.ADDRESS in metadata.ADDRESSES


def test_units_and_the_node_program_mean_the_same_by_names_and_exit_codes() -> None:
    made = configure.entries(Settings(PAUSE))[f"{places.UNIT_FOLDER}/{places.BOOT_UNIT}"]
    assert isinstance(made, configure.File)
    assert (AGENT_UNIT, IMAGE_FILE) == (places.AGENT_UNIT, places.IMAGE_FILE)
    assert (names.BOOT_UNIT, names.NODE_FILE) == (places.BOOT_UNIT, places.NODE_FILE)
    assert (names.SESSION_AGENT_UNIT, names.SESSIONS_FILE) == (places.SESSION_AGENT_UNIT, places.SESSIONS_FILE)
    assert f"\nRestartPreventExitStatus={EXIT_CODES[End.FAILED]}\n" in made.text


def test_logs_are_shipped_from_before_what_is_shipped_starts_until_after_it_has_ended() -> None:
    made = configure.entries(Settings(PAUSE))
    boot, logs = (made[f"{places.UNIT_FOLDER}/{unit}"] for unit in (places.BOOT_UNIT, places.LOGS_UNIT))
    assert isinstance(boot, configure.File)
    assert isinstance(logs, configure.File)
    read = ConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read_string(logs.text)
    # systemd stops units in the inverse order of their start.
    assert {places.BOOT_UNIT, places.AGENT_UNIT, "containerd.service", "kubelet.service"} == {
        *read["Unit"]["Before"].split()
    }
    assert read["Unit"]["After"] == "network-online.target"
    assert places.LOGS_UNIT in boot.text.split("\nWants=")[1].splitlines()[0].split()
    # The program ends by itself before systemd would end it, and journalctl stays until then.
    assert Pauses().flush == FLUSH_SECONDS < int(read["Service"]["TimeoutStopSec"])
    assert read["Service"]["KillMode"] == "mixed"


def test_the_kubelet_may_delay_a_shutdown_for_as_long_as_it_wants() -> None:
    assert kubelet.SHUTDOWN_SECONDS == SHUTDOWN_SECONDS
    made = configure.entries(Settings(PAUSE))["/etc/systemd/logind.conf.d/90-holdfast.conf"]
    assert isinstance(made, configure.File)
    assert f"\nInhibitDelayMaxSec={SHUTDOWN_SECONDS}\n" in made.text


def test_networkd_leaves_the_routes_and_rules_of_the_clusters_network_alone() -> None:
    made = configure.entries(Settings(PAUSE))[places.NETWORKD_FILE]
    assert isinstance(made, configure.File)
    read = ConfigParser()
    read.read_string(made.text)
    assert not read.getboolean("Network", "ManageForeignRoutes")
    assert not read.getboolean("Network", "ManageForeignRoutingPolicyRules")


def test_no_network_is_configured_and_no_file_is_written_outside_the_root(tmp_path: Path) -> None:
    made = configure.entries(Settings(PAUSE))
    assert not [path for path in made if path.startswith(f"{places.NETWORK_FOLDER}/")]
    configure.write(tmp_path / "root", made)
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


def test_a_root_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "etc").write_text("", encoding="utf-8")
    assert main(["--root", str(tmp_path), "--sandbox-image", PAUSE]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as made_in:
        configure.write(Path(made_in), configure.entries(Settings(PAUSE)))
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / "configured.txt").write_text(_listed(_tree(Path(made_in))), encoding="utf-8")
