"""What a configuration leaves out, and gets all the same, so that it is told."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from generator.config.model import ClusterConfig
from generator.config.problem import Note


def notes(config: ClusterConfig, stated: Collection[str]) -> Iterator[Note]:
    """Of a configuration without pools: those that it gets. `stated` are the paths of the settings that it has."""
    if "pools" not in stated:
        made = ", ".join(
            f"{each.name} ({each.instance_type}, {each.min_size} to {each.max_size})" for each in config.pools
        )
        yield Note(path="pools", text=f"not given, so there is one pool, {made}")
