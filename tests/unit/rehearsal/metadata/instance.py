"""An instance with everything that metadata can show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rehearsal.aws.sessions import Session
from rehearsal.machines.metadata.facts import Facts
from rehearsal.machines.model import Interface, Machine, MetadataOptions

ROLE = "arn:aws:iam::123456789012:role/nodes/control-plane"
PROFILE = "arn:aws:iam::123456789012:instance-profile/nodes/control-plane"
MAC = "02:00:0a:00:00:0a"
LAUNCHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SESSION = Session("role", "i-1", "ASIAKEY", "secret", "token", LAUNCHED, LAUNCHED.replace(hour=9))


def machine(**fields: Any) -> Machine:
    """The instance as EC2 holds it, with some fields changed."""
    made = Machine(
        instance_id="i-0123456789abcdef0",
        image_id="ami-1",
        instance_type="m5.large",
        region="us-east-1",
        account_id="123456789012",
        interface=Interface("eni-1", "vpc-1", "subnet-1", "us-east-1a", "10.0.0.10", MAC),
        launched_at=LAUNCHED,
        user_data=b"#!/bin/sh\n",
        instance_profile_arn=PROFILE,
        role_arn=ROLE,
        metadata=MetadataOptions(),
    )
    return replace(made, **fields)


def facts(of: Machine | None = None, **fields: Any) -> Facts:
    """Everything about the instance, with some fields changed."""
    made = Facts(
        machine=of or machine(),
        hostname="ip-10-0-0-10.ec2.internal",
        partition="aws",
        domain="amazonaws.com",
        vpc_cidrs=("10.0.0.0/16", "100.64.0.0/18"),
        subnet_cidr="10.0.0.0/24",
        zone_id="use1-az1",
        security_groups=(("sg-1", "nodes"), ("sg-2", "control-planes")),
        tags=(("Name", "node"), ("slot", "a")),
        profile_id="AIPAEXAMPLE",
        target_lifecycle_state="InService",
    )
    return replace(made, **fields)
