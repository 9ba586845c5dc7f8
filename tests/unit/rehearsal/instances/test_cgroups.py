"""How this computer's trees of control groups are read, in each layout that systemd knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.machines.instance.cgroups import Group, hierarchies

HYBRID = """\
30 25 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
32 30 0:28 / /sys/fs/cgroup/systemd rw,nosuid - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
34 25 0:30 / /elsewhere rw - cgroup cgroup rw,memory
"""
ONLY_VERSION_2 = "30 25 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"


def test_the_hybrid_layout_is_read() -> None:
    assert [(tree.path.name, tree.kind, tree.options) for tree in hierarchies(HYBRID)] == [
        ("cpu,cpuacct", "cgroup", "cpu,cpuacct"),
        ("systemd", "cgroup", "none,name=systemd"),
        ("unified", "cgroup2", ""),
    ]


def test_a_computer_with_only_version_2_has_one_tree() -> None:
    (tree,) = hierarchies(ONLY_VERSION_2)
    assert (tree.path, tree.kind, tree.options) == (Path("/sys/fs/cgroup"), "cgroup2", "")


def test_without_version_2_instances_cannot_be_frozen_and_that_is_said() -> None:
    with pytest.raises(RuntimeError, match="no control groups of version 2"):
        hierarchies("33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n")


def test_a_group_is_joined_in_every_tree() -> None:
    group = Group("holdfast-abc123/i-1", hierarchies(HYBRID))
    assert "/sys/fs/cgroup/cpu,cpuacct/holdfast-abc123/i-1/cgroup.procs" in group.joining
    assert len(group.joining) == 3
