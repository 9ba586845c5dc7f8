"""`make image-lock`, against a web server that plays publishers and registries."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from imagebuilder import artefacts, versions
from imagebuilder.artefacts import RemoteFile, RemoteImage
from imagebuilder.locking import __main__ as locking
from imagebuilder.locking import http
from imagebuilder.locking.write import text
from tests.unit.imagebuilder import publishers
from tests.unit.imagebuilder.publishers import Publishers, Reply, sha256

KNOWN = versions.read()
WANTED = artefacts.every(KNOWN)
KUBEADM = WANTED.file("kubeadm")[0]
RUNC, RUNC_ARM = WANTED.file("runc")
PAUSE = next(each for each in WANTED.images if each.name == "pause")


def _lock(file: Path, published: Publishers, *options: str) -> int:
    return locking.main(["--file", str(file), "--mirror", published.url, *options])


def _path(file: RemoteFile) -> str:
    return file.source.partition("://")[2]


def _sums(file: RemoteFile) -> str:
    return file.checksums.partition("://")[2]


def _manifest(image: RemoteImage, reference: str) -> str:
    return f"{image.repository.replace('/', '/v2/', 1)}/manifests/{reference}"


def _locked(file: Path) -> artefacts.Artefacts:
    return artefacts.every(versions.read(file))


def _checksum(file: Path, wanted: RemoteFile) -> str | None:
    found = next(each for each in _locked(file).files if each.label == wanted.label).locked
    return None if found is None else found.sha256


def test_what_is_published_is_locked_and_every_artefact_can_be_verified_then(
    file: Path, published: Publishers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _lock(file, published) == 0, capsys.readouterr().err
    found = _locked(file)
    found.check_locked()
    for each in found.files:
        assert each.locked is not None
        assert (each.locked.sha256, each.locked.size) == (
            sha256(publishers.content(each)),
            len(publishers.content(each)),
        )
    pause = next(each for each in found.images if each.name == "pause")
    assert pause.locked is not None
    assert {each: manifest.size for each, manifest in pause.locked.manifests.items()} == {"x86_64": 101, "arm64": 201}
    index = published.file(_manifest(PAUSE, PAUSE.tag)).body
    assert pause.pinned == f"{PAUSE.label}@sha256:{sha256(index)}"
    total = len(found.files) + len(found.images)
    assert capsys.readouterr().out == f"{total} of {total} artefacts are locked in {file}\n"


def test_a_second_run_writes_the_same_bytes_and_each_artefacts_version_is_a_line(
    file: Path, published: Publishers
) -> None:
    assert _lock(file, published) == 0
    first = file.read_text(encoding="utf-8")
    assert _lock(file, published, "--whole") == 0
    assert file.read_text(encoding="utf-8") == first
    lines = [line for line in first.splitlines() if '"sha256"' in line]
    assert len(lines) == len({(each.name, each.version) for each in WANTED.files}) + len(WANTED.images)


def test_the_file_of_the_project_is_as_the_command_would_write_it() -> None:
    raw = versions.VERSIONS_FILE.read_text(encoding="utf-8")
    assert text(json.loads(raw)) + "\n" == raw


def test_nothing_is_made_up_of_what_is_not_published(
    file: Path, published: Publishers, capsys: pytest.CaptureFixture[str]
) -> None:
    del published.replies[f"/{_sums(KUBEADM)}"]
    del published.replies[f"/{_manifest(PAUSE, PAUSE.tag)}"]
    assert _lock(file, published) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        f"{KUBEADM.label}: {published.url}/{_sums(KUBEADM)}: answers 404 Not Found",
        f"{PAUSE.label}: {published.url}/{_manifest(PAUSE, PAUSE.tag)}: answers 404 Not Found",
    ]
    found = _locked(file)
    assert found.unlocked() == [KUBEADM.label, PAUSE.label]
    with pytest.raises(artefacts.UnlockedArtefacts) as refused:
        found.check_locked()
    assert str(refused.value) == (
        f"{KUBEADM.label} (and 1 more): no checksum in imagebuilder/versions.json; to fetch it: make image-lock"
    )
    assert KUBEADM.architecture == "x86_64"
    assert found.unlocked(["arm64"]) == [PAUSE.label]


def test_what_was_locked_stays_where_a_source_is_away(file: Path, published: Publishers) -> None:
    assert _lock(file, published) == 0
    before = file.read_text(encoding="utf-8")
    for path in list(published.replies):
        if "dl.k8s.io" in path:
            del published.replies[path]
    assert _lock(file, published) == 1
    assert file.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a" * 63, "no SHA-256 of runc.amd64"),
        (f"{'a' * 63}  runc.amd64\n", "no SHA-256 of runc.amd64"),
        (f"{'a' * 64}  runc.amd64.asc\n", "no SHA-256 of runc.amd64"),
        ("<html>sign in</html>", "no SHA-256 of runc.amd64"),
        ("\xff", "no file of checksums: it is not text"),
    ],
)
def test_a_file_without_the_checksum_is_no_checksum(
    file: Path, published: Publishers, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    published.file(_sums(RUNC)).body = text.encode("latin-1")
    assert _lock(file, published) == 1
    assert f"{RUNC.label}: {published.url}/{_sums(RUNC)}: {said}\n" in capsys.readouterr().err
    assert _checksum(file, RUNC) is None


def test_a_signed_file_of_several_names_gives_each_its_own(file: Path, published: Publishers) -> None:
    one, other = sha256(publishers.content(RUNC)), sha256(publishers.content(RUNC_ARM))
    published.file(_sums(RUNC)).body = (
        f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{'0' * 64}  runc.tar.xz\n{other} *runc.arm64\n"
        f"{one.upper()}  ./runc.amd64\n-----BEGIN PGP SIGNATURE-----\n"
    ).encode()
    assert _lock(file, published) == 0
    assert (_checksum(file, RUNC), _checksum(file, RUNC_ARM)) == (one, other)


def test_two_checksums_of_one_file_are_refused(
    file: Path, published: Publishers, capsys: pytest.CaptureFixture[str]
) -> None:
    published.file(_sums(RUNC)).body += f"{'0' * 64}  {RUNC.file_name}\n".encode()
    _refused(file, published, capsys, f"{published.url}/{_sums(RUNC)}: 2 checksums of runc.amd64")


def _refused(file: Path, published: Publishers, capsys: pytest.CaptureFixture[str], said: str, *options: str) -> None:
    """Nothing at all is written after a contradiction, and one line says which."""
    before = file.read_text(encoding="utf-8")
    assert _lock(file, published, *options) == 1
    assert capsys.readouterr().err == f"{said}; nothing is written\n"
    assert file.read_text(encoding="utf-8") == before


def test_another_checksum_than_the_one_that_is_locked_is_refused(
    file: Path, published: Publishers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _lock(file, published) == 0
    capsys.readouterr()
    published.file(_sums(KUBEADM)).body = b"0" * 64
    right = sha256(publishers.content(KUBEADM))
    _refused(
        file,
        published,
        capsys,
        f"{KUBEADM.label}: locked is the SHA-256 {right}, and published is {'0' * 64}, though a release never changes; "
        "to take it all the same remove what is locked of it from versions.json",
    )


def test_a_tag_that_was_moved_is_refused(file: Path, published: Publishers, capsys: pytest.CaptureFixture[str]) -> None:
    assert _lock(file, published) == 0
    capsys.readouterr()
    index = published.file(_manifest(PAUSE, PAUSE.tag))
    before, index.body = index.body, index.body + b" "
    index.headers["Docker-Content-Digest"] = f"sha256:{sha256(index.body)}"
    _refused(
        file,
        published,
        capsys,
        f"{PAUSE.label}: locked is the digest {sha256(before)}, and published is {sha256(index.body)}, though a "
        "release never changes; to take it all the same remove what is locked of it from versions.json",
    )


def test_another_size_than_the_one_that_is_locked_is_refused(
    file: Path, published: Publishers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _lock(file, published) == 0
    capsys.readouterr()
    published.file(_path(RUNC)).announced = 7
    _refused(
        file,
        published,
        capsys,
        f"{RUNC.label}: locked is the number of bytes {len(publishers.content(RUNC))}, and published is 7, though a "
        "release never changes; to take it all the same remove what is locked of it from versions.json",
    )


def test_a_file_that_is_not_what_was_published_is_found_when_it_is_fetched(
    file: Path, published: Publishers, capsys: pytest.CaptureFixture[str]
) -> None:
    published.file(_path(RUNC)).body = b"something else"
    _refused(
        file,
        published,
        capsys,
        f"{published.url}/{_path(RUNC)}: its SHA-256 is {sha256(b'something else')}, and published is "
        f"{sha256(publishers.content(RUNC))}",
        "--whole",
    )
    # Without a look at the files it is for the build to find out.
    assert _lock(file, published) == 0


def test_a_file_that_ends_early_is_no_file(
    file: Path, published: Publishers, capsys: pytest.CaptureFixture[str]
) -> None:
    published.file(_path(RUNC)).announced = 1_000_000
    assert _lock(file, published, "--whole") == 1
    size = len(publishers.content(RUNC))
    said = f"{RUNC.label}: {published.url}/{_path(RUNC)}: ended early, after {size} of 1000000 bytes\n"
    assert said in capsys.readouterr().err
    assert _checksum(file, RUNC) is None


@pytest.mark.parametrize("header", [True, False])
def test_a_manifest_that_is_not_what_its_digest_says_is_refused(
    file: Path, published: Publishers, capsys: pytest.CaptureFixture[str], header: bool
) -> None:
    listed = json.loads(published.file(_manifest(PAUSE, PAUSE.tag)).body)["manifests"]
    digest = listed[0]["digest"]
    reply = published.file(_manifest(PAUSE, digest))
    reply.body += b" "
    now = f"sha256:{sha256(reply.body)}"
    said = f"{published.url}/{_manifest(PAUSE, digest)}: the registry says {digest}, and what came is {now}"
    if not header:
        del reply.headers["Docker-Content-Digest"]
        said = f"{PAUSE.label}: the index names {digest}, and {now} came"
    _refused(file, published, capsys, said)


def test_an_image_of_one_architecture_is_not_taken(
    file: Path, published: Publishers, capsys: pytest.CaptureFixture[str]
) -> None:
    index = published.file(_manifest(PAUSE, PAUSE.tag))
    raw = json.loads(index.body)
    index.body = json.dumps(raw | {"manifests": raw["manifests"][:1]}).encode()
    index.headers = {}
    assert _lock(file, published) == 1
    assert capsys.readouterr().err == f"{PAUSE.label}: 0 manifests for linux/arm64 in its index\n"


def test_redirects_are_followed_and_keep_no_token(file: Path, published: Publishers) -> None:
    path = f"/{_manifest(PAUSE, PAUSE.tag)}"
    index = published.replies[path]
    published.replies["/elsewhere/index"] = index
    published.replies["/token"] = Reply(json.dumps({"token": "given"}).encode())
    published.replies[path] = Reply(status=307, headers={"Location": f"{published.url}/elsewhere/index"}, token="given")
    published.replies["/elsewhere/runc"] = published.replies[f"/{_path(RUNC)}"]
    published.replies[f"/{_path(RUNC)}"] = Reply(status=302, headers={"Location": f"{published.url}/elsewhere/runc"})
    assert _lock(file, published) == 0
    assert ("GET", path, "Bearer given") in published.asked
    assert ("GET", "/elsewhere/index", None) in published.asked
    assert ("HEAD", "/elsewhere/runc", None) in published.asked
    assert ("GET", "/token?service=registry&scope=repository%3Ax%3Apull", None) in published.asked


def test_a_registry_that_takes_no_token_of_its_own_is_given_up(
    file: Path, published: Publishers, capsys: pytest.CaptureFixture[str]
) -> None:
    published.replies["/token"] = Reply(json.dumps({"token": "other"}).encode())
    published.file(_manifest(PAUSE, PAUSE.tag)).token = "given"
    assert _lock(file, published) == 1
    place = f"{published.url}/{_manifest(PAUSE, PAUSE.tag)}"
    assert capsys.readouterr().err == f"{PAUSE.label}: {place}: answers 401 Unauthorized\n"


def test_a_source_that_is_busy_is_asked_again(file: Path, published: Publishers) -> None:
    published.file(_sums(KUBEADM)).failures = 2
    assert _lock(file, published) == 0


def test_a_redirect_that_leaves_encryption_is_not_followed() -> None:
    request = urllib.request.Request("https://dl.k8s.io/release/x")
    with pytest.raises(http.SourceFailed, match=r"redirects to http://elsewhere/x, which is not encrypted$"):
        http._Redirects().redirect_request(request, None, 302, "Found", {}, "http://elsewhere/x")


def test_a_mirror_that_is_no_address_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert locking.main(["--mirror", "s3://bucket"]) == 2
    assert capsys.readouterr().err == (
        "--mirror: given 's3://bucket'; allowed: an address that begins with https:// or http://\n"
    )


def test_without_a_way_to_any_source_one_line_names_the_mirror_and_nothing_is_written(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*_: object) -> None:
        raise http.SourceFailed("dl.k8s.io: no route to host")

    monkeypatch.setattr(http.Sources, "get", unreachable)
    monkeypatch.setattr(http.Sources, "head", unreachable)
    before = file.read_bytes(), file.stat().st_mtime_ns
    assert locking.main(["--file", str(file)]) == 1
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("no route to host; without a way to the internet: make image-lock MIRROR=URL")


def test_the_command_runs_where_nothing_but_python_is(file: Path, published: Publishers) -> None:
    """As in an image's build: with no library but the standard one, nothing of the environment and no other module."""
    shutil.copytree(versions.VERSIONS_FILE.parent, file.parent / "imagebuilder")
    command = [sys.executable, "-S", "-m", "imagebuilder.locking", "--file", str(file), "--mirror", published.url]
    done = subprocess.run(command, cwd=file.parent, env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
