"""The DNS that instances ask: private hosted zones, and the names of balancers and instances; there are no others."""

from rehearsal.machines.network.dns.server import Dns

__all__ = ["Dns"]
