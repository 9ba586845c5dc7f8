"""The renewal of certificates on a real control plane whose first certificates are good for minutes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.machines.instances.harness import InstanceHarness
from tests.machines.kubeadm.cluster import Run, found, harness_of, place_files, prepare
from tests.programs import MINORS
from tests.unit.userdata.kubeadm.examples import CLUSTER, CONTROL_PLANE
from tests.waiting import wait_for
from userdata.host.files import File, private
from userdata.kubeadm import certs_config
from userdata.kubeadm.cluster import Lifetimes
from userdata.kubeadm.places import INIT_FILE
from userdata.kubeadm.tokens import new_token
from userdata.pki.inspecting import Certificate, inspect
from userdata.pki.issuing import BACKDATED, new_pki

pytestmark = pytest.mark.slow

FIRST_SECONDS = 200
"""Longer than all four pods take to be replaced one after the other, which is two minutes."""
RENEWED_SECONDS = 3600
LATER_SECONDS = 140
ONCE_MORE_SECONDS = 7200
MUCH_LATER_SECONDS = 3000
"""Of what was renewed less than a third is left then, and of what is renewed for ONCE_MORE_SECONDS more."""
ADMIN_FILE = "/etc/kubernetes/admin.conf"
LIBRARY = "/opt/renewal"
CONFIGURATION = "/etc/holdfast/kubeadm/renewal-test.json"
APISERVER = "/etc/kubernetes/pki/apiserver.crt"
PODS = {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """A control plane of the newest minor, alone."""
    with harness_of(MINORS[0]) as harness:
        yield founded(harness, harness.image.kubernetes)


def founded(harness: InstanceHarness, version: str) -> Run:
    instance_id = harness.launch()
    harness.wait_state(instance_id, "running")
    prepare(harness, instance_id)
    address = harness.described(instance_id)["PrivateIpAddress"]
    node = replace(CONTROL_PLANE, name=instance_id, address=address)
    cluster = replace(CLUSTER, version=version, endpoint=address, lifetimes=Lifetimes(leaf=FIRST_SECONDS))
    made = Run(harness, cluster, new_pki(datetime.now(UTC)), new_token(), node, node, node, instance_id)
    place_files(harness, instance_id, program())
    lasts(made, RENEWED_SECONDS)
    found(made)
    return made


def lasts(run: Run, seconds: int) -> None:
    """Have what is renewed from now on be good for so many seconds."""
    longer = replace(run.cluster, lifetimes=Lifetimes(leaf=seconds))
    content = private(certs_config.configuration(longer, run.founder.address))
    place_files(run.harness, run.founder.name, {CONFIGURATION: content})


def program() -> dict[str, File]:
    """What a renewal is made of, as files of the machine."""
    checkout = Path(__file__).parents[3]
    modules = [path for package in ("coordination", "userdata") for path in (checkout / package).rglob("*.py")]
    files = {f"{LIBRARY}/{path.relative_to(checkout)}": File(path.read_text()) for path in modules}
    return {**files, f"{LIBRARY}/renew.py": File((Path(__file__).parent / "renewing_node.py").read_text())}


def renewal(run: Run, seconds_later: int) -> dict[str, Any]:
    """What one renewal says, on the machine."""
    arguments = f"{run.founder.address} {CONFIGURATION} {seconds_later}"
    command = f"PYTHONPATH={LIBRARY} /usr/bin/python3 {LIBRARY}/renew.py {arguments}"
    answered = run.harness.run(run.founder.name, command, 400)
    return dict(json.loads(answered.splitlines()[-1]))


def certificate(run: Run, path: str = APISERVER) -> Certificate:
    return inspect(run.harness.run(run.founder.name, f"cat {path}"))


def held_by(run: Run, lease: str) -> tuple[str, str]:
    """Who leads the controllers or schedulers, and when it said so last."""
    spec = run.kubectl("get", "lease", "-n", "kube-system", lease)["spec"]
    return spec["holderIdentity"], spec["renewTime"]


def test_certificates_are_renewed_with_their_own_lifetime_and_nothing_stops_when_the_old_ones_end(run: Run) -> None:
    old = certificate(run)
    assert (old.ends - old.begins - BACKDATED).total_seconds() == FIRST_SECONDS
    early = renewal(run, 0)
    assert (early["said"], early["due"]) == ("", [])

    done = renewal(run, LATER_SECONDS)

    assert done["said"].startswith("renewed 1"), done
    assert done["due"] == []
    assert done["serving"] == dict.fromkeys(PODS, "")
    new = certificate(run)
    assert new.ends > old.ends
    assert (new.ends - new.begins - BACKDATED).total_seconds() == RENEWED_SECONDS
    # The pods are new ones: each runs, and none was there before.
    assert all(done["started"][pod] > early["started"][pod] for pod in PODS), (early, done)

    wait_for(lambda: datetime.now(UTC) > old.ends, "the end of the old certificates", FIRST_SECONDS, 0.5)
    for lease in ("kube-controller-manager", "kube-scheduler"):
        before = held_by(run, lease)
        wait_for(lambda lease=lease, before=before: held_by(run, lease) != before, f"{lease} goes on", 40, 1)  # type: ignore[misc]
    # By the API server, the kubelet: it asks for its pods all the time.
    (node,) = run.kubectl("get", "nodes")["items"]
    heard = next(each for each in node["status"]["conditions"] if each["type"] == "Ready")["reason"]
    assert heard in ("KubeletReady", "KubeletNotReady")
    annotated = {
        each["metadata"]["labels"]["component"]
        for each in run.kubectl("get", "pods", "-n", "kube-system")["items"]
        if "holdfast.io/certificates" in each["metadata"]["annotations"]
    }
    assert annotated == PODS


def test_manifests_and_configurations_stay_for_root_alone(run: Run) -> None:
    shown = run.harness.run(
        run.founder.name, f"stat -c %a /etc/kubernetes/manifests/*.yaml /etc/kubernetes/*.conf {INIT_FILE}"
    )
    assert set(shown.split()) == {"600"}


def test_a_node_without_admin_conf_renews_all_others_and_misses_nothing(run: Run) -> None:
    """The last one: nobody asks this API server afterwards."""
    run.harness.run(run.founder.name, f"mv {ADMIN_FILE} {ADMIN_FILE}.away")
    lasts(run, ONCE_MORE_SECONDS)
    early = renewal(run, 0)
    assert (early["said"], early["due"]) == ("", [])
    old = certificate(run)
    done = renewal(run, MUCH_LATER_SECONDS)
    assert done["said"].startswith("renewed 9 certificates"), done
    assert done["serving"] == dict.fromkeys(PODS, "")
    assert certificate(run).ends > old.ends
    assert run.harness.run(run.founder.name, f"ls {ADMIN_FILE}*").split() == [f"{ADMIN_FILE}.away"]
