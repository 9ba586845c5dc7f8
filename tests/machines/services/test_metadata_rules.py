"""The image's firewall rules, in a network and a tree of control groups of their own: whom the metadata service hears.

nft and the kernel are this computer's; what stands in is a machine of three namespaces, without systemd.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from imagebuilder.configure import metadata
from imagebuilder.places import METADATA_RULES
from rehearsal.machines import socket_groups
from rehearsal.machines.instance import cgroups
from rehearsal.machines.network import namespaces
from rehearsal.machines.network.names import cloud_prefix
from tests.machines.claims import claimed_cloud
from tests.waiting import wait_for

IPV4, IPV6 = metadata.ADDRESSES
OTHER = "10.9.0.2"
"""An address that is not the metadata service's, on the same server."""
OWN = ("system.slice/kubelet.service", "user.slice/user-0.slice/session-1.scope", "init.scope")
OF_PODS = (
    "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-1.scope",
    "kubepods/burstable/pod1/1",
    "kubepods.slice/system.slice/pod.service",
    "machine.slice",
)
SERVED, REFUSED = 0, 7
"""How curl ends (curl(1), "Exit codes")."""
_LOADING = 'mount -t cgroup2 none /sys/fs/cgroup && exec nft "$@"'
_JOINED = 'echo 0 >"$1"; shift; exec "$@"'


