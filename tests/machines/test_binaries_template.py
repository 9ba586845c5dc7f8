"""Making containerd's template: what goes wrong is one line, and no containerd is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rehearsal.binaries import template
from rehearsal.binaries.failures import BuildFailed, Missing


def _programs(folder: Path, containerd: str, ctr: str) -> Path:
    """Stand-ins for programs that misbehave as the real ones do not."""
    for name, script in (("containerd", containerd), ("ctr", ctr)):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def _running(marker: Path) -> list[int]:
    """The processes whose command line names a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(marker).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue  # it ended meanwhile
    return [pid for pid in found if pid != os.getpid()]


def test_without_root_no_template_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Missing, match=r"^user id 1000: unpacking container images needs root$"):
        template.make(tmp_path, tmp_path, tmp_path / "images.tar", [])


def test_a_containerd_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    programs = _programs(tmp_path, "echo starting; echo 'no such plugin' >&2; exit 1", "exit 1")
    with pytest.raises(BuildFailed, match=r"^containerd does not answer: no such plugin$"):
        template.make(tmp_path / "data", programs, tmp_path / "images.tar", [])
    assert _running(tmp_path) == []


def test_an_import_that_fails_is_quoted_and_containerd_is_ended(tmp_path: Path) -> None:
    programs = _programs(tmp_path, "exec sleep 60", '[ "$5" = images ] || exit 0\necho "bad archive" >&2\nexit 1')
    with pytest.raises(BuildFailed, match=r"^ctr images import: bad archive$"):
        template.make(tmp_path / "data", programs, tmp_path / "images.tar", [])
    assert _running(tmp_path) == []


def test_an_image_that_was_not_imported_is_named(tmp_path: Path) -> None:
    programs = _programs(tmp_path, "exec sleep 60", 'case "$*" in *list*) echo registry.example/a:1;; esac')
    with pytest.raises(BuildFailed, match=r"^containerd imported no registry\.example/b:1$"):
        template.make(
            tmp_path / "data", programs, tmp_path / "images.tar", ["registry.example/a:1", "registry.example/b:1"]
        )
