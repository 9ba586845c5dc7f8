"""containerd: its configuration and its unit."""

from __future__ import annotations

from imagebuilder.configure.settings import Settings
from imagebuilder.configure.tree import Entry, File, Folder, Link
from imagebuilder.places import (
    METADATA_UNIT,
    NETWORK_FOLDER,
    PLUGIN_FOLDER,
    PROGRAM_FOLDER,
    REGISTRY_FOLDER,
    UNIT_FOLDER,
)

# After containerd's own containerd.service. OOMScoreAdjust: without containerd every pod of the machine is lost.
_UNIT = f"""\
[Unit]
Description=containerd
Documentation=https://containerd.io
# No container before the firewall rules that keep containers from the metadata service.
Requires={METADATA_UNIT}
After=network.target local-fs.target {METADATA_UNIT}

[Service]
Type=notify
ExecStartPre=-/sbin/modprobe overlay
ExecStart={PROGRAM_FOLDER}/containerd
Delegate=yes
# Containers go on while containerd is restarted.
KillMode=process
Restart=always
RestartSec=1
LimitNPROC=infinity
# Of containers, too: what is in a process's memory is on no disk.
LimitCORE=0
TasksMax=infinity
OOMScoreAdjust=-999

[Install]
WantedBy=multi-user.target
"""


def entries(settings: Settings) -> dict[str, Entry]:
    """containerd starts with the machine."""
    return {
        "/etc/containerd/config.toml": File(_configuration(settings)),
        REGISTRY_FOLDER: Folder(),
        f"{UNIT_FOLDER}/containerd.service": File(_UNIT),
        f"{UNIT_FOLDER}/multi-user.target.wants/containerd.service": Link("../containerd.service"),
    }


def _configuration(settings: Settings) -> str:
    """config.toml, version 3 (containerd 2). The sandbox image is pinned: garbage collection leaves it alone."""
    return f"""\
version = 3

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{settings.sandbox_image}"

[plugins."io.containerd.cri.v1.images".registry]
config_path = "{REGISTRY_FOLDER}"

[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = {_toml(settings.restrict_oom_score)}

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{PLUGIN_FOLDER}"]
conf_dir = "{NETWORK_FOLDER}"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = {_toml(settings.cgroup_driver == "systemd")}
"""


def _toml(value: bool) -> str:
    return "true" if value else "false"
