"""Repetitions of one measurement: the median, and how far they lie apart. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from math import nan


class Spread:
    """`values` in the order in which they were measured, in seconds."""

    def __init__(self, values: Iterable[float]) -> None:
        self.values = tuple(values)

    @property
    def median(self) -> float:
        """The median; not a number where nothing was measured, and so within no bound."""
        return statistics.median(self.values) if self.values else nan

    def __str__(self) -> str:
        return f"{self.median:8.2f} s  [{' '.join(f'{value:.2f}' for value in sorted(self.values))}]"
