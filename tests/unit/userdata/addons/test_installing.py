"""Which programs are run to install add-ons, and what becomes of their failures; real ones run on machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from coordination.outcomes import Done, Known, Unknown
from tests.unit.userdata.addons.test_content import MANIFESTS
from tests.unit.userdata.addons.test_filling import VALUES
from userdata.addons.content import addons, record_document
from userdata.addons.installing import install, installed
from userdata.host.commands import Finished
from userdata.kube.client import Api
from userdata.kube.kubectl import KubectlTarget
from userdata.kube.outcomes import Answer, Forbidden, NotFound
from userdata.kube.resources import CONFIG_MAPS, ROLES, Object, Resource
from userdata.kube.rights import documents
from userdata.kubeadm import dns
from userdata.kubeadm.places import PATCHES_FOLDER

WITHOUT_PROXY = addons(MANIFESTS, VALUES, "v1.37.2", kube_proxy=False)
TOLD = "what kubeadm is told"
FILE = "/run/administrator.conf"
WITH_PROXY = addons(MANIFESTS, VALUES, "v1.37.2", kube_proxy=True)


@dataclass
class Programs:
    """Stands for kubectl and kubeadm: notes what is run, and fails at one of the runs."""

    failing: int = -1
    output: str = ""
    status: int | None = 0
    ran: list[tuple[tuple[str, ...], str]] = field(default_factory=list)

    def __call__(self, command: Sequence[str], seconds: float, *, stdin: str = "") -> Finished:
        self.ran.append((tuple(command), stdin))
        if len(self.ran) - 1 == self.failing:
            return Finished(1, "Error from server: etcdserver: request timed out")
        return Finished(self.status, self.output)


def here(programs: Programs) -> KubectlTarget:
    return KubectlTarget(FILE, programs)


def test_dns_then_the_images_own_then_the_record(tmp_path: Path) -> None:
    programs = Programs()
    assert install(WITHOUT_PROXY, here(programs), tmp_path, TOLD) == Done()
    assert programs.ran[0][0][:5] == ("kubeadm", "init", "phase", "addon", "coredns")
    assert programs.ran[0][0][5:7] == ("--config", "/dev/stdin")
    assert programs.ran[0][1] == TOLD
    given = [json.loads(stdin) for _, stdin in programs.ran[1:]]
    assert given == [dns.BUDGET, WITHOUT_PROXY.documents["10.json"], record_document(WITHOUT_PROXY.record)]


def test_kubeadm_and_every_kubectl_ask_as_the_kubeconfig_says(tmp_path: Path) -> None:
    programs = Programs()
    install(WITHOUT_PROXY, here(programs), tmp_path, TOLD)
    assert [command[0] for command, _ in programs.ran] == ["kubeadm", "kubectl", "kubectl", "kubectl"]
    assert all(command[command.index("--kubeconfig") + 1] == FILE for command, _ in programs.ran)


def test_a_cluster_with_kube_proxy_gets_kubeadms_add_ons_only(tmp_path: Path) -> None:
    programs = Programs()
    assert install(WITH_PROXY, here(programs), tmp_path, TOLD) == Done()
    assert programs.ran[0][0][:5] == ("kubeadm", "init", "phase", "addon", "all")
    assert [json.loads(stdin) for _, stdin in programs.ran[1:]] == [dns.BUDGET, record_document(WITH_PROXY.record)]


@pytest.mark.parametrize(
    ("failing", "what"),
    [(0, "kubeadm's add-ons"), (1, "the disruption budget of DNS"), (2, "10.json"), (3, "the record of add-ons")],
)
def test_a_failure_ends_it_before_the_record_and_says_where(tmp_path: Path, failing: int, what: str) -> None:
    programs = Programs(failing)
    assert install(WITHOUT_PROXY, here(programs), tmp_path, TOLD) == Unknown(
        f"{what}: etcd has no leader, or no majority that answers in time"
    )
    assert len(programs.ran) == failing + 1


def test_where_a_patch_cannot_be_written_nothing_is_installed(tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("no folder")
    programs = Programs()
    failed = install(WITHOUT_PROXY, here(programs), tmp_path, TOLD)
    assert isinstance(failed, Unknown)
    assert failed.reason.startswith("kubeadm's add-ons: ")
    assert PATCHES_FOLDER.split("/")[1] in failed.reason
    assert programs.ran == []


class Agent:
    """Stands for the agent's own client."""

    def __init__(self, answer: Answer[Object]) -> None:
        self.answer = answer
        self.asked: list[tuple[Resource, str, str]] = []

    def get(self, resource: Resource, name: str, namespace: str = "") -> Answer[Object]:
        self.asked.append((resource, name, namespace))
        return self.answer


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (NotFound("there is none"), Known(None)),
        (Known(record_document(WITHOUT_PROXY.record)), Known(WITHOUT_PROXY.record)),
        (Known({"kind": "ConfigMap"}), Known(None)),
        (Forbidden("not you"), Unknown("the record of add-ons: not you")),
        (Unknown("no answer"), Unknown("the record of add-ons: no answer")),
    ],
)
def test_what_is_installed_is_read_from_the_record(answer: Answer[Object], expected: object) -> None:
    agent = Agent(answer)
    assert installed(cast(Api, agent)) == expected
    assert agent.asked == [(CONFIG_MAPS, "holdfast-addons", "kube-system")]


def test_the_agents_may_read_the_record_and_no_other_config_map() -> None:
    rules = [rule for resource, _, document in documents() if resource == ROLES for rule in document["rules"]]
    assert [rule for rule in rules if "configmaps" in rule["resources"]] == [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["holdfast-addons"], "verbs": ["get"]}
    ]
