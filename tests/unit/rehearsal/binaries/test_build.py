"""Building with the real Go, of a module so small that it takes a second; and what is said where Go will not do."""

from __future__ import annotations

import dataclasses
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imagebuilder import versions
from rehearsal.binaries import build, golang
from rehearsal.binaries.build import Builder
from rehearsal.binaries.failures import BuildFailed, Missing
from rehearsal.binaries.golang import Go
from rehearsal.binaries.store import Store
from rehearsal.binaries.units import Unit, all_units, units

ROOT = Path(__file__).parents[4]
PROGRAM = 'package main\n\nvar said = "nothing"\n\nfunc main() { print(said) }\n'

needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="there is no go: nothing can be built")


def _unit(folder: Path) -> Unit:
    folder.mkdir(exist_ok=True)
    (folder / "go.mod").write_text("module example.invalid/tiny\n\ngo 1.21\n", encoding="utf-8")
    (folder / "main.go").write_text(PROGRAM, encoding="utf-8")
    return Unit("tiny", folder, {}, {"tiny": "."}, {"main.said": "something"}, 0)


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    return _unit(tmp_path / "tiny")


@pytest.fixture
def said() -> list[str]:
    return []


def _builder(unit: Unit, tmp_path: Path, said: list[str]) -> Builder:
    return build.builder([unit], Store(tmp_path / "cache", said.append), said.append)


@needs_go
def test_a_program_is_built_once_with_what_is_linked_in_and_its_seconds_are_told(
    unit: Unit, tmp_path: Path, said: list[str]
) -> None:
    made = _builder(unit, tmp_path, said).programs(unit) / "tiny"
    assert subprocess.run([made], capture_output=True, text=True, check=True).stderr == "something"
    assert said[0] == "building tiny (1 of 1 of tiny)"
    assert " s, " in said[1]
    assert len(said) == 2
    assert _builder(unit, tmp_path, said).programs(unit) == made.parent
    assert len(said) == 2


@needs_go
def test_a_program_is_built_with_its_tags(unit: Unit, tmp_path: Path, said: list[str]) -> None:
    given = '//go:build given\n\npackage main\n\nfunc init() { said = "tagged" }\n'
    (unit.folder / "given.go").write_text(given, encoding="utf-8")
    unit = dataclasses.replace(unit, linked={}, tags=("given",))
    made = _builder(unit, tmp_path, said).programs(unit) / "tiny"
    assert subprocess.run([made], capture_output=True, text=True, check=True).stderr == "tagged"


@needs_go
def test_the_tests_of_a_package_are_a_program_too(unit: Unit, tmp_path: Path, said: list[str]) -> None:
    test = 'package main\n\nimport "testing"\n\nfunc TestSaid(t *testing.T) { t.Log(said) }\n'
    (unit.folder / "main_test.go").write_text(test, encoding="utf-8")
    unit = dataclasses.replace(unit, tests={"tiny.test": "."})
    made = _builder(unit, tmp_path, said).programs(unit) / "tiny.test"
    assert "--- PASS: TestSaid" in subprocess.run([made, "-test.v"], capture_output=True, text=True, check=True).stdout
    assert [line for line in said if line.startswith("building")] == [
        "building tiny (1 of 2 of tiny)",
        "building tiny.test (2 of 2 of tiny)",
    ]


@needs_go
def test_a_program_that_does_not_compile_is_one_line_and_leaves_nothing(
    unit: Unit, tmp_path: Path, said: list[str]
) -> None:
    (unit.folder / "main.go").write_text("package main\n\nfunc main() { undefined() }\n", encoding="utf-8")
    with pytest.raises(BuildFailed, match=r"^go build in tiny: .*undefined: undefined$"):
        _builder(unit, tmp_path, said).programs(unit)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


@needs_go
def test_a_module_that_is_not_pinned_is_never_fetched(unit: Unit, tmp_path: Path, said: list[str]) -> None:
    with (unit.folder / "go.mod").open("a", encoding="utf-8") as stream:
        stream.write("\nrequire golang.org/x/text v0.14.0\n")
    (unit.folder / "main.go").write_text(
        'package main\n\nimport _ "golang.org/x/text/cases"\n\nfunc main() {}\n', encoding="utf-8"
    )
    with pytest.raises(BuildFailed, match=r"missing go\.sum entry"):
        _builder(unit, tmp_path, said).programs(unit)


def _go_line(unit: Unit) -> Unit:
    (unit.folder / "go.mod").write_text("module example.invalid/tiny\n\ngo 1.22\n", encoding="utf-8")
    return unit


def _sums(unit: Unit) -> Unit:
    (unit.folder / "go.sum").write_text("", encoding="utf-8")
    return unit


def _source(unit: Unit) -> Unit:
    (unit.folder / "main.go").write_text(PROGRAM + "\n", encoding="utf-8")
    return unit


def _linked(unit: Unit) -> Unit:
    return dataclasses.replace(unit, linked={"main.said": "something else"})


