"""`make mirror-list`, after a web server that plays publishers was asked for all checksums."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imagebuilder import artefacts, mirror, versions
from imagebuilder.locking import __main__ as locking
from tests.unit.imagebuilder.publishers import Publishers, sha256

WANTED = artefacts.every(versions.read())


def _listed(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    assert mirror.main(["--json", *options]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_a_mirrors_list_names_all_that_is_asked_for_with_digest_and_size(
    file: Path, published: Publishers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert locking.main(["--file", str(file), "--mirror", published.url]) == 0
    capsys.readouterr()
    found = _listed(capsys, "--file", str(file))
    for each in found:
        if each["kind"] == "file":
            body = published.file(each["path"]).body
            assert (each["digests"], each["size"]) == ([f"sha256:{sha256(body)}"], len(body)), each
    images = {(each["source"], each["architecture"]) for each in found if each["kind"] == "image"}
    assert images == {(each.label, where) for each in WANTED.images for where in (None, "x86_64", "arm64")}
    assert all(each["digests"] for each in found)
    locked = [
        line.split("==")[0] for line in mirror.RUNTIME_LOCK.read_text(encoding="utf-8").splitlines() if "==" in line
    ]
    assert [each["name"] for each in found if each["kind"] == "wheel"] == locked


def test_a_list_says_what_is_not_locked(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mirror.main(["--file", str(file)]) == 0
    said = capsys.readouterr()
    assert f"file\tx86_64\t{WANTED.file('kubeadm')[0].source}\tnot locked\tsize unknown\n" in said.out
    assert said.err.startswith(f"{WANTED.file('kubeadm')[0].label} (and ")
