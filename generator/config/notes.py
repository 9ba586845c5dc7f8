"""What is accepted, and may not be what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from generator.config.model import ClusterConfig
from generator.config.problem import Note
from generator.config.rules import addresses

# Addresses that nobody on the internet has: RFC 1918, the shared space of RFC 6598 and the one for benchmarks of
# RFC 2544, both of which AWS's own guides take for pods.
_PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15")))


def notes_on(config: ClusterConfig) -> Iterator[Note]:
    """Everything that a person should look at again, of a configuration that the rules accept."""
    for path, text in addresses.texts(config).items():
        if not any(IPv4Network(text).subnet_of(area) for area in _PRIVATE):
            yield Note(
                path=path,
                text=f"{text} is no private range; where others have these addresses, nodes and pods cannot reach them",
            )