def _command(unit: Unit) -> Unit:
    return dataclasses.replace(unit, commands={"renamed": "."})


def _tag(unit: Unit) -> Unit:
    return dataclasses.replace(unit, tags=("osusergo",))


def _module_within(unit: Unit) -> Unit:
    (unit.folder / "within").mkdir()
    (unit.folder / "within" / "go.mod").write_text("module example.invalid/within\n", encoding="utf-8")
    return unit


@pytest.mark.parametrize("change", [_go_line, _sums, _source, _linked, _command, _tag, _module_within])
def test_the_key_follows_everything_that_a_program_is_made_of(
    unit: Unit, tmp_path: Path, change: Callable[[Unit], Unit]
) -> None:
    builder = Builder(Go("go", "go1.26.8", "amd64 v1"), Store(tmp_path), print)
    before = builder.key(unit)
    assert builder.key(unit) == before
    assert builder.key(change(unit)) != before


@pytest.mark.parametrize("go", [Go("go", "go1.26.9", "amd64 v1"), Go("go", "go1.26.8", "amd64 v3")])
def test_the_key_follows_the_toolchain(unit: Unit, tmp_path: Path, go: Go) -> None:
    before = Builder(Go("go", "go1.26.8", "amd64 v1"), Store(tmp_path), print).key(unit)
    assert Builder(go, Store(tmp_path), print).key(unit) != before


def test_where_go_is_does_not_matter(unit: Unit, tmp_path: Path) -> None:
    keys = {Builder(Go(path, "go1", "amd64"), Store(tmp_path), print).key(unit) for path in ("/a/go", "/b/go")}
    assert len(keys) == 1


_BUILDS = """
import pathlib, sys
from rehearsal.binaries import build
from rehearsal.binaries.store import Store
from tests.unit.rehearsal.binaries.test_build import _unit
unit = _unit(pathlib.Path(sys.argv[1]))
builder = build.builder([unit], Store(pathlib.Path(sys.argv[2])), print)
print(builder.programs(unit))
"""


@needs_go
def test_two_runs_at_once_build_once(tmp_path: Path) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _BUILDS, tmp_path / f"clone{number}", tmp_path / "cache"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    lines = [line for process in running for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in running] == [0, 0]
    assert sum(line.startswith("building tiny") for line in lines) == 1
    assert len({line for line in lines if line.endswith("/content")}) == 1


def _fake_go(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for a Go that is not on this computer."""
    folder.mkdir()
    (folder / "go").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / "go").chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_without_go_one_line_says_which_is_needed(
    unit: Unit, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match=r"^there is no go: install Go 1\.21 or newer \(https://go\.dev/dl\)$"):
        _builder(unit, tmp_path, said)


def test_an_old_go_is_refused_with_both_versions(
    unit: Unit, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_go(tmp_path / "bin", """echo '{"GOVERSION": "go1.19.8", "GOARCH": "amd64"}'""", monkeypatch)
    with pytest.raises(Missing, match=r"^Go 1\.21 or newer is needed, and this is go1\.19\.8"):
        _builder(unit, tmp_path, said)


def test_a_go_that_may_not_fetch_a_newer_one_is_quoted(
    unit: Unit, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_go(tmp_path / "bin", "echo 'go: go.mod requires go >= 1.21' >&2; exit 1", monkeypatch)
    with pytest.raises(Missing, match=r"^Go 1\.21 or newer is needed .*: go: go\.mod requires go >= 1\.21$"):
        _builder(unit, tmp_path, said)


def test_the_newest_of_the_needed_versions_counts() -> None:
    assert golang.needed_version(["go 1.9\n", "module a\n\ngo 1.26.6\n", "go 1.26\n"]) == "1.26.6"
    with pytest.raises(ValueError, match="no go line"):
        golang.needed_version(["module a\n"])


def test_every_unit_is_pinned_with_sums_and_names_its_commands_as_tools() -> None:
    for unit in all_units(versions.read()):
        text = (unit.folder / "go.mod").read_text(encoding="utf-8")
        if unit.requires:
            assert (unit.folder / "go.sum").stat().st_size > 0
            missing = [package for package in unit.commands.values() if package not in text]
            assert missing == [], unit.name


def test_a_release_has_every_program_of_a_cluster() -> None:
    known = versions.read()
    for release in known.releases:
        built = {program for unit in units(known, release) for program in unit.commands}
        assert built >= set(
            "kubeadm kubelet kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubectl coredns pause "
            "etcd etcdctl etcdutl containerd containerd-shim-runc-v2 ctr bridge host-local loopback portmap".split()
        )


def test_a_kubernetes_knows_its_version() -> None:
    known = versions.read()
    linked = units(known, known.newest)[0].linked
    assert linked["k8s.io/component-base/version.gitVersion"] == known.newest.version
    assert (
        linked["k8s.io/component-base/version.gitMajor"] + "." + linked["k8s.io/component-base/version.gitMinor"]
        == known.newest.minor
    )
