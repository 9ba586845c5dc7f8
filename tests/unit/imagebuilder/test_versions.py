"""The file of versions: what it holds, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imagebuilder import versions
from imagebuilder.versions import VersionsError
from rehearsal.binaries.units import all_units


def _written(folder: Path, **changes: Any) -> Path:
    raw = json.loads(versions.VERSIONS_FILE.read_text(encoding="utf-8")) | changes
    path = folder / "versions.json"
    path.write_text(json.dumps({name: value for name, value in raw.items() if value is not None}), encoding="utf-8")
    return path


def _minors(*minors: str) -> dict[str, dict[str, str]]:
    return {minor: _release(f"v{minor}.0", f"v{minor}.0") for minor in minors}


def _release(version: str, autoscaler: str) -> dict[str, str]:
    of_kubeadm = {"etcd": "v3.7.0", "etcd_image": "3.7.0-0", "coredns": "v1.14.6", "pause": "3.10.2"}
    return {"version": version, **of_kubeadm, "cluster_autoscaler": autoscaler, "ecr_credential_provider": version}


def _kubectl(**changes: Any) -> dict[str, Any]:
    """The file's fields of files, with those of one changed."""
    files = json.loads(versions.VERSIONS_FILE.read_text(encoding="utf-8"))["files"]
    return {"files": files | {"kubectl": files["kubectl"] | changes}}


def _pause(**changes: Any) -> dict[str, Any]:
    images = json.loads(versions.VERSIONS_FILE.read_text(encoding="utf-8"))["images"]
    return {"images": images | {"pause": images["pause"] | changes}}


def _locked(checksum: Any) -> dict[str, Any]:
    return {"v1.37.2": {"x86_64": checksum, "arm64": None}}


def test_two_adjacent_minors_can_be_rehearsed_the_newest_first() -> None:
    known = versions.read()
    newest, older = (int(each.minor.removeprefix("1.")) for each in known.releases[:2])
    assert newest == older + 1
    assert known.newest == known.releases[0]
    assert known.release(known.releases[1].minor) == known.releases[1]


def test_an_unknown_minor_is_refused_with_the_known_ones() -> None:
    with pytest.raises(VersionsError, match=r"^kubernetes: '1\.20' .*; allowed: 1\.\d+, 1\.\d+$"):
        versions.read().release("1.20")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runc": None}, r"versions\.json: .*; allowed: exactly the fields"),
        ({"docker": "v1.2.3"}, r"versions\.json: .*'docker'.*; allowed: exactly the fields"),
        ({"runc": "1.5.2"}, r"runc: '1\.5\.2' is no version"),
        ({"runc": 1}, r"runc: 1 is no version"),
        ({"kubernetes": _minors("1.37")}, r"kubernetes: .*; allowed: an object of two or more minors"),
        ({"kubernetes": _minors("1.37", "1.35")}, r"kubernetes: 1\.37, 1\.35; allowed: adjacent minors"),
        (
            {"kubernetes": _minors("1.36", "1.37")},
            r"kubernetes: 1\.36, 1\.37; allowed: adjacent minors, the newest first",
        ),
        ({"kubernetes": _minors("v1.37", "v1.36")}, r"kubernetes\.v1\.37: 'v1\.37' is no minor"),
        ({"kubernetes": {**_minors("1.37"), "1.36": {}}}, r"kubernetes\.1\.36: \[\]; allowed: exactly the fields"),
        (
            {"kubernetes": {**_minors("1.37"), "1.36": _release("v1.37.1", "v1.36.0")}},
            r"kubernetes\.1\.36\.version: 'v1\.37\.1' is not of this minor",
        ),
        (
            {"kubernetes": {**_minors("1.37"), "1.36": _release("v1.36.3", "v1.37.0")}},
            r"kubernetes\.1\.36\.cluster_autoscaler: 'v1\.37\.0' is not of this minor",
        ),
        (
            {"kubernetes": {**_minors("1.37"), "1.36": _release("v1.36.0", "v1.36.0") | {"etcd_image": "3.6.8-0"}}},
            r"kubernetes\.1\.36\.etcd_image: '3\.6\.8-0' is no tag of etcd v3\.7\.0; allowed: as 3\.7\.0-0",
        ),
        (_kubectl(source="http://dl.k8s.io/{version}/{arch}/kubectl"), r"files\.kubectl\.source: .* begins with https"),
        (_kubectl(source="https://dl.k8s.io/{minor}/{arch}/kubectl"), r"files\.kubectl\.source: .*; allowed in braces"),
        (_kubectl(source="https://dl.k8s.io/{version}/kubectl"), r"files\.kubectl\.source: .*with {arch} in it"),
        (
            _kubectl(locked=_locked({"sha256": "a" * 63, "bytes": 1})),
            r"files\.kubectl\.locked\.v1\.37\.2\.x86_64\.sha256: ",
        ),
        (
            _kubectl(locked=_locked({"sha256": "a" * 64, "bytes": 0})),
            r"files\.kubectl\.locked\.v1\.37\.2\.x86_64\.bytes: 0 ",
        ),
        (_kubectl(locked={"v1.37.2": {"x86_64": None}}), r"files\.kubectl\.locked\.v1\.37\.2: \['x86_64'\]; allowed"),
        (_pause(repository="pause"), r"images\.pause\.repository: 'pause' is no repository"),
        (
            _pause(
                locked={"3.10.2": {"index": "a" * 64, "x86_64": {"sha256": "b" * 64, "bytes": None}, "arm64": None}}
            ),
            r"images\.pause\.locked\.3\.10\.2: null for an architecture; allowed: all digests",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_by_field(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(VersionsError, match=f"^{message}"):
        versions.read(_written(tmp_path, **changes))


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "versions.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(VersionsError, match=r"^versions\.json: no JSON"):
        versions.read(path)


def test_every_pinned_module_has_the_version_of_the_file() -> None:
    stale = [
        f"{unit.folder.name}: {module} {version}"
        for unit in all_units(versions.read())
        for module, version in unit.requires.items()
        if f"\t{module} {version}" not in (text := (unit.folder / "go.mod").read_text(encoding="utf-8"))
        and f"require {module} {version}" not in text
    ]
    assert stale == [], "python -m rehearsal.binaries --lock"
