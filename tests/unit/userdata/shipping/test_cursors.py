"""Where logs go on after a restart: stored as a whole, readable to root alone, and only when something has changed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from userdata.shipping.cursors import CURSOR_FILE, Cursors


def test_what_is_stored_is_there_after_a_restart_and_nobody_elses(tmp_path: Path) -> None:
    before = Cursors(tmp_path)
    before.load()
    assert before.of("audit") == {}
    before.keep("audit", {"files": []})
    before.keep("kubelet", {"journal": "s=1"})
    before.store()
    after = Cursors(tmp_path)
    after.load()
    assert (after.of("audit"), after.of("kubelet"), after.of("etcd")) == ({"files": []}, {"journal": "s=1"}, {})
    assert stat.S_IMODE((tmp_path / CURSOR_FILE.lstrip("/")).stat().st_mode) == 0o600


def test_a_disk_is_flushed_only_for_what_has_changed(tmp_path: Path) -> None:
    cursors, path = Cursors(tmp_path), tmp_path / CURSOR_FILE.lstrip("/")
    cursors.store()
    assert not path.exists()
    cursors.keep("audit", {"files": []})
    cursors.store()
    path.unlink()
    cursors.store()
    assert not path.exists()


def test_what_could_not_be_stored_is_stored_the_next_time(tmp_path: Path) -> None:
    cursors, blocked = Cursors(tmp_path), tmp_path / "var"
    blocked.write_text("")
    cursors.keep("audit", {"files": []})
    with pytest.raises(OSError, match=r"."):
        cursors.store()
    blocked.unlink()
    cursors.store()
    assert (tmp_path / CURSOR_FILE.lstrip("/")).exists()


@pytest.mark.parametrize("text", ["", "[]", '{"audit": 5}'])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / CURSOR_FILE.lstrip("/")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ValueError, match=r"."):
        Cursors(tmp_path).load()
