"""How a static pod's manifest gets another stamp, and which manifests are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userdata.kubeadm.static_pods import STAMP, StaticPodError, stamped

WITH_ANNOTATIONS = """\
apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://10.0.0.5:2379
  labels:
    component: etcd
  name: etcd
spec:
  containers:
  - command:
    - etcd
status: {}
"""
WITHOUT = """\
apiVersion: v1
kind: Pod
metadata:
  labels:
    component: kube-scheduler
  name: kube-scheduler
spec: {}
"""


def test_a_stamp_is_one_more_annotation() -> None:
    url = "    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://10.0.0.5:2379\n"
    assert stamped(WITH_ANNOTATIONS, "one") == WITH_ANNOTATIONS.replace(url, f'    {STAMP}: "one"\n{url}')


def test_a_manifest_without_annotations_gets_them() -> None:
    assert stamped(WITHOUT, "one") == WITHOUT.replace("  labels:\n", f'  annotations:\n    {STAMP}: "one"\n  labels:\n')


@pytest.mark.parametrize("manifest", [WITH_ANNOTATIONS, WITHOUT])
@given(stamps=st.lists(st.from_regex(r"[0-9T:+.-]{1,30}", fullmatch=True), min_size=1, max_size=4))
def test_only_the_last_stamp_stays(manifest: str, stamps: list[str]) -> None:
    result = manifest
    for stamp in stamps:
        result = stamped(result, stamp)
    assert result == stamped(manifest, stamps[-1])


@pytest.mark.parametrize(
    "manifest", ["", "kind: Pod\n", "metadata:\nspec: {}\n", "metadata:\n  a: 1\nmetadata:\n  b: 2\n"]
)
def test_a_manifest_of_another_shape_is_refused(manifest: str) -> None:
    with pytest.raises(StaticPodError):
        stamped(manifest, "one")
