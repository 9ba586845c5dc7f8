"""Copies of an image's containerd folder."""

from __future__ import annotations

from pathlib import Path

from rehearsal.machines.instance.disks import copy_tree


def test_content_is_linked_and_databases_are_copied(tmp_path: Path) -> None:
    template = tmp_path / "template"
    (template / "io.containerd.content").mkdir(parents=True)
    (template / "io.containerd.metadata").mkdir()
    blob, database = template / "io.containerd.content/blob", template / "io.containerd.metadata/meta.db"
    blob.write_text("layer")
    database.write_text("index")
    database.chmod(0o600)
    copied = tmp_path / "copy"
    copy_tree(template, copied)
    assert (copied / "io.containerd.content/blob").samefile(blob)
    own = copied / "io.containerd.metadata/meta.db"
    own.write_text("changed")
    assert database.read_text() == "index"
    assert own.stat().st_mode & 0o777 == 0o600
