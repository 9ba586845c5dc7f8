"""Programs that run on this node, in containers too: what starts them needs no client of its runtime to be asked."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One that runs, as the node sees it."""

    number: int
    name: str
    """Of its program, without the folder."""
    arguments: Sequence[str]
    """Without the program."""
    user: int
    started: float
    """In seconds since 1970."""


def processes(root: Path, names: Collection[str]) -> Iterator[Process]:
    """Those of programs with one of these names, of the node whose folders are below `root`. One that ends while it is
    looked at is left out."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    ticks = os.sysconf("SC_CLK_TCK")
    for folder in (root / "proc").glob("[0-9]*"):
        try:
            program, *arguments = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            name = program.rpartition("/")[2]
            if name not in names:
                continue
            # Fields are counted after the name, which is in brackets and may hold anything: the 22nd of all.
            ticked = int((folder / "stat").read_text().rpartition(")")[2].split()[19])
            user = folder.stat().st_uid
        except (OSError, ValueError, IndexError):
            continue
        yield Process(int(folder.name), name, arguments, user, booted + ticked / ticks)
