"""The container images of conformance tests: which are made, and of what."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rehearsal.binaries import conformance
from rehearsal.binaries.conformance import image, listed, wanted
from rehearsal.binaries.failures import BuildFailed

REGISTRY = "registry.k8s.io/e2e-test-images"
BUILT = Path("/built")
PARTS = conformance.Parts(
    busybox={"/bin/busybox": BUILT / "busybox", "/bin/sh": BUILT / "sh"},
    agnhost={"/agnhost": BUILT / "agnhost", "/bin/bash": BUILT / "bash"},
    built=BUILT,
    applets=("sh", "bash", "ls"),
)


def test_images_are_made_that_a_recipe_is_known_for_and_that_anybody_may_pull() -> None:
    names = [f"{REGISTRY}/{each}:1" for each in ("nginx", "agnhost", "kitten", "volume/nfs")]
    assert wanted([*names, "gcr.io/k8s-authenticated-test/agnhost:2.6"]) == [names[1], names[0]]


def test_agnhost_has_what_its_cases_look_for() -> None:
    made = image(f"{REGISTRY}/agnhost:2", PARTS)
    assert (made.entrypoint, made.arguments, made.folders) == (("/agnhost",), ("pause",), ("uploads",))
    # A program of its own goes before BusyBox's of the same name.
    assert made.links == {"/bin/sh": "/bin/bash", "/bin/ls": "/bin/busybox", "/agnhost-2": "agnhost"}


@pytest.mark.parametrize("name", ["busybox", "nonroot"])
def test_busybox_has_a_shell_of_its_own(name: str) -> None:
    made = image(f"{REGISTRY}/{name}:1", PARTS)
    assert made.links == {"/bin/ls": "/bin/busybox"}
    assert made.files["/bin/sh"] == BUILT / "sh"


@pytest.mark.skipif(not Path("/bin/busybox").exists(), reason="/bin/busybox is not installed (busybox-static)")
def test_the_shell_of_busybox_has_its_words_and_hands_on_every_variable(tmp_path: Path) -> None:
    shell = tmp_path / "sh"
    shell.write_text(conformance.SHELL_OF_BUSYBOX, encoding="utf-8")
    shell.chmod(0o755)

    def run(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/bin:/usr/bin", **variables}
        return subprocess.run([shell, "-c", script], env=environment, capture_output=True, text=True, check=False)

    # What a case compares (Kubernetes' test/e2e/common/node/kubelet.go).
    assert run("echo x > /proc/none", P_OWN="1").stderr == f"{shell}: can't create /proc/none: nonexistent directory\n"
    assert "data-1=x\n" in run("env", **{"data-1": "x", "P_OWN": "1"}).stdout
    assert "P_OWN=a\nb=c\n" in run("env", P_OWN="a\nb=c").stdout


@pytest.mark.parametrize(
    ("name", "entrypoint", "arguments", "user"),
    [
        ("busybox", (), ("sh",), ""),
        ("nonroot", (), ("sh",), "1234"),
        ("nginx", ("/agnhost",), ("test-webserver",), ""),
        ("glibc-dns-testing", (), ("sh",), ""),
        ("sample-apiserver", ("/sample-apiserver",), (), ""),
        ("nonewprivs", (), ("/usr/local/bin/nnp",), ""),
    ],
)
def test_an_image_runs_what_the_published_one_runs(
    name: str, entrypoint: tuple[str, ...], arguments: tuple[str, ...], user: str
) -> None:
    made = image(f"{REGISTRY}/{name}:1", PARTS)
    assert (made.name, tuple(made.entrypoint), tuple(made.arguments), made.user) == (
        f"{REGISTRY}/{name}:1",
        entrypoint,
        arguments,
        user,
    )
    assert {*made.setuid} == ({"/usr/local/bin/nnp"} if name == "nonewprivs" else set())


def test_tests_that_list_no_images_are_quoted(tmp_path: Path) -> None:
    program = tmp_path / "e2e.test"
    program.write_text("#!/bin/sh\necho 'no such flag' >&2\nexit 2\n", encoding="utf-8")
    program.chmod(0o755)
    with pytest.raises(BuildFailed, match=r"^e2e\.test --list-images: no such flag$"):
        listed(program)
