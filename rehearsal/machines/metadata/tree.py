"""The metadata of one instance as paths, and how folders are listed (EC2 user guide, "Instance metadata categories").

The signed forms of the identity document are not there: nobody outside AWS has the key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime

from rehearsal.aws.sessions import Session
from rehearsal.machines.metadata.facts import Facts

Leaf = Callable[[], str | bytes]
"""Gives a value when it is asked for: credentials are made for those who read them."""
Tree = Mapping[str, Leaf]
"""Path below `latest/` -> value."""


def tree(facts: Facts, credentials: Callable[[], Session]) -> Tree:
    """Everything that an instance may read."""
    values = {**_meta_data(facts), "dynamic/instance-identity/document": _document(facts)}
    leaves: dict[str, Leaf] = {path: _constant(value) for path, value in values.items()}
    if facts.machine.user_data:
        leaves["user-data"] = _constant(facts.machine.user_data)
    role = facts.machine.role_arn
    if role is not None:
        name = role.rpartition("/")[2]
        leaves[f"meta-data/iam/security-credentials/{name}"] = lambda: _credentials(credentials())
    return leaves


def read(leaves: Tree, path: str) -> str | bytes | None:
    """What a path below `latest/` answers: a value, or the list of a folder; None where there is nothing."""
    wanted = path.strip("/")
    leaf = leaves.get(wanted)
    if leaf is not None:
        return leaf()
    prefix = f"{wanted}/" if wanted else ""
    names = {
        f"{name}{more}"
        for each in leaves
        if each.startswith(prefix)
        for name, more, _ in [_split(each, prefix)]
        if name
    }
    return "\n".join(sorted(names)) if names else None


def _split(path: str, prefix: str) -> tuple[str, str, str]:
    return path.removeprefix(prefix).partition("/")


def _constant(value: str | bytes) -> Leaf:
    return lambda: value


def _meta_data(facts: Facts) -> dict[str, str | bytes]:
    machine, interface = facts.machine, facts.machine.interface
    card = f"network/interfaces/macs/{interface.mac}"
    values = {
        "ami-id": machine.image_id,
        "ami-launch-index": "0",
        "hostname": facts.hostname,
        "instance-action": "none",
        "instance-id": machine.instance_id,
        "instance-life-cycle": "on-demand",
        "instance-type": machine.instance_type,
        "local-hostname": facts.hostname,
        "local-ipv4": interface.address,
        "mac": interface.mac,
        "placement/availability-zone": interface.zone,
        "placement/availability-zone-id": facts.zone_id,
        "placement/region": machine.region,
        "security-groups": "\n".join(name for _, name in facts.security_groups),
        "services/domain": facts.domain,
        "services/partition": facts.partition,
        f"{card}/device-number": "0",
        f"{card}/interface-id": interface.interface_id,
        f"{card}/local-hostname": facts.hostname,
        f"{card}/local-ipv4s": interface.address,
        f"{card}/mac": interface.mac,
        f"{card}/owner-id": machine.account_id,
        f"{card}/security-group-ids": "\n".join(group_id for group_id, _ in facts.security_groups),
        f"{card}/security-groups": "\n".join(name for _, name in facts.security_groups),
        f"{card}/subnet-id": interface.subnet_id,
        f"{card}/subnet-ipv4-cidr-block": facts.subnet_cidr,
        f"{card}/vpc-id": interface.vpc_id,
        f"{card}/vpc-ipv4-cidr-block": facts.vpc_cidrs[0],
        f"{card}/vpc-ipv4-cidr-blocks": "\n".join(facts.vpc_cidrs),
    }
    if facts.target_lifecycle_state is not None:
        values["autoscaling/target-lifecycle-state"] = facts.target_lifecycle_state
    if machine.instance_profile_arn is not None:
        values["iam/info"] = _json(
            {
                "Code": "Success",
                "LastUpdated": _second(machine.launched_at),
                "InstanceProfileArn": machine.instance_profile_arn,
                "InstanceProfileId": facts.profile_id,
            }
        )
    if machine.metadata.tags:
        values |= {f"tags/instance/{key}": value for key, value in facts.tags}
    return {f"meta-data/{path}": value for path, value in values.items()}


def _document(facts: Facts) -> str:
    machine = facts.machine
    return _json(
        {
            "accountId": machine.account_id,
            "architecture": "x86_64",
            "availabilityZone": machine.interface.zone,
            "billingProducts": None,
            "devpayProductCodes": None,
            "marketplaceProductCodes": None,
            "imageId": machine.image_id,
            "instanceId": machine.instance_id,
            "instanceType": machine.instance_type,
            "kernelId": None,
            "pendingTime": _second(machine.launched_at),
            "privateIp": machine.interface.address,
            "ramdiskId": None,
            "region": machine.region,
            "version": "2017-09-30",
        }
    )


def _credentials(session: Session) -> str:
    return _json(
        {
            "Code": "Success",
            "LastUpdated": _second(session.issued_at),
            "Type": "AWS-HMAC",
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret_access_key,
            "Token": session.session_token,
            "Expiration": _second(session.expires_at),
        }
    )


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, indent=2)


def _second(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
