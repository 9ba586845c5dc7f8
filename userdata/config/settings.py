"""The cluster's settings and the pools', as CloudFormation writes them into SSM. Pure; `ssm` reads them."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass

from coordination.names import (
    ACCESS_SETTINGS,
    AccessGroup,
    Addon,
    AddonField,
    Encryption,
    PoolField,
    Setting,
)
from userdata.kubeadm.cluster import LEAST_ETCD_VOLUME_GIB
from userdata.kubeadm.node import Taint


class SettingsError(ValueError):
    """Settings that CloudFormation would not have written so; each of `problems` is one line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class InvalidSettings:
    """The settings were read, and are wrong or not complete: one line for each problem. Waiting does not help."""

    problems: tuple[str, ...]


@dataclass(frozen=True)
class ClusterSettings:
    """What holds for all nodes."""

    cluster_id: str
    """The root stack's id."""
    cluster_name: str
    api_endpoint: str
    api_extra_names: tuple[str, ...]
    slots: int
    pod_cidr: str
    service_cidr: str
    etcd_volume_gib: int
    privileged_namespaces: tuple[str, ...]
    """Besides kube-system, where pods may be privileged."""
    encryption: Encryption
    """Of what pods on different nodes send each other."""
    backup_bucket: str
    key_arn: str
    control_plane_log_group: str
    worker_log_group: str
    audit_log_group: str
    """Of the audit logs of all control planes."""
    control_plane_stack: str
    """The id of the stack that waits for the control planes' signals."""
    autoscaler_role: str
    """The ARN of the role that the agent assumes for the cluster-autoscaler."""
    listed: Mapping[AccessGroup, tuple[str, ...]]
    """The ARNs of roles and users that may ask for a certificate of a group."""
    access_table: str
    """The name of the table in which they ask."""
    tags: Mapping[str, str]
    """The organisation's, for what nodes create."""
    startup_taints: tuple[str, ...]
    """The keys of taints of pools that something removes, besides those that the autoscaler knows by themselves."""
    addons: frozenset[Addon] = frozenset()
    """Those that the cluster has by its configuration."""
    ebs_csi_role: str = ""
    """The ARN of the role that the agent assumes for the EBS CSI driver; empty where the cluster does not have it."""


@dataclass(frozen=True)
class PoolSettings:
    """What holds for the workers of a pool."""

    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    """Those that a Node keeps."""
    startup_taints: tuple[Taint, ...]
    """Those that a Node registers with, and something removes."""
    stack: str
    """The id of the stack that waits for the workers' signals, and the logical id of the group in it."""
    group: str


