"""`python -m rehearsal.binaries`: exit codes, and one line for what is wrong."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from imagebuilder import versions
from rehearsal.binaries import names
from rehearsal.binaries.__main__ import main
from rehearsal.binaries.store import Store, content_key


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Never the real one."""
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_without_go_the_exit_code_is_2_and_one_line_says_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], cache: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("there is no go: install Go 1.26.")
    assert len(said.err.splitlines()) == 1
    assert not cache.exists()


def test_an_unknown_minor_is_refused_before_anything_is_built(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    assert main(["--minor", "1.20"]) == 1
    assert capsys.readouterr().err.startswith("kubernetes: '1.20' is no minor that images are made of; allowed: ")
    assert not cache.exists()


def test_an_unknown_network_is_one_line_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--network", "calico"])
    assert capsys.readouterr().err.splitlines()[-1].endswith("--network: 'calico'; allowed: bridge, cilium")


def _filled(cache: Path) -> Path:
    def make(folder: Path) -> None:
        (folder / "program").write_text("content", encoding="utf-8")

    return Store(cache).obtain("thing", content_key("a"), make)


def test_verify_names_what_is_damaged(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = _filled(cache)
    assert main(["--verify"]) == 0
    (made / "program").write_text("other", encoding="utf-8")
    assert main(["--verify"]) == 1
    assert capsys.readouterr().out == f"{made.parent}: the file program has 5 bytes, not 7\n"


def test_prune_names_what_it_removes(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = _filled(cache).parent
    assert main(["--prune", "1"]) == 0
    long_ago = time.time() - 2 * 24 * 3600
    for path in (entry / "used", entry):
        os.utime(path, (long_ago, long_ago))
    assert main(["--prune", "1"]) == 0
    assert capsys.readouterr().out == f"removed {entry}\n"
    assert not entry.exists()


def test_every_release_has_an_image_of_its_own_name_with_its_versions() -> None:
    known = versions.read()
    named = names(known)
    assert [each.minor for each in named] == [each.minor for each in known.releases]
    assert len({each.name for each in named}) == len(named)
    assert json.dumps(named[0].name) == f'"holdfast-kubernetes-{known.newest.version[1:]}"'
    assert known.newest.etcd in named[0].description
