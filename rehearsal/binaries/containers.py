"""Which container images a release needs, and which programs are in each."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from rehearsal.binaries.archive import ContainerImage
from rehearsal.binaries.failures import BuildFailed

_PROGRAMS = {
    "kube-apiserver": ("kube-apiserver",),
    "kube-controller-manager": ("kube-controller-manager",),
    "kube-scheduler": ("kube-scheduler",),
    "kube-proxy": ("kube-proxy",),
    "etcd": ("etcd", "etcdctl", "etcdutl"),
}
"""In /usr/local/bin of the image; pods name the program to run."""
_ENTRYPOINTS = ("pause", "coredns")
"""In / of the image, and its entrypoint: pods name no program."""


def listed(kubeadm: Path, version: str) -> list[str]:
    """The names of the images that kubeadm wants for a version. BuildFailed with what it said otherwise."""
    command = [str(kubeadm), "config", "images", "list", "--kubernetes-version", version]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"kubeadm config images list: {done.stderr.strip()}")
    return done.stdout.split()


def repository(name: str) -> str:
    """`coredns` of `registry.k8s.io/coredns/coredns:v1.14.2`."""
    return name.rpartition("/")[2].partition(":")[0]


def sandbox(names: list[str]) -> str:
    """The pause image among an image list's names. BuildFailed when there is none."""
    for name in names:
        if repository(name) == "pause":
            return name
    raise BuildFailed(f"kubeadm lists no pause image: {', '.join(names)}")


def container_image(name: str, programs: Mapping[str, Path], iptables: Path) -> ContainerImage:
    """The image for a name that kubeadm lists. `iptables` is a folder with what kube-proxy needs besides, as below /.

    BuildFailed when nothing is built for this name: a newer kubeadm wants something that this module does not know.
    """
    kind = repository(name)
    if kind in _ENTRYPOINTS:
        return ContainerImage(name, {f"/{kind}": programs[kind]}, (f"/{kind}",))
    if kind not in _PROGRAMS:
        known = ", ".join([*_PROGRAMS, *_ENTRYPOINTS])
        raise BuildFailed(f"kubeadm lists {name}, for which nothing is built; known: {known}")
    files = {f"/usr/local/bin/{program}": programs[program] for program in _PROGRAMS[kind]}
    if kind == "kube-proxy":
        files |= {f"/{path.relative_to(iptables)}": path for path in iptables.rglob("*") if path.is_file()}
    return ContainerImage(name, files, ())
