"""How far the metadata service's tokens go, by the instance's hop limit."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rehearsal.machines.network import namespaces
from tests.machines.services.harness import ServicesHarness

# Every rehearsal needs what is tested here, so what breaks it shows in CI; why it does shows here.
pytestmark = pytest.mark.slow

PUT = (
    "curl",
    "--silent",
    "--max-time",
    "2",
    "--request",
    "PUT",
    "--header",
    "X-aws-ec2-metadata-token-ttl-seconds: 60",
    "http://169.254.169.254/latest/api/token",
)
SERVED = 0
TIMED_OUT = 28
"""How curl ends (curl(1), "Exit codes")."""


@contextmanager
def containers(host: str, hops: int) -> Iterator[list[str]]:
    """Namespaces in a row behind an instance, each one hop further away, masqueraded as containers are."""
    made: list[str] = []
    try:
        for number in range(hops):
            outer, inner = made[-1] if made else host, f"{host}-{number}"
            namespaces.make(inner)
            made.append(inner)
            namespaces.ip(
                [
                    f"link add pod{number} type veth peer name eth0 netns {inner}",
                    f"address add 192.168.{number}.1/24 dev pod{number}",
                    f"link set pod{number} up",
                ],
                outer,
            )
            namespaces.ip(
                [
                    f"address add 192.168.{number}.2/24 dev eth0",
                    "link set eth0 up",
                    f"route add default via 192.168.{number}.1",
                ],
                inner,
            )
            namespaces.sysctl(outer, {"ipv4/ip_forward": "1"})
            chain = "type nat hook postrouting priority 100; oifname eth0 masquerade;"
            namespaces.nft(f"table ip pods {{ chain out {{ {chain} }}; }}", outer)
        yield made
    finally:
        namespaces.remove(reversed(made))


def ends(harness: ServicesHarness, namespace: str) -> int:
    """How a request for a token ends there."""
    done: subprocess.CompletedProcess[str] = harness.run(*PUT, namespace=namespace)
    assert bool(done.stdout) == (done.returncode == SERVED)
    return done.returncode


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_token_goes_as_many_hops_as_the_limit_says(harness: ServicesHarness, limit: int) -> None:
    instance_id = harness.launch(HttpPutResponseHopLimit=limit)
    instance = harness.fabric.attach(harness.machine(instance_id).interface)
    with containers(instance, 3) as inner:
        # The instance itself is the first hop.
        reached = [ends(harness, each) for each in (instance, *inner)]
    assert reached == [SERVED] * limit + [TIMED_OUT] * (4 - limit)
    harness.fabric.detach(harness.machine(instance_id).interface.interface_id)


def test_a_changed_limit_counts_at_once(harness: ServicesHarness) -> None:
    instance_id = harness.launch()
    instance = harness.fabric.attach(harness.machine(instance_id).interface)
    with containers(instance, 1) as (inner,):
        assert ends(harness, inner) == TIMED_OUT
        harness.ec2.modify_instance_metadata_options(
            InstanceId=instance_id, HttpPutResponseHopLimit=2, HttpTokens="required", HttpEndpoint="enabled"
        )
        assert ends(harness, inner) == SERVED
    harness.fabric.detach(harness.machine(instance_id).interface.interface_id)
