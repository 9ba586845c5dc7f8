"""Writing files: whole, in place of what was there, and private from the first moment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.userdata.tree import contents, modes
from userdata.host.files import File, private, write


@pytest.fixture
def careless_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def strict_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


FILES = {"/etc/kubernetes/pki/ca.crt": File("certificate\n"), "/etc/kubernetes/pki/ca.key": private("key\n")}
MODES = {
    "/etc": "755",
    "/etc/kubernetes": "755",
    "/etc/kubernetes/pki": "755",
    "/etc/kubernetes/pki/ca.crt": "644",
    "/etc/kubernetes/pki/ca.key": "600",
}


@pytest.mark.usefixtures("careless_umask")
def test_a_private_file_is_private_whatever_the_umask_is(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    assert modes(tmp_path) == MODES


@pytest.mark.usefixtures("strict_umask")
def test_a_public_file_can_be_read_whatever_the_umask_is(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    assert modes(tmp_path) == MODES
    assert contents(tmp_path) == {path: file.content for path, file in FILES.items()}


def test_a_folder_that_gets_private_files_alone_is_private(tmp_path: Path) -> None:
    write(tmp_path, {"/etc/holdfast/kubeadm/init.json": private("{}")})
    assert modes(tmp_path)["/etc/holdfast/kubeadm"] == "700"
    assert modes(tmp_path)["/etc/holdfast"] == "755"


def test_a_file_is_replaced_and_not_written_into(tmp_path: Path) -> None:
    place = tmp_path / "key"
    place.write_text("old")
    with place.open() as reader:
        write(tmp_path, {"/key": private("new")})
        assert reader.read() == "old"
    assert contents(tmp_path) == {"/key": "new"}
    assert modes(tmp_path) == {"/key": "600"}


def test_what_a_crash_left_behind_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".key.draft").write_text("half a ke")
    write(tmp_path, {"/key": private("key")})
    assert contents(tmp_path) == {"/key": "key"}


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write(tmp_path, {"/key": private("\udc00")})
    assert contents(tmp_path) == {"/key": "old"}


def test_a_draft_is_never_written_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (tmp_path / ".key.draft").symlink_to(outside)
    write(tmp_path, {"/key": private("key")})
    assert not outside.exists()


def test_contents_are_not_in_representations() -> None:
    assert "secret" not in repr(private("secret"))
