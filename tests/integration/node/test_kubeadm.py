"""The kubeadm of every minor takes over our keys as they are, and makes of them what is missing."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.programs import MINORS, RELEASES, program
from tests.unit.userdata.kubeadm.examples import CLUSTER, CONTROL_PLANE, TOKEN
from tests.unit.userdata.secrecy import leaks, pki_secrets, readable_files
from userdata.host.files import write
from userdata.kubeadm import init_config
from userdata.kubeadm.cluster import Lifetimes
from userdata.kubeadm.documents import Timeouts
from userdata.kubeadm.node import Host
from userdata.pki import placing
from userdata.pki.inspecting import inspect
from userdata.pki.issuing import new_pki
from userdata.pki.openssl import Held, openssl

DAY = 24 * 3600
NOW = datetime.now(UTC)


@pytest.mark.parametrize("minor", MINORS)
def test_kubeadm_issues_its_leaves_with_our_authorities_and_for_as_long_as_it_is_told(
    tmp_path: Path, minor: str
) -> None:
    pki = new_pki(NOW)
    write(tmp_path, placing.files(pki))
    folder = tmp_path / placing.FOLDER.lstrip("/")
    version = next(release.version for release in RELEASES if release.minor == minor)
    cluster = replace(CLUSTER, version=version, lifetimes=Lifetimes(leaf=30 * DAY))
    told = init_config.configuration(cluster, CONTROL_PLANE, TOKEN, DAY, Host(), Timeouts())
    configuration = tmp_path / "init.json"
    configuration.write_text(told.replace('"clusterName"', f'"certificatesDir": "{folder}", "clusterName"'))

    command = [str(program("kubeadm", minor)), "init", "phase", "certs", "all", "--config", str(configuration)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Using existing") == 3
    assert 'Using the existing "sa" key' in done.stdout
    server = (folder / "apiserver.crt").read_text()
    assert inspect(server).issuer == "CN=kubernetes"
    assert 29.9 < inspect(server).days_left(NOW) < 30.1
    shown = openssl(["x509", "-in", Held(server), "-noout", "-text"]).decode()
    assert "DNS:api.holdfast.internal" in shown
    assert "DNS:kubernetes.example.com" in shown
    assert "Public-Key: (2048 bit)" in shown
    assert inspect((folder / "etcd/peer.crt").read_text()).issuer == "CN=etcd-ca"
    assert inspect((folder / "front-proxy-client.crt").read_text()).issuer == "CN=front-proxy-ca"
    assert inspect((folder / "ca.crt").read_text()).ends > NOW + timedelta(days=3600)
    for path, file in placing.files(pki).items():
        assert (tmp_path / path.lstrip("/")).read_text() == file.content
    assert leaks(pki_secrets(pki), readable_files(folder)) == []
    assert leaks(pki_secrets(pki), [("output", (done.stdout + done.stderr).encode())]) == []
