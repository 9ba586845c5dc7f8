"""What an image is made of: compared with what kubeadm and the add-ons name."""

from __future__ import annotations

import pytest

from imagebuilder import addons, artefacts, versions
from imagebuilder.versions import Release
from rehearsal.binaries import containers
from tests import programs

KNOWN = versions.read()
BY_MINOR = pytest.mark.parametrize("release", KNOWN.releases, ids=lambda release: release.minor)
# Its work is Cilium's: the node program starts clusters without it, unless an image says otherwise.
NOT_NEEDED = "kube-proxy"


def _images(release: Release) -> set[str]:
    return {each.label for each in artefacts.of(KNOWN, release).images}


@BY_MINOR
def test_every_image_that_kubeadm_wants_is_in_the_image(release: Release) -> None:
    kubeadm = programs.program("kubeadm", release.minor)
    wanted = {each for each in containers.listed(kubeadm, release.version) if NOT_NEEDED not in each}
    assert wanted <= _images(release)


@BY_MINOR
def test_every_image_of_an_add_on_is_in_the_image(release: Release) -> None:
    assert set(addons.references(addons.documents(KNOWN, release))) <= _images(release)


def test_an_image_holds_the_etcd_of_the_minor_below_too() -> None:
    newest, former = KNOWN.releases[:2]
    tags = {each.tag for each in artefacts.of(KNOWN, newest).images if each.name == "etcd"}
    assert tags == {newest.etcd_image, former.etcd_image}
    oldest = KNOWN.releases[-1]
    assert {each.tag for each in artefacts.of(KNOWN, oldest).images if each.name == "etcd"} == {oldest.etcd_image}
