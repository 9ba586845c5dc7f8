"""Container images of a machine image: imported and pulled by the real containerd, verified, pinned.

Skipped where no image is made yet: its containerd is the one that is asked.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from imagebuilder import components, places
from imagebuilder.artefacts import RemoteImage
from imagebuilder.components import documents
from imagebuilder.locks import Digests
from rehearsal.binaries.imaging import mirror
from rehearsal.binaries.imaging.executor import Root, StepFailed, execute
from rehearsal.binaries.imaging.order import Task, tasks
from tests.images import made_or_skip
from tests.machines.imaging.chamber import KNOWN, RELEASE, Chamber, script
from tests.unit.imagebuilder import publishers
from tests.unit.imagebuilder.publishers import Publishers, Reply, sha256

PAUSE = f"registry.k8s.io/pause:{RELEASE.pause}"
COREDNS = f"registry.k8s.io/coredns/coredns:{RELEASE.coredns}"

_UNPIN = f"ctr images label {PAUSE} io.cri-containerd.pinned= >/dev/null"
_SCRIPTS = Path(components.__file__).parent / "scripts"
_LIST = "ctr images list --quiet >/tmp/holdfast/names"


def _asked(command: str) -> Task:
    """A command of ctr, asked of the data."""
    libraries = ((_SCRIPTS / f"{each}.sh").read_text(encoding="utf-8") for each in ("common", "runtime"))
    return Task(
        "a/build/b", "\n".join([f"PROGRAM_FOLDER={places.PROGRAM_FOLDER}", *libraries, "runtime_start", command]), 30
    )


@dataclass(frozen=True)
class Importing:
    """Archives of two small images, and a /var/lib/containerd to import them into."""

    chamber: Chamber
    place: Path
    data: Path
    layer: Path
    images: tuple[RemoteImage, ...]

    def run(
        self,
        images: Sequence[RemoteImage],
        registry: str = "/tmp/holdfast/archives",
        phases: Sequence[str] = ("build", "validate"),
    ) -> None:
        machine = replace(
            self.chamber.machine(replace(self.chamber.found, images=tuple(images))), pulling=("--plain-http",)
        )
        made = documents(KNOWN, RELEASE, machine)["images"]
        self.execute(list(tasks([made], phases, {"Registry": registry}, {})))

    def execute(self, given: list[Task]) -> None:
        folders = {"/tmp/holdfast": self.place, "/var/lib/containerd": self.data}
        execute(Root(self.chamber.upper, (self.layer,), folders, network=True), given, lambda line: None)


@pytest.fixture
def importing(chamber: Chamber, tmp_path: Path) -> Importing:
    layer = made_or_skip().layer
    place, data = tmp_path / "place", tmp_path / "data"
    place.mkdir()
    data.mkdir()
    programs = {name: script(tmp_path / "programs", name, "exit 0") for name in ("pause", "coredns")}
    images = mirror.write_images(place / "archives", [PAUSE, COREDNS], programs, tmp_path, "amd64")
    return Importing(chamber, place, data, layer, images)


def test_archives_are_imported_under_both_names_and_what_is_missing_or_not_pinned_is_found(
    importing: Importing,
) -> None:
    importing.run(importing.images)
    assert not (importing.data / "io.containerd.grpc.v1.introspection/uuid").exists()
    pause, coredns = importing.images
    (importing.place / "archives").rename(importing.place / "gone")
    importing.run(importing.images, phases=("validate",))
    other = replace(pause, tag="0.0.1")
    assert pause.locked is not None
    said = rf"^images/validate/whole: registry\.k8s\.io/pause:0\.0\.1: not there with the digest {pause.locked.index}$"
    with pytest.raises(StepFailed, match=said):
        importing.run([coredns, other], phases=("validate",))
    importing.execute([_asked(_UNPIN)])
    with pytest.raises(StepFailed, match=rf"^images/validate/whole: {PAUSE}: not there, or not pinned$"):
        importing.run([pause], phases=("validate",))


def test_an_archive_of_another_image_than_the_one_that_is_locked_fails_the_build(importing: Importing) -> None:
    pause, _ = importing.images
    assert pause.locked is not None
    wrong = replace(pause, locked=Digests("0" * 64, {}))
    said = rf"^images/build/import: {PAUSE}: its digest is not {'0' * 64}, but {pause.locked.index}$"
    with pytest.raises(StepFailed, match=said):
        importing.run([wrong])
    with pytest.raises(StepFailed, match=rf"^images/build/import: {PAUSE}: no digest in imagebuilder/versions\.json; "):
        importing.run([replace(pause, locked=None)])


def _publish(archive: Path, published: Publishers, repository: str) -> str:
    """Put an archive's image into a registry, below an index of two architectures; the index's digest."""
    with tarfile.open(archive) as packed:
        for member in packed.getmembers():
            content = packed.extractfile(member)
            if member.name.startswith("blobs/sha256/") and content is not None:
                _put(published, repository, content.read())
        index = packed.extractfile("index.json")
        assert index is not None
        (manifest,) = json.load(index)["manifests"]
    other = {**manifest, "digest": f"sha256:{'1' * 64}", "platform": {"os": "linux", "architecture": "arm64"}}
    raw = json.dumps({"schemaVersion": 2, "mediaType": publishers.INDEX, "manifests": [other, manifest]}).encode()
    return _put(published, repository, raw, publishers.INDEX)


def _put(published: Publishers, repository: str, raw: bytes, kind: str = "application/octet-stream") -> str:
    digest = sha256(raw)
    if kind != publishers.INDEX and raw.startswith(b"{"):
        kind = json.loads(raw).get("mediaType", kind)
    headers = {"Docker-Content-Digest": f"sha256:{digest}", "Content-Type": kind}
    for what in ("manifests", "blobs"):
        published.replies[f"/v2/{repository}/{what}/sha256:{digest}"] = Reply(raw, headers=headers)
    return digest


@pytest.fixture
def registry() -> Iterator[Publishers]:
    made = Publishers()
    with publishers.serving(made):
        yield made


def test_images_are_pulled_by_digest_from_a_registry_of_ones_own(importing: Importing, registry: Publishers) -> None:
    pause, _ = importing.images
    archive = importing.place / "archives" / pause.repository / f"{pause.tag}.tar"
    digest = _publish(archive, registry, f"images/{pause.repository}")
    locked = replace(pause, locked=Digests(digest, {}))
    place = f"{registry.url.removeprefix('http://')}/images"
    importing.run([locked], place)
    # Only the names that pods have are left.
    importing.execute([_asked(_LIST)])
    names = (importing.place / "names").read_text(encoding="utf-8").split()
    assert names == [PAUSE, f"{pause.repository}@sha256:{digest}"]


def test_ecr_is_asked_with_the_password_of_its_region(importing: Importing, registry: Publishers) -> None:
    pause, _ = importing.images
    archive = importing.place / "archives" / pause.repository / f"{pause.tag}.tar"
    digest = _publish(archive, registry, f"images/{pause.repository}")
    for reply in registry.replies.values():
        reply.login = "AWS:secret"
    programs = importing.chamber.path("/usr/local/bin")
    script(programs, "aws", '[ "$*" = "ecr get-login-password --region eu-central-1" ] && echo secret')
    host = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
    importing.chamber.path("/etc").mkdir()
    importing.chamber.path("/etc/hosts").write_text(f"127.0.0.1 {host}\n", encoding="utf-8")
    locked = replace(pause, locked=Digests(digest, {}))
    place = f"{host}:{registry.url.rpartition(':')[2]}/images"
    importing.run([locked], place)
    script(programs, "aws", "echo other")
    empty = importing.data / "empty"
    empty.mkdir()
    with pytest.raises(StepFailed, match=r"cannot be pulled: .*authorization failed"):
        replace(importing, data=empty).run([locked], place)


def test_a_registry_that_has_something_else_under_the_digest_fails_the_build(
    importing: Importing, registry: Publishers
) -> None:
    pause, _ = importing.images
    archive = importing.place / "archives" / pause.repository / f"{pause.tag}.tar"
    digest = _publish(archive, registry, f"images/{pause.repository}")
    index = registry.replies[f"/v2/images/{pause.repository}/manifests/sha256:{digest}"]
    index.body = index.body.replace(b"arm64", b"arm99")
    place = f"{registry.url.removeprefix('http://')}/images"
    with pytest.raises(StepFailed, match=rf"@sha256:{digest}: cannot be pulled: "):
        importing.run([replace(pause, locked=Digests(digest, {}))], place)
