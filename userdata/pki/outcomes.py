"""What storing and reading a set of keys can come to, beside what every call to AWS can. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from coordination.outcomes import Done, Known, Unknown
from userdata.pki.material import Pki


@dataclass(frozen=True)
class Mixture:
    """Another run stored something else under this epoch: the epoch is spoilt, and the next one has to be claimed."""

    item: str


@dataclass(frozen=True)
class Incomplete:
    """The epoch's set lacks something, or holds what cannot be understood. Waiting does not help."""

    reason: str


Stored: TypeAlias = Done | Mixture | Unknown
Read: TypeAlias = Known[Pki] | Incomplete | Unknown
