"""Container images of local files in an archive, read again with nothing but tar and JSON."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from rehearsal.binaries import archive
from rehearsal.binaries.archive import ContainerImage


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF" * 1000)
    path.chmod(0o600)
    return path


def _members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as opened:
        return {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]


def _images(members: dict[str, bytes]) -> dict[str, tuple[Any, dict[str, tuple[tarfile.TarInfo, bytes]]]]:
    """Each image's configuration and its layer, by name; every digest is checked on the way."""

    def blob(descriptor: dict[str, Any]) -> bytes:
        raw = members["blobs/" + descriptor["digest"].replace(":", "/")]
        assert len(raw) == descriptor["size"]
        assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == descriptor["digest"]
        return raw

    assert json.loads(members["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    found = {}
    for each in json.loads(members["index.json"])["manifests"]:
        manifest = json.loads(blob(each))
        config = json.loads(blob(manifest["config"]))
        (layer,) = manifest["layers"]
        assert config["rootfs"]["diff_ids"] == [layer["digest"]]
        with tarfile.open(fileobj=io.BytesIO(blob(layer))) as opened:
            files = {entry.name: (entry, opened.extractfile(entry) if entry.isfile() else None) for entry in opened}
            contents = {name: (entry, stream.read() if stream else b"") for name, (entry, stream) in files.items()}
        found[each["annotations"]["io.containerd.image.name"]] = (config, contents)
    return found


def test_an_archive_holds_each_image_under_its_name_with_roots_executable_files(tmp_path: Path, program: Path) -> None:
    images = [
        ContainerImage("example.invalid/pause:1", {"/pause": program}, ("/pause",)),
        ContainerImage("example.invalid/deep:2", {"/usr/local/bin/a": program, "/usr/sbin/b": program}),
    ]
    archive.write(tmp_path / "images.tar", images, "arm64")
    found = _images(_members(tmp_path / "images.tar"))
    assert list(found) == [image.name for image in images]
    config, layer = found["example.invalid/pause:1"]
    assert config["config"]["Entrypoint"] == ["/pause"]
    assert (config["architecture"], config["os"]) == ("arm64", "linux")
    pause, content = layer["pause"]
    assert (pause.mode, pause.uid, pause.gid, pause.mtime) == (0o755, 0, 0, 0)
    assert content == program.read_bytes()
    _, deep = found["example.invalid/deep:2"]
    assert {"usr", "usr/local/bin", "usr/local/bin/a", "usr/sbin/b"} <= set(deep)
    assert deep["tmp"][0].mode == 0o1777
    seen: set[str] = set()
    for name in deep:
        assert os.path.dirname(name) in seen | {""}, "a folder comes before what is in it"
        seen.add(name)


def test_an_image_has_a_user_a_command_links_empty_folders_and_programs_that_run_as_root(
    tmp_path: Path, program: Path
) -> None:
    image = ContainerImage(
        "example.invalid/a:1",
        {"/usr/bin/as-root": program, "/usr/bin/plain": program},
        arguments=("sh",),
        user="1234",
        links={"/bin/sh": "/usr/bin/plain"},
        folders=("uploads",),
        setuid=("/usr/bin/as-root",),
    )
    archive.write(tmp_path / "images.tar", [image], "amd64")
    config, layer = _images(_members(tmp_path / "images.tar"))[image.name]
    assert (config["config"]["Cmd"], config["config"]["User"]) == (["sh"], "1234")
    link, folder = layer["bin/sh"][0], layer["uploads"][0]
    assert (link.issym(), link.linkname, folder.isdir()) == (True, "/usr/bin/plain", True)
    assert [oct(layer[f"usr/bin/{name}"][0].mode) for name in ("as-root", "plain")] == ["0o4755", "0o755"]


def test_the_same_files_give_the_same_bytes_whatever_their_times(tmp_path: Path, program: Path) -> None:
    image = ContainerImage("example.invalid/a:1", {"/b": program, "/a": program})
    archive.write(tmp_path / "first.tar", [image], "amd64")
    os.utime(program, (1, 1))
    again = ContainerImage(image.name, {"/a": program, "/b": program})
    archive.write(tmp_path / "second.tar", [again], "amd64")
    assert (tmp_path / "first.tar").read_bytes() == (tmp_path / "second.tar").read_bytes()


def test_two_images_of_the_same_files_share_their_layer_and_have_ids_of_their_own(
    tmp_path: Path, program: Path
) -> None:
    images = [ContainerImage(f"example.invalid/{name}:1", {"/a": program}) for name in ("one", "two")]
    archive.write(tmp_path / "images.tar", images, "amd64")
    with tarfile.open(tmp_path / "images.tar") as opened:
        names = opened.getnames()
    assert len(names) == len(set(names))
    members = _members(tmp_path / "images.tar")
    assert sum(raw.count(program.read_bytes()) for raw in members.values()) == 1
    assert len({each["digest"] for each in json.loads(members["index.json"])["manifests"]}) == 2


def test_nothing_but_the_archive_is_left_also_when_a_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        archive.write(tmp_path / "a.tar", [ContainerImage("a:1", {"/a": tmp_path / "absent"})], "amd64")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]
