"""The cache of what was built: found again, made once, damage noticed, nothing left of what failed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rehearsal.binaries.failures import Missing
from rehearsal.binaries.store import Store, cache_folder, content_key

ROOT = Path(__file__).parents[4]
KEY = content_key("a")


class Making:
    """Fills a folder with a program, a link and an empty folder, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, folder: Path) -> None:
        self.times += 1
        (folder / "program").write_text("content", encoding="utf-8")
        (folder / "program").chmod(0o755)
        (folder / "link").symlink_to("program")
        (folder / "empty").mkdir()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, said: list[str]) -> Store:
    return Store(tmp_path / "cache", said.append)


def test_what_was_made_is_found_again(store: Store) -> None:
    making = Making()
    made = store.obtain("thing", KEY, making)
    assert (made / "program").read_text(encoding="utf-8") == "content"
    assert store.obtain("thing", KEY, making) == made == store.find("thing", KEY, thorough=True)
    assert making.times == 1


def test_another_key_is_another_entry(store: Store) -> None:
    making = Making()
    assert store.obtain("thing", KEY, making) != store.obtain("thing", content_key("b"), making)
    assert making.times == 2


@pytest.mark.parametrize("parts", [("b",), ("a", ""), ("", "a"), (), ("a", "a")])
def test_a_key_differs_with_every_part(parts: tuple[str, ...]) -> None:
    assert content_key(*parts) != KEY


def test_text_and_its_bytes_are_the_same_part() -> None:
    assert content_key(b"a") == KEY


def _truncate(content: Path) -> None:
    (content / "program").write_text("cont", encoding="utf-8")


def _remove_file(content: Path) -> None:
    (content / "program").unlink()


def _remove_folder(content: Path) -> None:
    (content / "empty").rmdir()


def _turn_link(content: Path) -> None:
    (content / "link").unlink()
    (content / "link").symlink_to("elsewhere")


def _change_mode(content: Path) -> None:
    (content / "program").chmod(0o644)


def _write_same_size(content: Path) -> None:
    (content / "program").write_text("CONTENT", encoding="utf-8")


def _halve_manifest(content: Path) -> None:
    manifest = content.parent / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8")[:20], encoding="utf-8")


def _replace_manifest(content: Path) -> None:
    (content.parent / "manifest.json").write_text('{"files": {"program": []}}', encoding="utf-8")


@pytest.mark.parametrize(
    "damage",
    [
        _truncate,
        _remove_file,
        _remove_folder,
        _turn_link,
        _change_mode,
        _write_same_size,
        _halve_manifest,
        _replace_manifest,
    ],
)
def test_damage_is_noticed_told_once_and_made_good(
    store: Store, said: list[str], damage: Callable[[Path], None]
) -> None:
    making = Making()
    made = store.obtain("thing", KEY, making)
    damage(made)
    assert store.find("thing", KEY) is None
    assert store.obtain("thing", KEY, making) == made
    assert making.times == 2
    assert (made / "program").read_text(encoding="utf-8") == "content"
    assert len(said) == 1
    assert said[0].startswith(str(made.parent))


def test_another_content_of_the_same_size_and_time_is_found_by_reading_it(store: Store) -> None:
    made = store.obtain("thing", KEY, Making())
    program = made / "program"
    before = program.stat()
    program.write_text("CONTENT", encoding="utf-8")
    os.utime(program, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.find("thing", KEY) == made
    assert [(entry, fault) for entry, fault in store.damaged()] == [
        (made.parent, "the file program has another content")
    ]


def test_what_cannot_be_made_leaves_nothing(store: Store, tmp_path: Path) -> None:
    def fails(folder: Path) -> None:
        (folder / "half").write_text("", encoding="utf-8")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        store.obtain("thing", KEY, fails)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


def test_what_a_killed_run_left_is_removed_by_the_next(store: Store, tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLS_ITSELF, tmp_path / "cache"], cwd=ROOT, check=False)
    assert killed.returncode == -9
    assert list((tmp_path / "cache").glob(".draft-*/content/half"))
    making = Making()
    store.obtain("thing", KEY, making)
    assert making.times == 1
    assert not list((tmp_path / "cache").glob(".draft-*"))


_KILLS_ITSELF = f"""
import os, pathlib, sys
from rehearsal.binaries.store import Store
def make(folder):
    (folder / "half").write_text("")
    os.kill(os.getpid(), 9)
Store(pathlib.Path(sys.argv[1])).obtain("thing", {KEY!r}, make)
"""

_MAKES_SLOWLY = f"""
import pathlib, sys, time
from rehearsal.binaries.store import Store
def make(folder):
    print("making", flush=True)
    time.sleep(1)
    (folder / "program").write_text("content")
print(Store(pathlib.Path(sys.argv[1])).obtain("thing", {KEY!r}, make))
"""


def test_two_runs_at_once_make_it_once_and_both_have_it(tmp_path: Path) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _MAKES_SLOWLY, tmp_path / "cache"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    lines = [line for process in running for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in running] == [0, 0]
    assert lines.count("making") == 1
    assert lines.count(str(tmp_path / "cache" / f"thing-{KEY}" / "content")) == 2


def test_too_little_disk_is_said_before_anything_is_made(store: Store) -> None:
    making = Making()
    with pytest.raises(Missing, match=r"GiB of disk are free at .*; thing needs 1e\+09 GiB"):
        store.obtain("thing", KEY, making, disk_gib=1e9)
    assert making.times == 0


def test_prune_removes_what_nobody_used_for_so_long(store: Store) -> None:
    old = store.obtain("old", KEY, Making()).parent
    new = store.obtain("new", KEY, Making()).parent
    long_ago = time.time() - 3 * 24 * 3600
    for path in (old / "used", old):
        os.utime(path, (long_ago, long_ago))
    assert store.prune(4) == []
    assert store.prune(2) == [old]
    assert new.is_dir()


def test_using_an_entry_keeps_it_from_being_pruned(store: Store) -> None:
    entry = store.obtain("thing", KEY, Making()).parent
    long_ago = time.time() - 3 * 24 * 3600
    for path in (entry / "used", entry):
        os.utime(path, (long_ago, long_ago))
    store.obtain("thing", KEY, Making())
    assert store.prune(2) == []


def test_a_cache_that_does_not_exist_has_nothing_to_prune_or_verify(store: Store) -> None:
    assert store.prune(0) == []
    assert list(store.damaged()) == []


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_folder({"HOLDFAST_CACHE": "/somewhere"}) == Path("/somewhere")
    assert cache_folder({"HOLDFAST_CACHE": ""}) == cache_folder({}) == Path("/home/someone/.cache/holdfast")
