"""Scripts of components that ask a running system, or what a root has not, with small programs in its place."""

from __future__ import annotations

import json
import shlex
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from imagebuilder import places
from imagebuilder.components import documents
from imagebuilder.configure import metadata
from rehearsal.binaries.imaging import making
from rehearsal.binaries.imaging.executor import StepFailed
from rehearsal.binaries.imaging.order import Task
from rehearsal.binaries.manifest import sha256
from tests.machines.imaging.chamber import KNOWN, RELEASE, Chamber, script

pytestmark = pytest.mark.machines


def _step(label: str, **values: str) -> Task:
    """One step of EC2's documents, with the variables that it starts with replaced."""
    component, phase, name = label.split("/")
    document: dict[str, object] = documents(KNOWN, RELEASE)[component].document
    text = json.loads(json.dumps(document))
    (steps,) = [each["steps"] for each in text["phases"] if each["name"] == phase]
    (found,) = ["\n".join(each["inputs"]["commands"]) for each in steps if each["name"] == name]
    # Of two assignments the later one counts, and every script begins with the same line.
    given = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    return Task(label, found.replace("set -euo pipefail\n", f"{given}set -euo pipefail\n", 1), 30)


# What is not on this computer, by name: what it prints, or how it ends.
@pytest.mark.parametrize(
    ("label", "programs", "said"),
    [
        ("packages/build/install", {"dnf": 'echo "$@" >/dnf'}, None),
        ("packages/build/install", {"dnf": "echo no network >&2; exit 1"}, "no network"),
        ("packages/validate/installed", {"rpm": "exit 0"}, None),
        ("packages/test/installed", {"rpm": "exit 1"}, "packages are missing: the lines above name them"),
        ("base/validate/rules", {}, None),
        ("base/test/selinux", {"getenforce": "echo Permissive"}, None),
        ("base/test/selinux", {"getenforce": "echo Disabled"}, "SELinux: Disabled; allowed: Permissive"),
        ("base/test/clock", {"chronyc": "echo 169.254.169.123", "timedatectl": "echo yes"}, None),
        (
            "base/test/clock",
            {"chronyc": "echo 192.0.2.1", "timedatectl": "echo yes"},
            "chrony: 169.254.169.123 is not among its sources",
        ),
        ("base/test/clock", {"chronyc": "exit 1"}, "chrony: not synchronised within a minute"),
        (
            "base/test/clock",
            {"chronyc": "echo 169.254.169.123", "timedatectl": "echo no"},
            "the kernel's clock counts as unsynchronised",
        ),
        (
            "base/test/metadata",
            {"systemctl": "exit 0", "systemd-run": 'case "$*" in *system.slice*) exit 0 ;; *) exit 1 ;; esac'},
            None,
        ),
        (
            "base/test/metadata",
            {"systemctl": "exit 0", "systemd-run": "exit 0"},
            "metadata: answers in a control group that is not the system's",
        ),
        (
            "base/test/metadata",
            {"systemctl": "exit 0", "systemd-run": "exit 1"},
            "metadata: a service of the system gets no answer",
        ),
        ("base/test/metadata", {"systemctl": "exit 1"}, f"{places.METADATA_UNIT}: not active"),
    ],
)
def test_what_asks_a_running_system_says_what_is_wrong(
    chamber: Chamber, label: str, programs: dict[str, str], said: str | None
) -> None:
    for name, text in programs.items():
        script(chamber.path("/usr/local/bin"), name, text)
    values = {}
    if label == "base/validate/rules":
        chamber.path("/etc").mkdir()
        chamber.path("/etc/rules.nft").write_text("add table inet holdfast\n", encoding="utf-8")
        values["CHECK"] = f"{metadata.CHECK[0]} --check --file /etc/rules.nft"
    if said is None:
        chamber.execute([_step(label, **values)])
    else:
        with pytest.raises(StepFailed) as failed:
            chamber.execute([_step(label, **values)])
        assert str(failed.value) == f"{label}: {said}"


