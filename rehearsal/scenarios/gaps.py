"""The longest times in which no write was acknowledged. Pure; all times are seconds on one clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Gap:
    """From one acknowledgement to the next one."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start


def gaps(acknowledged: Iterable[float], begun: float, ended: float) -> Iterator[Gap]:
    """All gaps, in order. Begin and end count as acknowledgements: a writer that got nothing has one gap."""
    inside = (moment for moment in acknowledged if begun <= moment <= ended)
    return (Gap(start, end) for start, end in pairwise([begun, *sorted(inside), ended]))


def largest(found: Sequence[Gap], start: float, end: float) -> Gap | None:
    """The largest gap of which a part lies between two moments, None where there is none; the first of equal ones."""
    return max((gap for gap in found if gap.start < end and gap.end > start), key=lambda gap: gap.seconds, default=None)
