"""Every script of the components that installs or checks files, executed in a root."""

from __future__ import annotations

import json
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from imagebuilder import places
from imagebuilder.configure import credentials
from rehearsal.binaries.imaging import making, mirror
from rehearsal.binaries.imaging.executor import StepFailed
from tests.machines.imaging.chamber import IMAGES, RELEASE, Chamber, script

pytestmark = pytest.mark.machines


# The Python libraries come from an index of packages: the real image has them.
FILES = tuple(each for each in making.LAYER if each != "libraries")


def test_components_leave_an_image_with_programs_configuration_and_nothing_of_the_build(chamber: Chamber) -> None:
    chamber.run(*FILES, "node-program", phases=("build",))
    for folder, names in ((places.PROGRAM_FOLDER, places.PROGRAMS), (places.PLUGIN_FOLDER, places.PLUGINS)):
        for name in names:
            assert stat.S_IMODE(chamber.path(f"{folder}/{name}").stat().st_mode) == 0o755, name
    configuration = chamber.path("/etc/containerd/config.toml").read_text(encoding="utf-8")
    assert f'sandbox = "registry.k8s.io/pause:{RELEASE.pause}"' in configuration
    assert f'config_path = "{places.REGISTRY_FOLDER}"' in configuration
    assert chamber.path(places.REGISTRY_FOLDER).is_dir()
    assert (chamber.path(places.UNIT_FOLDER) / "kubelet.service").is_file()
    assert "rtcsync" in chamber.path(places.TIME_FILE).read_text(encoding="utf-8")
    assert len(list(chamber.path(places.ADDON_FOLDER).glob("*.json"))) > 3
    start = chamber.path(places.NODE_PROGRAM).read_text(encoding="utf-8")
    assert start.startswith(f"#!{making.PYTHON} -I\n")
    assert not chamber.path(places.SOURCE_FOLDER).exists()
    chamber.run("containerd", "kubernetes", "credential-provider", "cleanup", phases=("validate", "test"))


def test_the_kubelet_is_told_of_a_provider_that_is_there(chamber: Chamber) -> None:
    chamber.run("sources", "credential-provider")
    unit = (chamber.path(places.UNIT_FOLDER) / "kubelet.service.d/20-credentials.conf").read_text(encoding="utf-8")
    assert f"--image-credential-provider-config={places.PROVIDER_FILE} " in unit
    assert f"--image-credential-provider-bin-dir={places.PROVIDER_FOLDER}" in unit
    told = json.loads(chamber.path(places.PROVIDER_FILE).read_text(encoding="utf-8"))
    assert [each["name"] for each in told["providers"]] == [credentials.PROVIDER]
    chamber.path(f"{places.PROVIDER_FOLDER}/{credentials.PROVIDER}").unlink()
    missing = f"credential-provider/test/named: {places.PROVIDER_FOLDER}/{credentials.PROVIDER}: missing"
    with pytest.raises(StepFailed, match=f"^{missing}$"):
        chamber.run("credential-provider", phases=("test",))


def test_a_file_that_was_tampered_with_is_not_installed(chamber: Chamber, tmp_path: Path) -> None:
    shutil.copytree(chamber.place, tmp_path / "place")
    other = replace(chamber, place=tmp_path / "place")
    (kubelet,) = chamber.found.file("kubelet")
    (other.place / "files" / kubelet.source.partition("://")[2]).write_text("something else", encoding="utf-8")
    assert kubelet.locked is not None
    said = rf"^kubernetes/build/install: kubelet \(x86_64\): its SHA-256 is not {kubelet.locked.sha256}$"
    with pytest.raises(StepFailed, match=said):
        other.run("kubernetes")
    assert not chamber.path(f"{places.PROGRAM_FOLDER}/kubelet").exists()


def test_a_file_without_a_checksum_is_not_fetched(chamber: Chamber) -> None:
    unlocked = replace(chamber.found, files=tuple(replace(each, locked=None) for each in chamber.found.files))
    said = (
        r"^kubernetes/build/install: kubeadm \(x86_64\): no checksum in imagebuilder/versions\.json; to fetch it: "
        r"make image-lock$"
    )
    with pytest.raises(StepFailed, match=said):
        chamber.run("kubernetes", found=unlocked)


def test_a_place_that_is_none_is_refused_with_what_is_allowed(chamber: Chamber) -> None:
    said = r"^kubernetes/build/install: Files: 'ftp://x'; allowed: internet, s3://bucket/prefix$"
    with pytest.raises(StepFailed, match=said):
        chamber.run("kubernetes", parameters={"Files": "ftp://x"})


def test_other_sources_than_those_that_were_packed_are_not_unpacked(chamber: Chamber) -> None:
    said = rf"^sources/build/unpack: /tmp/holdfast/sources\.tar\.gz: its SHA-256 is not {'0' * 64}$"
    with pytest.raises(StepFailed, match=said):
        chamber.run("sources", parameters={"SourcesSha256": "0" * 64})
    assert not chamber.path(places.SOURCE_FOLDER).exists()


def test_another_version_than_the_one_that_is_named_fails_the_image(chamber: Chamber) -> None:
    chamber.run("sources", "kubernetes")
    script(chamber.path(places.PROGRAM_FOLDER), "kubelet", "echo Kubernetes v1.0.0")
    with pytest.raises(StepFailed, match=rf"^kubernetes/test/versions: kubelet: not {RELEASE.version}$"):
        chamber.run("kubernetes", phases=("test",))


def test_an_image_that_kubeadm_wants_and_that_is_not_there_is_named(chamber: Chamber) -> None:
    found = replace(chamber.found, images=mirror.named(IMAGES[:1]))
    said = rf"^kubernetes/validate/versions: {IMAGES[1]}: kubeadm wants it, and it is not in the image$"
    with pytest.raises(StepFailed, match=said):
        chamber.run("sources", "kubernetes", found=found)


def test_libraries_that_are_not_among_the_sources_are_fetched_from_nowhere(chamber: Chamber) -> None:
    with pytest.raises(StepFailed, match=r"^libraries/build/install: .*No matching distribution found for boto3"):
        chamber.run("sources", "libraries")


def test_what_is_left_of_a_build_is_found(chamber: Chamber) -> None:
    chamber.run("sources", "cleanup")
    chamber.run("sources")
    said = rf"^cleanup/validate/nothing-left: {places.SOURCE_FOLDER}: left from the build$"
    with pytest.raises(StepFailed, match=said):
        chamber.run("cleanup", phases=("validate",))


def test_files_come_from_a_bucket_below_their_addresses(chamber: Chamber) -> None:
    script(
        chamber.path("/usr/local/bin"),
        "aws",
        'cp "/tmp/holdfast/files/${4#s3://mirror/images/}" "$5"',
    )
    chamber.run("sources", "kubernetes", parameters={"Files": "s3://mirror/images/"})
    assert chamber.path(f"{places.PROGRAM_FOLDER}/kubeadm").is_file()