def cluster_settings(found: Mapping[str, str]) -> ClusterSettings:
    """The settings that these parameters hold. Raises SettingsError with every problem at once."""
    problems = [f"{name} is missing" for name in Setting if not found.get(name)]
    problems += [
        f"{name} is {found[name][:80]!r}, allowed: a whole number from {least}"
        for name, least in ((Setting.CONTROL_PLANE_SLOTS, 1), (Setting.ETCD_VOLUME_GIB, LEAST_ETCD_VOLUME_GIB))
        if found.get(name) and not (found[name].isdecimal() and int(found[name]) >= least)
    ]
    problems += [
        f"{name} is {found[name][:80]!r}, allowed: a range such as 10.0.0.0/16"
        for name in (Setting.POD_CIDR, Setting.SERVICE_CIDR)
        if found.get(name) and not _is_range(found[name])
    ]
    encryption = found.get(Setting.NETWORK_ENCRYPTION)
    if encryption and encryption not in set(Encryption):
        allowed = " or ".join(Encryption)
        problems.append(f"{Setting.NETWORK_ENCRYPTION} is {encryption[:80]!r}, allowed: {allowed}")
    tags = _tags(found.get(Setting.TAGS, ""))
    if found.get(Setting.TAGS) and tags is None:
        problems.append(f"{Setting.TAGS} is {found[Setting.TAGS][:80]!r}, allowed: a JSON object of texts")
    addons = _addons(found.get(Setting.ADDONS, ""))
    if found.get(Setting.ADDONS) and addons is None:
        allowed = f"a JSON object by {', '.join(Addon)}, {Addon.EBS_CSI} with its {AddonField.ROLE}"
        problems.append(f"{Setting.ADDONS} is {found[Setting.ADDONS][:80]!r}, allowed: {allowed}")
    if problems:
        raise SettingsError(problems)
    chosen = addons or {}
    return ClusterSettings(
        cluster_id=found[Setting.CLUSTER_ID],
        cluster_name=found[Setting.CLUSTER_NAME],
        api_endpoint=found[Setting.API_ENDPOINT],
        api_extra_names=_listed(found[Setting.API_EXTRA_NAMES]),
        slots=int(found[Setting.CONTROL_PLANE_SLOTS]),
        pod_cidr=found[Setting.POD_CIDR],
        service_cidr=found[Setting.SERVICE_CIDR],
        etcd_volume_gib=int(found[Setting.ETCD_VOLUME_GIB]),
        privileged_namespaces=_listed(found[Setting.PRIVILEGED_NAMESPACES]),
        encryption=Encryption(found[Setting.NETWORK_ENCRYPTION]),
        backup_bucket=found[Setting.BACKUP_BUCKET],
        key_arn=found[Setting.KEY_ARN],
        control_plane_log_group=found[Setting.CONTROL_PLANE_LOG_GROUP],
        worker_log_group=found[Setting.WORKER_LOG_GROUP],
        audit_log_group=found[Setting.AUDIT_LOG_GROUP],
        control_plane_stack=found[Setting.CONTROL_PLANE_STACK],
        autoscaler_role=found[Setting.AUTOSCALER_ROLE],
        access_table=found[Setting.ACCESS_TABLE],
        tags=tags or {},
        startup_taints=_listed(found[Setting.STARTUP_TAINTS]),
        listed={group: _listed(found[setting]) for group, setting in ACCESS_SETTINGS.items()},
        addons=frozenset(chosen),
        ebs_csi_role=chosen.get(Addon.EBS_CSI, {}).get(AddonField.ROLE, ""),
    )


def pool_settings(text: str) -> PoolSettings:
    """The settings that a pool's parameter holds. Raises SettingsError."""
    try:
        found = json.loads(text)
        taints, startup_taints = (
            tuple(Taint(each["key"], each["effect"], each["value"]) for each in found[name])
            for name in (PoolField.TAINTS, PoolField.STARTUP_TAINTS)
        )
        labels = dict(found[PoolField.LABELS])
        settings = PoolSettings(labels, taints, startup_taints, found[PoolField.STACK], found[PoolField.GROUP])
    except KeyError as error:
        raise SettingsError([f"{error.args[0]} is missing"]) from error
    except (ValueError, TypeError) as error:
        raise SettingsError([f"it cannot be understood: {type(error).__name__} {error}"]) from error
    texts = [*settings.labels, *settings.labels.values(), settings.stack, settings.group]
    texts += [part for taint in (*taints, *startup_taints) for part in (taint.key, taint.effect, taint.value)]
    if not all(isinstance(part, str) for part in texts):
        raise SettingsError(["a label, a taint, the stack or the group is no text"])
    return settings


def _listed(text: str) -> tuple[str, ...]:
    """A list of names. SSM takes no empty value, so a comma that divides nothing stands for none."""
    return tuple(name for name in text.split(",") if name)


def _tags(text: str) -> Mapping[str, str] | None:
    """The tags by their keys; None where the text holds none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        return None
    return found


def _addons(text: str) -> Mapping[Addon, Mapping[str, str]] | None:
    """What each add-on is told, by the add-on; None where the text says something else. A later release may have more
    add-ons."""
    try:
        found = json.loads(text)
        chosen = {Addon(name): dict(told) for name, told in found.items() if name in set(Addon)}
    except (ValueError, TypeError, AttributeError):
        return None
    role = chosen.get(Addon.EBS_CSI, {AddonField.ROLE: "none"}).get(AddonField.ROLE)
    return chosen if isinstance(role, str) and role else None


def _is_range(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
