"""A figure beside its bound. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.bench.spread import Spread


@dataclass(frozen=True)
class Figure:
    """A figure, its bound, and what both are made of; None as bound where it is only stated."""

    name: str
    spread: Spread
    bound: float | None
    bound_is: str

    @property
    def is_within(self) -> bool:
        """Whether the median keeps the bound."""
        return self.bound is None or self.spread.median <= self.bound

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "name": self.name,
            "seconds": list(self.spread.values),
            "median": self.spread.median,
            "bound": self.bound,
            "bound_is": self.bound_is,
            "within": self.is_within,
        }

    def __str__(self) -> str:
        limit = "stated" if self.bound is None else f"at most {self.bound:.2f} s = {self.bound_is}"
        return f"{self.name:<44} {self.spread}  ({limit}){'' if self.is_within else '  OUT OF BOUNDS'}"
