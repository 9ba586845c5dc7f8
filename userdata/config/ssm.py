"""Reads settings from SSM."""

from __future__ import annotations

from typing import Any, TypeAlias

from coordination.adapters.errors import AWS_ERRORS, code, unknown
from coordination.names import OIDC, POOLS, SETTINGS
from coordination.outcomes import Known, Unknown
from userdata.config.oidc import issuers
from userdata.config.settings import (
    ClusterSettings,
    InvalidSettings,
    PoolSettings,
    SettingsError,
    cluster_settings,
    pool_settings,
)
from userdata.kubeadm.oidc import OidcIssuer

_NOT_THERE = "ParameterNotFound"

ReadCluster: TypeAlias = Known[ClusterSettings] | InvalidSettings | Unknown
ReadIssuers: TypeAlias = Known[tuple[OidcIssuer, ...]] | InvalidSettings | Unknown
ReadPool: TypeAlias = Known[PoolSettings] | InvalidSettings | Unknown


def read_cluster(client: Any, prefix: str) -> ReadCluster:
    """The cluster's settings below `prefix` (`/holdfast/<uuid>`), through a client of SSM: all pages or nothing."""
    path = f"{prefix}/{SETTINGS}"
    found = _below(client, path)
    if isinstance(found, Unknown):
        return found
    try:
        return Known(cluster_settings(found.value))
    except SettingsError as error:
        return InvalidSettings(tuple(f"{path}/{problem}" for problem in error.problems))


def read_issuers(client: Any, prefix: str) -> ReadIssuers:
    """The issuers whose tokens are taken, through a client of SSM that a control plane's role lets read them."""
    path = f"{prefix}/{OIDC}"
    found = _below(client, path)
    if isinstance(found, Unknown):
        return found
    try:
        return Known(issuers(found.value))
    except SettingsError as error:
        return InvalidSettings(tuple(f"{path}/{problem}" for problem in error.problems))


def _below(client: Any, path: str) -> Known[dict[str, str]] | Unknown:
    """The parameters in a folder, by their last names: all pages or nothing."""
    found: dict[str, str] = {}
    try:
        for page in client.get_paginator("get_parameters_by_path").paginate(Path=path):
            found |= {each["Name"].rpartition("/")[2]: each["Value"] for each in page["Parameters"]}
    except AWS_ERRORS as error:
        return unknown("GetParametersByPath", error)
    return Known(found)


def read_pool(client: Any, prefix: str, pool: str) -> ReadPool:
    """A pool's settings, through a client of SSM."""
    name = f"{prefix}/{POOLS}/{pool}"
    try:
        text = client.get_parameter(Name=name)["Parameter"]["Value"]
    except AWS_ERRORS as error:
        return InvalidSettings((f"{name} is missing",)) if code(error) == _NOT_THERE else unknown("GetParameter", error)
    try:
        return Known(pool_settings(text))
    except SettingsError as error:
        return InvalidSettings(tuple(f"{name}: {problem}" for problem in error.problems))
