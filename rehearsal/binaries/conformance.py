"""Kubernetes' own end-to-end tests of a release, and the container images that the conformance tests among them run.

Images are made of what is built here and of this computer's own programs, under the names that the tests ask for. A pod
cannot tell them from the published ones by what conformance tests ask of them; where that is less than an image has, or
where another program stands in, `_MADE` says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagebuilder.versions import Release, Versions
from rehearsal.binaries import archive, borrowed
from rehearsal.binaries.archive import ContainerImage
from rehearsal.binaries.build import Builder
from rehearsal.binaries.containers import repository
from rehearsal.binaries.failures import BuildFailed, Missing
from rehearsal.binaries.store import content_key
from rehearsal.binaries.units import Unit, conformance, units
from rehearsal.prerequisites import CONFORMANCE, SYSTEM_PATH

_KUBERNETES = "k8s.io/kubernetes"
_PRIVATE = "gcr.io/k8s-authenticated-test/"
"""Images that nobody may pull without credentials: no conformance test asks for one."""
_BUSYBOX, _BASH = "/bin/busybox", "/bin/bash"
_APPLETS = "busybox"
_SHELL = "/bin/sh"
SHELL_OF_BUSYBOX = """\
#!/bin/bash
# BusyBox's shell, whose words cases compare; but Debian's, 1.35, does not hand on variables such as data-1, which is no
# name of a shell's: where there is one this is Bash.
while IFS= read -r -d '' variable; do
    [[ ${variable%%=*} =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || exec -a "$0" /bin/bash "$@"
done </proc/self/environ
exec -a "$0" /bin/busybox "$@"
"""
"""Of the images of BusyBox."""
_GIB = 0.7
_ROOT = "root:x:0:0:root:/root:/bin/sh"
_NOBODY = "nobody:x:65534:65534:nobody:/:/bin/false"
_ETC: Mapping[str, Mapping[str, str]] = {
    "busybox": {
        "passwd": f"{_ROOT}\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n{_NOBODY}\n",
        "group": "root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n",
    },
    # The user is one of a test about groups that an image knows.
    "agnhost": {
        "passwd": f"{_ROOT}\n{_NOBODY}\nuser-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n",
        "group": "root:x:0:\nnogroup:x:65534:\nuser-defined-in-image:x:1000:\n"
        "group-defined-in-image:x:50000:user-defined-in-image\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    },
}
"""Files below /etc, by the image that has them."""


@dataclass(frozen=True)
class ConformanceTests:
    """What is needed to run them."""

    programs: Path
    """A folder with `e2e.test`."""
    images: Path
    """An archive of container images, for containerd."""


@dataclass(frozen=True)
class Parts:
    """What images are made of: each maps a path in the image to a file here."""

    busybox: Mapping[str, Path]
    agnhost: Mapping[str, Path]
    built: Path
    applets: Sequence[str]


def _links(parts: Parts) -> dict[str, str]:
    """Where programs of BusyBox are looked for, but its shell."""
    names = (f"/bin/{each}" for each in parts.applets)
    return {name: _BUSYBOX for name in names if name not in parts.agnhost and name != _SHELL}


def _agnhost(name: str, parts: Parts) -> ContainerImage:
    """As its Dockerfile has it, but for iperf and the registry of images, which no conformance test asks for."""
    return _of_agnhosts_files(name, parts, ("/agnhost",), ("pause",))


def _of_agnhosts_files(name: str, parts: Parts, entrypoint: Sequence[str], arguments: Sequence[str]) -> ContainerImage:
    """All of them share one layer. Their shell is Bash, for that of Debian's BusyBox prefers its own programs to others
    of their names, such as nc."""
    links = {**_links(parts), _SHELL: _BASH, "/agnhost-2": "agnhost"}
    return ContainerImage(name, parts.agnhost, entrypoint, arguments, links=links, folders=("uploads",))


def _busybox(name: str, parts: Parts, user: str = "") -> ContainerImage:
    folders = ("root", "home")
    return ContainerImage(name, parts.busybox, (), ("sh",), user=user, links=_links(parts), folders=folders)


def _nonroot(name: str, parts: Parts) -> ContainerImage:
    return _busybox(name, parts, "1234")


def _nginx(name: str, parts: Parts) -> ContainerImage:
    """Agnhost's web server: to conformance tests nginx is an image that runs on, and another one than agnhost's."""
    return _of_agnhosts_files(name, parts, ("/agnhost",), ("test-webserver",))


def _dns_testing(name: str, parts: Parts) -> ContainerImage:
    """dig and a shell, with the C library of GNU: so are agnhost's here, whose published ones have musl."""
    return _of_agnhosts_files(name, parts, (), ("sh",))


def _no_new_privileges(name: str, parts: Parts) -> ContainerImage:
    path = "/usr/local/bin/nnp"
    return ContainerImage(name, {path: parts.built / "nnp"}, (), (path,), setuid=(path,))


def _sample_api_server(name: str, parts: Parts) -> ContainerImage:
    """Of this release, and not of the one in the image's tag."""
    path = "/sample-apiserver"
    return ContainerImage(name, {path: parts.built / "sample-apiserver"}, (path,))


_MADE: Mapping[str, Callable[[str, Parts], ContainerImage]] = {
    "agnhost": _agnhost,
    "busybox": _busybox,
    "glibc-dns-testing": _dns_testing,
    "nginx": _nginx,
    "nonewprivs": _no_new_privileges,
    "nonroot": _nonroot,
    "sample-apiserver": _sample_api_server,
}
"""How an image is made, by its repository's last name. Nodes have those of etcd and pause."""


def image(name: str, parts: Parts) -> ContainerImage:
    """The image of a name that the tests ask for. KeyError for one that is not made here."""
    return _MADE[repository(name)](name, parts)


@dataclass(frozen=True)
class ConformanceMaker:
    """Makes what the tests need, or finds it in the cache."""

    builder: Builder
    versions: Versions

    def made(self, release: Release) -> ConformanceTests | None:
        """What the tests of a release need, or None when it would have to be made first. Missing."""
        store, unit = self.builder.store, conformance(release)
        programs = store.find(unit.name, self.builder.key(unit))
        images = store.find(*self._entry(release))
        return None if programs is None or images is None else ConformanceTests(programs, images / "images.tar")

    def tests(self, release: Release) -> ConformanceTests:
        """What the tests of a release need, made if need be: the better part of an hour the first time, on two
        processors. BuildFailed, Missing, OSError."""
        found = self.made(release)
        if found is not None:
            return found
        # Entries of their own, before this one: whoever makes an entry keeps all others waiting.
        built = self.builder.programs(conformance(release))
        coredns = self.builder.programs(_coredns(self.versions, release)) / "coredns"
        entry = self._entry(release)
        folder = self.builder.store.obtain(*entry, lambda folder: self._make(folder, release, built, coredns), _GIB)
        return ConformanceTests(built, folder / "images.tar")

    def _entry(self, release: Release) -> tuple[str, str]:
        own = (path.read_bytes() for path in (Path(__file__), Path(archive.__file__)))
        taken = (part for path in _programs().values() for part in (str(path), path.read_bytes()))
        keys = (self.builder.key(unit) for unit in (conformance(release), _coredns(self.versions, release)))
        return f"conformance-images-{release.minor}", content_key(*keys, *own, *taken)

    def _make(self, folder: Path, release: Release, built: Path, coredns: Path) -> None:
        module = self.builder.go.module(conformance(release).folder, _KUBERNETES)
        with tempfile.TemporaryDirectory(dir=folder.parent) as place:
            parts = _parts(Path(place), module, built, coredns)
            images = [image(name, parts) for name in wanted(listed(built / "e2e.test"))]
            archive.write(folder / "images.tar", images, self.builder.go.architecture.split()[0])


def _coredns(versions: Versions, release: Release) -> Unit:
    return next(unit for unit in units(versions, release) if unit.name == "coredns")


def listed(tests: Path) -> list[str]:
    """The names of all images that a release's tests may run. BuildFailed with what they said otherwise."""
    done = subprocess.run([str(tests), "--list-images"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"{tests.name} --list-images: {done.stderr.strip()}")
    return done.stdout.split()


def wanted(names: Sequence[str]) -> list[str]:
    """Those among them that are made here."""
    return sorted(each for each in names if repository(each) in _MADE and not each.startswith(_PRIVATE))


def _parts(place: Path, module: Path, built: Path, coredns: Path) -> Parts:
    programs = _programs()
    busybox = programs.pop(_BUSYBOX)
    certificates = module / "test/images/agnhost/porter"
    agnhost = {
        "/agnhost": built / "agnhost",
        "/coredns": coredns,
        "/localhost.crt": certificates / "localhost.crt",
        "/localhost.key": certificates / "localhost.key",
        _BUSYBOX: busybox,
        **programs,
        **borrowed.libraries(*programs.values()),
        **dict(_etc(place, "agnhost")),
    }
    done = subprocess.run([str(busybox), "--list"], capture_output=True, text=True, check=True)
    applets = [each for each in done.stdout.split() if each != _APPLETS]
    shell = place / "sh"
    shell.write_text(SHELL_OF_BUSYBOX, encoding="utf-8")
    bash = {_BASH: programs[_BASH], **borrowed.libraries(programs[_BASH])}
    return Parts({_BUSYBOX: busybox, _SHELL: shell, **bash, **dict(_etc(place, "busybox"))}, agnhost, built, applets)


def _etc(place: Path, image: str) -> Iterator[tuple[str, Path]]:
    for name, text in _ETC[image].items():
        path = place / f"{image}-{name}"
        path.write_text(text, encoding="utf-8")
        yield f"/etc/{name}", path


def _programs() -> dict[str, Path]:
    """Programs of this computer, by their path in images. Missing when one is not installed."""
    found = {}
    for program, package in CONFORMANCE.items():
        path = shutil.which(program, path=SYSTEM_PATH)
        if path is None:
            raise Missing(f"there is no {program}: install {package}")
        name = Path(program).name.removesuffix(".openbsd")
        found[f"/bin/{name}"] = Path(os.path.realpath(path))
    return found