def test_kernel_settings_and_modules_are_compared_with_what_is_configured(chamber: Chamber) -> None:
    module = next(path.name for path in Path("/sys/module").iterdir())
    value = Path("/proc/sys/kernel/ngroups_max").read_text(encoding="ascii").strip()
    step = _step("base/test/in-force")
    for name, text in {
        "/etc/sysctl.d/90-holdfast.conf": f"# why\nkernel.ngroups_max = {value}\n",
        "/etc/modules-load.d/holdfast.conf": f"{module}\n",
    }.items():
        chamber.path(name).parent.mkdir(parents=True, exist_ok=True)
        chamber.path(name).write_text(text, encoding="utf-8")
    chamber.execute([step])
    chamber.path("/etc/modules-load.d/holdfast.conf").write_text("no_such_module\n", encoding="utf-8")
    with pytest.raises(StepFailed, match=r"^base/test/in-force: no_such_module: the module is not loaded$"):
        chamber.execute([step])
    chamber.path("/etc/sysctl.d/90-holdfast.conf").write_text("kernel.ngroups_max = 7\n", encoding="utf-8")
    said = rf"^base/test/in-force: kernel\.ngroups_max: {value} is in force, and 7 is configured$"
    with pytest.raises(StepFailed, match=said):
        chamber.execute([step])


def test_certificates_of_ones_own_are_trusted_where_there_are_any(chamber: Chamber) -> None:
    script(chamber.path("/usr/local/bin"), "aws", 'echo certificate >"$5"')
    script(
        chamber.path("/usr/local/bin"), "update-ca-trust", "cp /etc/pki/ca-trust/source/anchors/holdfast.pem /trusted"
    )
    chamber.path(places.CA_FOLDER).mkdir(parents=True)
    for given, said in (("none", None), ("https://x", "CaBundle: 'https://x'; allowed: none, s3://bucket/key")):
        step = _step("sources/build/trust", CA_BUNDLE=given)
        if said is None:
            chamber.execute([step])
            assert not chamber.path("/trusted").exists()
        else:
            with pytest.raises(StepFailed, match=f"^sources/build/trust: {said}$"):
                chamber.execute([step])
    chamber.execute([_step("sources/build/trust", CA_BUNDLE="s3://bucket/ca.pem")])
    assert chamber.path("/trusted").read_text(encoding="utf-8") == "certificate\n"


def test_an_sbom_is_written_by_a_syft_that_is_not_left_there(chamber: Chamber, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    writes = """for each; do case "$each" in spdx-json=*) echo '{"packages": [1]}' >"${each#*=}";; esac; done"""
    packed = place / "syft.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(script(tmp_path, "syft", writes), "syft")
    table = f"syft x86_64 https://x/syft.tar.gz {sha256(packed)}"
    writing = _step("sbom/build/write", FILES_TABLE=table, FILES="/tmp/holdfast/mirror")
    packed.rename(_made(place / "mirror/x/syft.tar.gz"))
    looking = _step("sbom/test/lists", PYTHON=making.PYTHON)
    replace(chamber, place=place).execute([writing, looking])
    assert json.loads(chamber.path(places.SBOM).read_text(encoding="utf-8")) == {"packages": [1]}
    assert list(chamber.upper.rglob("syft*")) == []
    chamber.path(places.SBOM).write_text('{"packages": []}', encoding="utf-8")
    with pytest.raises(StepFailed, match=rf"^sbom/test/lists: {places.SBOM}: lists no package$"):
        chamber.execute([looking])


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    return path


def test_every_image_of_a_pod_is_asked_for(chamber: Chamber) -> None:
    script(
        chamber.path(places.PROGRAM_FOLDER),
        "ctr",
        'case "$*" in *missing*) ;; *) echo there ;; esac; echo "$*" >>/asked',
    )
    addon = {"items": [{"spec": {"containers": [{"image": "quay.io/a/b:v1@sha256:0"}, {"image": "quay.io/c/d:v1"}]}}]}
    chamber.path(places.ADDON_FOLDER).mkdir(parents=True)
    path = chamber.path(places.ADDON_FOLDER) / "10-a.json"
    path.write_text(json.dumps(addon), encoding="utf-8")
    step = _step("images/test/every-pod", PYTHON=making.PYTHON)
    chamber.execute([step])
    asked = chamber.path("/asked").read_text(encoding="utf-8")
    assert "name==quay.io/a/b@sha256:0\n" in asked
    assert "name==quay.io/c/d:v1\n" in asked
    path.write_text(json.dumps({"image": "quay.io/missing:v1"}), encoding="utf-8")
    said = r"^images/test/every-pod: quay\.io/missing:v1: a pod needs it, and containerd has it not$"
    with pytest.raises(StepFailed, match=said):
        chamber.execute([step])
