"""What a node does to its machine: with programs of the same names that write down how they were called."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from userdata.kubeadm.machine import SystemMachine
from userdata.logs.lines import StageFailed

# What stands in notes its call; `$0.says` is what it does besides.
_PROGRAM = """#!/bin/sh
echo "$(basename $0) $*" >>{folder}/calls
if [ -e "$0.says" ]; then . "$0.says"; fi
"""


class Programs:
    """systemctl, ctr and kubeadm of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("systemctl", "ctr", "kubeadm"):
            (folder / name).write_text(_PROGRAM.format(folder=folder))
            (folder / name).chmod(0o755)

    def let(self, name: str, do: str) -> None:
        """Let one of them do this, too."""
        (self.folder / f"{name}.says").write_text(do)

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    return Programs(folder)


@pytest.fixture
def system(programs: Programs, tmp_path: Path) -> SystemMachine:
    return SystemMachine(tmp_path / "root")


def test_the_version_is_the_images_kubeadms(system: SystemMachine, programs: Programs) -> None:
    programs.let("kubeadm", "echo v1.37.2")
    assert system.kubernetes_version() == "v1.37.2"
    assert programs.calls == ["kubeadm version -o short"]


def test_units_are_started_and_the_agents_is_not_waited_for(system: SystemMachine, programs: Programs) -> None:
    system.start_kubelet()
    system.start("holdfast-agent.service")
    assert programs.calls == ["systemctl start kubelet.service", "systemctl start --no-block holdfast-agent.service"]


def test_the_kubelet_is_stopped_before_what_it_would_start_again(system: SystemMachine, programs: Programs) -> None:
    left = programs.folder / "tasks"
    left.write_text("etcd\nkube-apiserver\n")
    # A task that was killed is listed no more once it was deleted.
    programs.let("ctr", f'case "$*" in *list*) cat {left};; *delete*) sed -i "/^${{6}}$/d" {left};; esac')
    system.stop()
    assert programs.calls[0] == "systemctl stop kubelet.service"
    assert "ctr --namespace k8s.io tasks kill --all --signal SIGKILL etcd" in programs.calls
    assert left.read_text() == ""


def test_a_warning_of_containerds_is_not_taken_for_a_container(system: SystemMachine, programs: Programs) -> None:
    programs.let("ctr", 'echo \'time="2026-11-26T01:21:56Z" level=warning msg="DEPRECATION: cgroup v1"\' >&2')
    system.stop()
    assert programs.calls == ["systemctl stop kubelet.service", "ctr --namespace k8s.io tasks list --quiet"]


def test_containers_that_do_not_stop_are_counted_and_it_is_no_success(
    system: SystemMachine, programs: Programs
) -> None:
    programs.let("ctr", 'case "$*" in *list*) echo etcd; echo kube-apiserver;; *) exit 1;; esac')
    with pytest.raises(StageFailed, match=r"^2 containers do not stop$"):
        system.stop()
    assert sum("tasks kill" in call for call in programs.calls) == 6


def test_a_kubelet_that_does_not_stop_leaves_everything_as_it_is(system: SystemMachine, programs: Programs) -> None:
    programs.let("systemctl", "echo; echo 'Failed to stop kubelet.service'; exit 1")
    with pytest.raises(StageFailed, match=r"^systemctl stop kubelet.service: Failed to stop kubelet.service$"):
        system.stop()
    assert len(programs.calls) == 1


def test_a_program_that_says_nothing_fails_by_its_status(system: SystemMachine, programs: Programs) -> None:
    programs.let("systemctl", "exit 4")
    with pytest.raises(StageFailed, match="it ended with 4"):
        system.start_kubelet()


def test_a_reset_leaves_etcds_membership_alone_and_stops_what_kubeadm_could_not(
    system: SystemMachine, programs: Programs
) -> None:
    system.reset()
    assert programs.calls == [
        "kubeadm reset --force --skip-phases=remove-etcd-member",
        "systemctl stop kubelet.service",
        "ctr --namespace k8s.io tasks list --quiet",
    ]


@pytest.mark.parametrize(
    "left",
    [
        "etc/kubernetes/manifests/etcd.yaml",
        "etc/kubernetes/kubelet.conf",
        "etc/kubernetes/bootstrap-kubelet.conf",
    ],
)
def test_a_machine_is_clean_until_kubeadm_has_left_something(system: SystemMachine, tmp_path: Path, left: str) -> None:
    (tmp_path / "root/etc/kubernetes/manifests").mkdir(parents=True)
    (tmp_path / "root/etc/kubernetes/pki").mkdir()
    assert system.is_clean()
    (tmp_path / "root" / left).write_text("")
    assert not system.is_clean()
