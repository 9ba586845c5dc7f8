"""The real machine image: what is in its layer, and every container image of kubeadm's list imported and running.

Skipped where no image is made yet: that takes minutes, and `make rehearsal-binaries` does it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from imagebuilder import places, versions
from rehearsal.binaries import containers
from rehearsal.machines.model import Image
from tests.images import made_or_skip
from tests.waiting import BUSY_SECONDS

_PINNED = "io.cri-containerd.pinned=pinned"
MINORS = [release.minor for release in versions.read().releases]


@pytest.fixture(scope="module", params=MINORS)
def image(request: pytest.FixtureRequest) -> Image:
    return made_or_skip(request.param)


@dataclass(frozen=True)
class Containerd:
    """The image's containerd, with its CRI, on a copy of the image's template, as in a machine."""

    ctr: tuple[str, ...]
    log: Path

    def run(self, *arguments: str) -> str:
        done = subprocess.run([*self.ctr, *arguments], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def program(self, image: str, *command: str) -> str:
        """What a program of a container image prints, in a container with the host's network, as static pods have."""
        name = f"holdfast-test-{os.getpid()}-{time.monotonic_ns()}"
        # No cgroup: containerd would leave the parent of a container's cgroup behind.
        return self.run("run", "--rm", "--net-host", "--privileged", "--cgroup", "", image, name, *command)


@pytest.fixture(scope="module")
def containerd(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containerd]:
    work = tmp_path_factory.mktemp("ctd")
    data = work / "data"
    _copy(image.containerd, data)
    binaries = image.layer / places.PROGRAM_FOLDER.lstrip("/")
    text = (image.layer / "etc/containerd/config.toml").read_text(encoding="utf-8")
    # The computer's own folders are not touched.
    text = text.replace(places.NETWORK_FOLDER, str(work / "net.d"))
    text += f'[plugins."io.containerd.internal.v1.opt"]\npath = "{work}/opt"\n'
    text += '[plugins."io.containerd.nri.v1.nri"]\ndisable = true\n'
    (work / "config.toml").write_text(text, encoding="utf-8")
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private"]
    places_of_its_own = ["--root", str(data), "--state", str(work / "state"), "--address", str(work / "s")]
    command += [str(binaries / "containerd"), "--config", str(work / "config.toml"), *places_of_its_own]
    with (work / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            env={"PATH": f"{binaries}:/usr/sbin:/usr/bin:/sbin:/bin"},
            start_new_session=True,
        )
    try:
        running = Containerd(
            (str(binaries / "ctr"), "--address", str(work / "s"), "--namespace", "k8s.io"), work / "log"
        )
        _until_ready(running)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(data)


def _copy(template: Path, target: Path) -> None:
    """Hard links where they can be, and databases copied: what the copy writes must not reach the template."""

    def link(source: str, path: str) -> None:
        try:
            os.link(source, path)
        except OSError:
            shutil.copy2(source, path)

    shutil.copytree(template, target, copy_function=link, symlinks=True)
    for path in target.rglob("*.db"):
        path.unlink()
        shutil.copy(template / path.relative_to(target), path)


def _until_ready(running: Containerd) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while time.monotonic() < deadline:
        done = subprocess.run([*running.ctr, "plugins", "list"], capture_output=True, text=True, check=False)
        if any(
            line.split()[:2] == ["io.containerd.grpc.v1", "cri"] and "ok" in line for line in done.stdout.splitlines()
        ):
            return
        time.sleep(0.1)
    pytest.fail(f"containerd has no CRI: {running.log.read_text(encoding='utf-8')[-2000:]}")


def _listed(image: Image) -> list[str]:
    return containers.listed(image.layer / "usr/local/bin/kubeadm", image.kubernetes)


def _name(image: Image, repository: str) -> str:
    (name,) = [name for name in _listed(image) if containers.repository(name) == repository]
    return name


def test_every_image_that_kubeadm_lists_is_imported_and_never_collected(image: Image, containerd: Containerd) -> None:
    names = _listed(image)

    def known() -> set[str]:
        """The images that containerd's CRI has taken over; it does so once it answers."""
        lines = containerd.run("images", "list").splitlines()
        return {line.split()[0] for line in lines if "io.cri-containerd.image=managed" in line and _PINNED in line}

    deadline = time.monotonic() + BUSY_SECONDS
    while not known() >= set(names) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert known() >= set(names)
    log = containerd.log.read_text(encoding="utf-8")
    assert "readiness" not in log
    assert "is not unpacked" not in log


