"""Output for programs, apart from what people read."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO


@contextlib.contextmanager
def machine_output(wanted: bool) -> Iterator[IO[str]]:
    """Standard output, for machines alone where that is wanted: what people read goes to standard error, and what
    programs print that are started here, too."""
    if not wanted:
        yield sys.stdout
        return
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(saved, "w", encoding="utf-8") as out:
            yield out
    finally:
        sys.stdout.flush()