@dataclass(frozen=True)
class Machine:
    """A machine's namespace with a pod's behind it, and its groups."""

    host: str
    pod: str
    group: Path
    rules: Path

    def nft(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run nft as the unit does: it sees the machine's groups as all groups there are."""
        entering = ["unshare", "--cgroup", "--mount", "--propagation", "private", "sh", "-c", _LOADING, "sh"]
        return self.run("", *entering, *arguments)

    def run(self, group: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program in a group of the machine; "" is the one above all others."""
        joined = ["sh", "-c", _JOINED, "sh", str(self.group / group / "cgroup.procs"), *command]
        with namespaces.inside(self.host):
            return subprocess.run(joined, capture_output=True, text=True, check=False, timeout=30)

    def asked(self, group: str, address: str) -> int:
        """How a request from a group ends."""
        return self.run(group, *_curl(address)).returncode

    def asked_by_pod(self, address: str) -> int:
        """How a request ends of a pod with a network of its own."""
        with namespaces.inside(self.pod):
            return subprocess.run(_curl(address), capture_output=True, check=False, timeout=30).returncode


def _curl(address: str) -> list[str]:
    host = f"[{address}]" if ":" in address else address
    return ["curl", "--silent", "--globoff", "--max-time", "10", "--output", "/dev/null", f"http://{host}/"]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine whose rules are loaded."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not here")
    folder = tmp_path_factory.mktemp("rules")
    (folder / "served").mkdir()
    (folder / "rules.nft").write_text(metadata.rules(), encoding="utf-8")
    (tree,) = [each for each in cgroups.hierarchies() if each.kind == "cgroup2"]
    with claimed_cloud() as cloud_id:
        prefix = cloud_prefix(cloud_id)
        host, pod, outside = (f"{prefix}{name}" for name in ("host", "pod", "outside"))
        group = cgroups.Group(f"{cgroups.PREFIX}{cloud_id}/machine", (tree,)).make()
        made = Machine(host, pod, tree.path / group.name, folder / "rules.nft")
        for name in (*OWN, *OF_PODS):
            (made.group / name).mkdir(parents=True)
        try:
            _connect(host, pod, outside)
            with namespaces.inside(outside):
                server = subprocess.Popen(
                    [sys.executable, "-m", "http.server", "80", "--bind", "::", "--directory", str(folder / "served")],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            try:
                wait_for(lambda: made.asked("init.scope", IPV4) == SERVED, "the server")
                # Nothing but the rules keeps anybody away.
                assert {made.asked(OF_PODS[0], each) for each in (IPV4, IPV6)} == {SERVED}
                assert {made.asked_by_pod(each) for each in (IPV4, IPV6)} == {SERVED}
                loaded = made.nft("--file", str(made.rules))
                assert loaded.returncode == 0, loaded.stderr
                yield made
            finally:
                server.kill()
                server.wait()
        finally:
            namespaces.remove((pod, host, outside))
            cgroups.Group(f"{cgroups.PREFIX}{cloud_id}", (tree,)).remove()


def _connect(host: str, pod: str, outside: str) -> None:
    for name in (host, pod, outside):
        namespaces.make(name)
    namespaces.ip(
        [
            f"link add eth0 type veth peer name eth0 netns {outside}",
            f"link add pod0 type veth peer name eth0 netns {pod}",
            *("link set lo up", "link set eth0 up", "link set pod0 up"),
            *("address add 10.9.0.1/24 dev eth0", "address add fd00:9::1/64 dev eth0 nodad"),
            *("address add 10.8.0.1/24 dev pod0", "address add fd00:8::1/64 dev pod0 nodad"),
            *(f"route add {IPV4} via {OTHER}", f"route add {IPV6} via fd00:9::2"),
        ],
        host,
    )
    namespaces.ip(
        [
            *("link set lo up", "link set eth0 up"),
            *(f"address add {OTHER}/24 dev eth0", "address add fd00:9::2/64 dev eth0 nodad"),
            *(f"address add {IPV4}/32 dev lo", f"address add {IPV6}/128 dev lo nodad"),
            *("route add 10.8.0.0/24 via 10.9.0.1", "route add fd00:8::/64 via fd00:9::1"),
        ],
        outside,
    )
    namespaces.ip(
        [
            *("link set lo up", "link set eth0 up"),
            *("address add 10.8.0.2/24 dev eth0", "address add fd00:8::2/64 dev eth0 nodad"),
            *("route add default via 10.8.0.1", "route add ::/0 via fd00:8::1"),
        ],
        pod,
    )
    namespaces.sysctl(host, {"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1"})


@pytest.mark.parametrize("address", metadata.ADDRESSES)
@pytest.mark.parametrize(("group", "ends"), [*((each, SERVED) for each in OWN), *((each, REFUSED) for each in OF_PODS)])
def test_the_metadata_service_hears_units_and_logins_and_no_pod_in_the_hosts_network(
    machine: Machine, group: str, ends: int, address: str
) -> None:
    assert machine.asked(group, address) == ends


@pytest.mark.parametrize("address", metadata.ADDRESSES)
def test_a_pod_with_a_network_of_its_own_is_refused_at_once(machine: Machine, address: str) -> None:
    assert machine.asked_by_pod(address) == REFUSED


def test_all_other_addresses_stay_as_they_are(machine: Machine) -> None:
    assert [machine.asked(OF_PODS[0], OTHER), machine.asked_by_pod(OTHER)] == [SERVED, SERVED]


def test_loading_the_rules_again_replaces_them(machine: Machine) -> None:
    def chains() -> int:
        return machine.nft("list", "ruleset").stdout.count("\tchain ")

    assert chains() == 3
    assert machine.nft("--file", str(machine.rules)).returncode == 0
    assert chains() == 3
    assert machine.asked(OF_PODS[0], IPV4) == REFUSED


def test_an_images_build_can_ask_the_kernel_without_loading_anything(machine: Machine) -> None:
    arguments = [str(machine.rules) if each == METADATA_RULES else each for each in metadata.CHECK[1:]]
    before = machine.nft("list", "ruleset").stdout
    assert machine.nft(*arguments).returncode == 0
    assert machine.nft("list", "ruleset").stdout == before


def test_a_computer_where_the_rules_work_is_told_from_one_where_they_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert socket_groups.problem() == ""
    # As the kernels did that count a group's level from the root of all.
    deeper = metadata.rules().replace("level 1", "level 2")
    monkeypatch.setattr(metadata, "rules", lambda: deeper)
    assert "finds no socket's control group inside a namespace" in socket_groups.problem()
    monkeypatch.setattr(metadata, "rules", lambda: "broken")
    assert "cannot be loaded" in socket_groups.problem()
    monkeypatch.setattr(metadata, "rules", lambda: "add table inet open")
    assert "keep nobody away" in socket_groups.problem()


def test_rules_whose_groups_are_not_there_are_an_error_and_change_nothing(machine: Machine) -> None:
    before = machine.nft("list", "ruleset").stdout
    other = machine.rules.with_name("other.nft")
    other.write_text(metadata.rules().replace('"user.slice"', '"no.slice"'), encoding="utf-8")
    refused = machine.nft("--file", str(other))
    assert refused.returncode != 0
    assert "no.slice" in refused.stderr
    assert machine.nft("list", "ruleset").stdout == before
