"""The register of what the local AWS corrects in moto: each correction says which of moto's faults it cures.

Moto is pinned exactly. A test of each correction runs plain moto and fails when a newer moto no longer has the fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Correction:
    """One fault of moto and the function that patches it away."""

    service: str
    fault: str
    apply: Callable[[], None]


_CORRECTIONS: list[Correction] = []
_applied: set[Correction] = set()


def correction(service: str, fault: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register the decorated function as the cure of `fault`, one sentence about what plain moto gets wrong."""

    def register(apply: Callable[[], None]) -> Callable[[], None]:
        _CORRECTIONS.append(Correction(service, fault, apply))
        return apply

    return register


def corrections() -> list[Correction]:
    """All registered corrections in the order of their registration."""
    return list(_CORRECTIONS)


def apply_all() -> None:
    """Apply every registered correction that was not applied yet: patches stay for the life of the process."""
    for each in _CORRECTIONS:
        if each not in _applied:
            each.apply()
            _applied.add(each)
