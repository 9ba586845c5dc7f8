"""What reading the join data can come to, beside what every call to AWS can. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from coordination.outcomes import Known, Unknown
from userdata.join.data import JoinData


@dataclass(frozen=True)
class Unreadable:
    """Something is stored that is no join data. Only another publication helps."""

    reason: str


Read: TypeAlias = Known[JoinData | None] | Unreadable | Unknown
