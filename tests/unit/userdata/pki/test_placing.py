"""The files of a control plane's keys, as kubeadm expects them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.unit.userdata.secrecy import leaks, pki_secrets, readable_files
from tests.unit.userdata.tree import contents, modes
from userdata.host.files import write
from userdata.pki.issuing import new_authority, new_pki
from userdata.pki.material import Authority
from userdata.pki.placing import CLUSTER_CA, files

NOW = datetime.now(UTC)
PKI = new_pki(NOW)


def test_keys_are_for_root_alone_and_all_else_is_public(tmp_path: Path) -> None:
    write(tmp_path, files(PKI))
    assert modes(tmp_path) == {
        "/etc": "755",
        "/etc/kubernetes": "755",
        "/etc/kubernetes/pki": "755",
        "/etc/kubernetes/pki/ca.crt": "644",
        "/etc/kubernetes/pki/ca.key": "600",
        "/etc/kubernetes/pki/etcd": "755",
        "/etc/kubernetes/pki/etcd/ca.crt": "644",
        "/etc/kubernetes/pki/etcd/ca.key": "600",
        "/etc/kubernetes/pki/front-proxy-ca.crt": "644",
        "/etc/kubernetes/pki/front-proxy-ca.key": "600",
        "/etc/kubernetes/pki/sa.key": "600",
        "/etc/kubernetes/pki/sa.pub": "644",
    }
    assert leaks(pki_secrets(PKI), readable_files(tmp_path)) == []


def test_a_bundle_is_written_whole_and_of_its_keys_the_one_that_signs(tmp_path: Path) -> None:
    new = new_authority("kubernetes", NOW)
    both = Authority(new.certificates + PKI.cluster.certificates, new.keys + PKI.cluster.keys)
    write(tmp_path, files(replace(PKI, cluster=both)))
    written = contents(tmp_path)
    assert written[CLUSTER_CA] == both.bundle
    assert written["/etc/kubernetes/pki/ca.key"] == new.keys[0]
