"""The cuts of a network, in one of this test's own: what they drop, and that they can be taken back."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.storm.full.machines import AWS, MEMBERS, cutting, healing

SERVER = "import socket; s = socket.create_server(('', {port})); s.settimeout(20); s.accept()"
CLIENT = "import socket; socket.create_connection(('{host}', {port}), 1)"


@pytest.fixture(autouse=True)
def network() -> None:
    """Skip where there is no right to make networks, or no nftables."""
    if os.geteuid() != 0 or shutil.which("nft") is None or shutil.which("unshare") is None:
        pytest.skip("cutting a network needs root, nft and unshare")


def run(script: str) -> subprocess.CompletedProcess[str]:
    """A shell in a network of its own that has nothing but `lo`."""
    command = ["unshare", "--net", "sh", "-euc", f"ip link set lo up\n{script}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def nft(commands: str) -> str:
    return f"nft --file - <<'END'\n{commands}END\n"


@pytest.mark.machines
@pytest.mark.parametrize("what", [MEMBERS, AWS])
def test_a_cut_is_made_once_and_taken_back_once(what: str) -> None:
    assert run(nft(cutting(what)) + nft(healing(what)) + nft(cutting(what))).returncode == 0
    assert run(nft(cutting(what)) + nft(cutting(what))).returncode != 0
    assert run(nft(healing(what))).returncode != 0


@pytest.mark.machines
@pytest.mark.parametrize(
    ("what", "port", "passes"),
    [(MEMBERS, 2379, False), (MEMBERS, 2380, False), (MEMBERS, 443, True), (AWS, 443, False), (AWS, 2379, True)],
)
def test_a_cut_drops_what_it_names_and_nothing_else(what: str, port: int, passes: bool) -> None:
    # Two ends of a cable: the other one is in a network of its own.
    script = f"""
        ip link add near type veth peer name far
        unshare --net sleep 30 & other=$!
        sleep 0.2
        ip link set far netns $other
        ip addr add 10.9.9.1/24 dev near && ip link set near up
        nsenter --net=/proc/$other/ns/net sh -c 'ip addr add 10.9.9.2/24 dev far && ip link set far up'
        nsenter --net=/proc/$other/ns/net python3 -c "{SERVER.format(port=port)}" & server=$!
        sleep 0.7
{nft(cutting(what))}
        code=0
        python3 -c "{CLIENT.format(host="10.9.9.2", port=port)}" || code=$?
        kill $other $server || true
        exit $code
    """
    done = run(script)
    assert (done.returncode == 0) is passes, done.stderr