def test_the_pause_image_of_containerds_configuration_is_the_one_that_kubeadm_lists(image: Image) -> None:
    read = tomllib.loads((image.layer / "etc/containerd/config.toml").read_text(encoding="utf-8"))
    pinned = read["plugins"]["io.containerd.cri.v1.images"]["pinned_images"]["sandbox"]
    assert pinned == _name(image, "pause")


def test_the_programs_in_the_images_run_and_have_the_versions(image: Image, containerd: Containerd) -> None:
    known = versions.read()
    for program in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"):
        said = containerd.program(_name(image, program), program, "--version")
        assert f"Kubernetes {image.kubernetes}" in said
    etcd = known.release(image.kubernetes[1:].rpartition(".")[0]).etcd
    assert f"etcd Version: {etcd.removeprefix('v')}" in containerd.program(_name(image, "etcd"), "etcd", "--version")
    said = containerd.program(_name(image, "coredns"), "/coredns", "-version")
    assert f"CoreDNS-{known.coredns.removeprefix('v')}" in said


def test_kube_proxys_image_has_an_iptables_with_the_matches_of_services(image: Image, containerd: Containerd) -> None:
    for match in ("statistic", "comment", "recent", "conntrack", "mark"):
        assert f"{match} match options:" in containerd.program(
            _name(image, "kube-proxy"), "iptables", "-m", match, "--help"
        )


def test_pause_ends_when_it_is_told_to_and_collects_orphans(image: Image) -> None:
    pause = _snapshot_file(image, "pause")
    script = f"sleep 0.2 & mount -t proc proc /proc; exec {pause}"
    command = ["unshare", "--pid", "--mount", "--fork", "--kill-child", "sh", "-c", script]
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            first = _child(process.pid)
            deadline = time.monotonic() + BUSY_SECONDS
            while time.monotonic() < deadline and (_children(first) or _program(first) != pause):
                time.sleep(0.05)
            assert _program(first) == pause
            assert _children(first) == [], "the sleep is neither running nor a zombie"
            os.kill(first, signal.SIGTERM)
            assert process.wait(BUSY_SECONDS) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _snapshot_file(image: Image, name: str) -> Path:
    (found,) = image.containerd.glob(f"io.containerd.snapshotter.v1.overlayfs/snapshots/*/fs/{name}")
    return found


def _child(pid: int) -> int:
    deadline = time.monotonic() + BUSY_SECONDS
    while time.monotonic() < deadline:
        if found := _children(pid):
            return found[0]
        time.sleep(0.02)
    pytest.fail("unshare started nothing")


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _program(pid: int) -> Path:
    return Path(f"/proc/{pid}/exe").readlink()


def test_the_layer_has_every_program_and_plugin_in_its_place(image: Image) -> None:
    known = versions.read()
    for folder, programs in ((places.PROGRAM_FOLDER, places.PROGRAMS), (places.PLUGIN_FOLDER, places.PLUGINS)):
        for program in programs:
            assert os.access(image.layer / folder.lstrip("/") / program, os.X_OK), program
    binaries = image.layer / "usr/local/bin"
    said = {
        "kubeadm": ([str(binaries / "kubeadm"), "version", "-o", "short"], image.kubernetes),
        "kubelet": ([str(binaries / "kubelet"), "--version"], f"Kubernetes {image.kubernetes}"),
        "containerd": ([str(binaries / "containerd"), "--version"], known.containerd),
        "runc": ([str(binaries / "runc"), "--version"], "runc version"),
        "bridge": ([str(image.layer / "opt/cni/bin/bridge"), "--version"], known.cni_plugins),
    }
    for program, (command, expected) in said.items():
        done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
        assert expected in done.stdout + done.stderr, program


def test_the_layer_starts_containerd_and_leaves_kubelet_and_network_to_others(image: Image) -> None:
    units = image.layer / "etc/systemd/system"
    assert (units / "multi-user.target.wants/containerd.service").resolve() == units / "containerd.service"
    assert (units / "kubelet.service").is_file()
    assert not list(units.glob("*.wants/kubelet.service"))
    # The local cloud writes it with the node's own addresses, or Cilium's agent.
    assert not list((image.layer / "etc/cni/net.d").iterdir())


def test_the_node_programs_libraries_are_there_compiled_and_complete(image: Image) -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1]); import boto3; print(boto3.__file__, boto3.__cached__)"
    library = image.layer / places.LIBRARY_FOLDER.lstrip("/")
    command = [sys.executable, "-I", "-S", "-B", "-c", script, str(library)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    source, compiled = done.stdout.split()
    assert Path(source) == library / "boto3/__init__.py"
    assert Path(compiled).is_file()


def test_nothing_in_an_image_is_writable_by_others(image: Image) -> None:
    loose = [path for path in image.layer.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o002]
    assert loose == []
