"""Which cluster a template was made for, and by what: read from its Metadata, and held against a living stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coordination.names import IDENTITY_METADATA, Identity
from deployment.templates import Body

_METADATA = "Metadata"


@dataclass(frozen=True)
class Origin:
    """What made a template."""

    cluster: str
    configuration: str
    """SHA-256 of the configuration, as 64 hexadecimal digits."""
    version: str
    commit: str = ""
    """Of a packaged root: as `git describe` writes it, with -dirty; empty where it was made outside a checkout."""
    partition: str = ""
    """Of AWS, such as aws-cn; empty in templates that are older than this."""


def of(body: Mapping[str, Any]) -> Origin | None:
    """What the template's Metadata says; None for a template that is not ours, or older than this."""
    said = _metadata(body).get(IDENTITY_METADATA)
    if not isinstance(said, Mapping) or not said.get(Identity.CLUSTER):
        return None
    return Origin(
        cluster=str(said[Identity.CLUSTER]),
        configuration=str(said.get(Identity.CONFIGURATION, "")),
        version=str(said.get(Identity.VERSION, "")),
        commit=str(said.get(Identity.COMMIT, "")),
        partition=str(said.get(Identity.PARTITION, "")),
    )


def without(body: Body) -> Body:
    """The same template, which does not say what made it."""
    if IDENTITY_METADATA not in _metadata(body):
        return body
    rest = {key: part for key, part in body[_METADATA].items() if key != IDENTITY_METADATA}
    others = {key: part for key, part in body.items() if key != _METADATA}
    return others | ({_METADATA: rest} if rest else {})


def with_commit(body: Body, commit: str) -> Body:
    """The same root template, which says at which commit it was packaged."""
    said = _metadata(body).get(IDENTITY_METADATA)
    if not commit or not isinstance(said, Mapping):
        return body
    return body | {_METADATA: body[_METADATA] | {IDENTITY_METADATA: {**said, Identity.COMMIT.value: commit}}}


def _metadata(body: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = body.get(_METADATA)
    return metadata if isinstance(metadata, Mapping) else {}
