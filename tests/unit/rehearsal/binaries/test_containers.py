"""Which programs go into which container image, and what is borrowed from this computer for them."""

from __future__ import annotations

import shutil
from collections import defaultdict
from pathlib import Path

import pytest

from rehearsal import prerequisites
from rehearsal.binaries import borrowed, containers
from rehearsal.binaries.borrowed import Borrowed
from rehearsal.binaries.failures import BuildFailed, Missing
from rehearsal.binaries.store import Store

PROGRAMS = defaultdict[str, Path](lambda: Path("/built"))


@pytest.mark.parametrize(
    ("name", "paths", "entrypoint"),
    [
        ("registry.k8s.io/kube-apiserver:v1.37.2", {"/usr/local/bin/kube-apiserver"}, ()),
        ("registry.k8s.io/etcd:3.7.0-0", {f"/usr/local/bin/{each}" for each in ("etcd", "etcdctl", "etcdutl")}, ()),
        ("registry.k8s.io/pause:3.10.2", {"/pause"}, ("/pause",)),
        ("registry.k8s.io/coredns/coredns:v1.14.6", {"/coredns"}, ("/coredns",)),
        ("localhost:5000/kube-proxy:v1.37.2", {"/usr/local/bin/kube-proxy", "/usr/sbin/iptables"}, ()),
    ],
)
def test_an_image_holds_its_programs(tmp_path: Path, name: str, paths: set[str], entrypoint: tuple[str, ...]) -> None:
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/iptables").write_text("", encoding="utf-8")
    image = containers.container_image(name, PROGRAMS, tmp_path)
    assert (image.name, set(image.files), tuple(image.entrypoint)) == (name, paths, entrypoint)


def test_an_image_that_nothing_is_built_for_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        BuildFailed, match=r"^kubeadm lists registry\.k8s\.io/new:v1, for which nothing is built; known: "
    ):
        containers.container_image("registry.k8s.io/new:v1", PROGRAMS, tmp_path)


def test_the_pause_image_is_found_by_name() -> None:
    assert containers.sandbox(["a/etcd:1", "a/pause:3.10.2"]) == "a/pause:3.10.2"
    with pytest.raises(BuildFailed, match="no pause image"):
        containers.sandbox(["a/etcd:1"])


def test_kubeadms_own_words_are_quoted_when_it_fails(tmp_path: Path) -> None:
    kubeadm = tmp_path / "kubeadm"
    kubeadm.write_text("#!/bin/sh\necho 'no such version' >&2\nexit 1\n", encoding="utf-8")
    kubeadm.chmod(0o755)
    with pytest.raises(BuildFailed, match=r"^kubeadm config images list: no such version$"):
        containers.listed(kubeadm, "v1.2.3")


def test_what_is_not_installed_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrowed, "SYSTEM_PATH", str(tmp_path))
    monkeypatch.setattr(borrowed, "_MATCH_FOLDERS", (str(tmp_path),))
    with pytest.raises(Missing, match=r"^there are no matches of iptables in any of .*: install iptables$"):
        borrowed.find()
    (tmp_path / "libxt_statistic.so").write_text("", encoding="utf-8")
    with pytest.raises(Missing, match=r"^there is no runc: install runc$"):
        borrowed.find()


@pytest.mark.parametrize("changed", ["runc", "iptables", "match"])
def test_the_key_follows_each_borrowed_file(tmp_path: Path, changed: str) -> None:
    for name in ("runc", "iptables", "match"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    taken = Borrowed(tmp_path / "runc", tmp_path / "iptables", (tmp_path / "match",))
    before = taken.key()
    assert taken.key() == before
    (tmp_path / changed).write_text("newer", encoding="utf-8")
    assert taken.key() != before


@pytest.mark.skipif(
    shutil.which("xtables-legacy-multi", path=prerequisites.SYSTEM_PATH) is None, reason="iptables is not installed"
)
@pytest.mark.skipif(shutil.which("runc", path=prerequisites.SYSTEM_PATH) is None, reason="runc is not installed")
def test_iptables_comes_with_the_loader_and_with_the_libraries_of_its_matches(tmp_path: Path) -> None:
    folder = borrowed.find().programs(Store(tmp_path / "cache"))
    names = {path.name for path in (folder / "iptables").rglob("*")}
    assert {"iptables", "ip6tables-restore", "libxt_statistic.so", "libm.so.6", "libc.so.6"} <= names
    assert [name for name in names if name.startswith("ld-linux")]
    assert (folder / "runc").stat().st_mode & 0o111


def test_missing_packages_are_listed_once() -> None:
    assert prerequisites.missing(lambda _: True) == []
    assert prerequisites.missing(lambda program: program not in ("nsenter", "unshare", "runc")) == [
        "runc",
        "util-linux",
    ]


def test_images_with_cilium_need_more_packages() -> None:
    assert {"clang-19", "ipset"} <= {*prerequisites.missing(lambda _: False, cilium=True)}
    assert not {"clang-19", "ipset"} & {*prerequisites.missing(lambda _: False)}


def test_images_of_conformance_tests_need_more_packages() -> None:
    assert {"busybox-static", "bind9-dnsutils"} <= {*prerequisites.missing(lambda _: False, conformance=True)}
    assert not {"busybox-static", "bind9-dnsutils"} & {*prerequisites.missing(lambda _: False, cilium=True)}
