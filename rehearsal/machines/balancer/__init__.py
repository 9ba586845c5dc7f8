"""Network load balancers that really balance: what the local ELBv2 holds, played by a process for each."""

from rehearsal.machines.balancer.balancers import Balancers

__all__ = ["Balancers"]
