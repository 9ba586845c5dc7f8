"""Domains of AWS that every VPC resolves: used by the network layer and by the rules."""

from __future__ import annotations

from generator.config.model import Partition

# What instances are called inside of a VPC, in us-east-1 and elsewhere (EC2 user guide, "EC2 instance hostnames and
# domains"). Nobody can register below `.internal`, which ICANN keeps for private use. A pod's search path ends with
# one of them, so each name is also asked for with it behind.
INSTANCE_NAMES = ("*.compute.internal", "*.ec2.internal")

# Templates are generated for them, and nobody has deployed one.
UNPROVEN: frozenset[Partition] = frozenset({"aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"})
