"""Publishing: all files or none, and nothing that is not ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generator.publish import PublishError, differences, publish

OLD = {"root.json": "old root", "iam.json": "iam", "workers-gone.json": "old pool"}
NEW = {"root.json": "new root", "iam.json": "iam", "workers-general.json": "new pool"}


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    directory = tmp_path / "templates"
    publish(OLD, directory)
    return directory


def content(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_a_directory_that_is_not_there_is_made(tmp_path: Path) -> None:
    assert publish(NEW, tmp_path / "deep" / "templates") == sorted(NEW)
    assert content(tmp_path / "deep" / "templates") == NEW


def test_the_directory_holds_exactly_the_new_files_and_their_names_are_returned(templates: Path) -> None:
    assert publish(NEW, templates) == ["root.json", "workers-general.json", "workers-gone.json"]
    assert content(templates) == NEW
    assert [path.name for path in templates.parent.iterdir()] == ["templates"]


def test_a_second_run_touches_nothing(templates: Path) -> None:
    before = templates.stat().st_ino
    assert publish(OLD, templates) == []
    assert templates.stat().st_ino == before


def test_comparing_names_what_differs_and_writes_nothing(templates: Path) -> None:
    assert differences(NEW, templates) == ["root.json", "workers-general.json", "workers-gone.json"]
    assert content(templates) == OLD


def test_comparing_with_a_directory_that_is_not_there_names_every_file(tmp_path: Path) -> None:
    assert differences(NEW, tmp_path / "none") == sorted(NEW)


def test_a_directory_that_holds_something_else_is_never_replaced(templates: Path) -> None:
    (templates / "notes.txt").write_text("mine")
    with pytest.raises(PublishError) as refusal:
        publish(NEW, templates)
    assert str(refusal.value) == (
        f"--out: given {templates}, which holds notes.txt; allowed: a directory of templates only"
    )
    assert content(templates) == {**OLD, "notes.txt": "mine"}


def test_a_file_in_the_directorys_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "templates").write_text("a file")
    with pytest.raises(PublishError, match="Not a directory"):
        publish(NEW, tmp_path / "templates")
    assert (tmp_path / "templates").read_text() == "a file"


@pytest.mark.parametrize("interrupted", ["write_bytes", "rename"])
@pytest.mark.parametrize("call", [1, 2])
def test_an_interrupted_run_leaves_the_old_files_whole(
    templates: Path, monkeypatch: pytest.MonkeyPatch, interrupted: str, call: int
) -> None:
    real, calls = getattr(Path, interrupted), iter(range(1, 10))

    def stop_at_call(path: Path, *arguments: object) -> object:
        if next(calls) == call:
            raise KeyboardInterrupt
        return real(path, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Path, interrupted, stop_at_call)
        with pytest.raises(KeyboardInterrupt):
            publish(NEW, templates)
    assert content(templates) == OLD
    assert [path.name for path in templates.parent.iterdir()] == ["templates"]


def test_a_machine_that_stopped_between_the_renames_loses_nothing(templates: Path) -> None:
    templates.rename(templates.with_name(".templates.previous"))
    assert publish(OLD, templates) == []
    assert content(templates) == OLD


def test_a_link_to_the_directory_stays_a_link(templates: Path) -> None:
    link = templates.with_name("link")
    link.symlink_to(templates)
    publish(NEW, link)
    assert link.is_symlink()
    assert content(templates) == NEW


@pytest.mark.parametrize("directory", ["/", "//"])
def test_the_root_of_all_directories_is_refused(directory: str) -> None:
    with pytest.raises(PublishError) as refusal:
        publish(NEW, Path(directory))
    assert str(refusal.value).startswith("--out: given /")


def root_of(cluster: str, version: str = "1") -> dict[str, str]:
    return {"root.json": json.dumps({"Metadata": {"Holdfast": {"Cluster": cluster, "GeneratorVersion": version}}})}


def test_templates_of_another_cluster_are_never_replaced(tmp_path: Path) -> None:
    directory = tmp_path / "templates"
    publish(root_of("one"), directory)
    with pytest.raises(PublishError) as refusal:
        publish(root_of("two"), directory)
    assert str(refusal.value) == (
        f"--out: given {directory}, which holds templates of the cluster one, and these are of two; "
        f"allowed: another directory (OUT=), or this one once it is removed: rm -r {directory}"
    )
    assert content(directory) == root_of("one")
    assert publish(root_of("one", version="2"), directory) == ["root.json"]
