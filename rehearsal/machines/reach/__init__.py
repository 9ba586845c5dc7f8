"""Which services instances can reach: those that an endpoint of their VPC leads to, and no other."""

from rehearsal.machines.reach.guard import Reach

__all__ = ["Reach"]
