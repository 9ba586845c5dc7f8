"""What can differ between two machine images: what kubeadm wants, and what the computer under the machines allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CgroupDriver = Literal["systemd", "cgroupfs"]


@dataclass(frozen=True)
class Settings:
    """The choices of the configure steps; what has a default differs in rehearsals only."""

    sandbox_image: str
    """The pause image that `kubeadm config images list` names: with another, the kubelet would pull it."""
    cgroup_driver: CgroupDriver = "systemd"
    """Who makes the cgroups of pods. Kubernetes asks for `systemd` where systemd owns a cgroup v2 tree, as on Amazon
    Linux 2023; on cgroup v1 inside a namespace only `cgroupfs` works. The kubelet asks containerd for it."""
    restrict_oom_score: bool = False
    """Lets containers start without the capability CAP_SYS_RESOURCE, by not lowering their oom_score_adj below
    containerd's own. False on EC2, where root has it: pods then have the scores that the kubelet chose."""
