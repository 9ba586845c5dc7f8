"""What is known of a backup of etcd."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Backup:
    """A backup that was read back and verified; `taken_at` is in seconds since 1970."""

    name: str
    taken_at: int
