"""A control plane's boot tells the API server of the issuers that are deployed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.unit.userdata.boot.faults import ANCHORS
from tests.unit.userdata.boot.world import World
from tests.unit.userdata.kubeadm.examples import ISSUER
from userdata.boot.keys import Keys
from userdata.kubeadm.api_server import authentication_file
from userdata.kubeadm.places import AUTHENTICATION_FILE


def test_what_kubeadm_starts_the_api_server_with_names_the_issuers(tmp_path: Path) -> None:
    context = World(tmp_path).context()
    try:
        Keys(replace(context, issuers=(ISSUER,))).place(ANCHORS[0])
    finally:
        context.launch_hook.close()
    written = (tmp_path / AUTHENTICATION_FILE.lstrip("/")).read_text()
    assert written == authentication_file((ISSUER,)).content != authentication_file(()).content
