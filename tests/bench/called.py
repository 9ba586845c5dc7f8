"""Calls the function as Lambda does, in a process that has imported nothing of it: a cold start and two passes.

Prints what the function prints, and at the end one line of JSON: milliseconds of CPU of the imports, MiB at the end. It
runs by its path, in the folder of the unpacked zip.
"""

from __future__ import annotations

import json
import os
import resource
import time

SCHEDULE = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


class Context:
    """Lambda's context, as far as the function uses it."""

    def get_remaining_time_in_millis(self) -> int:
        """There is always time left."""
        return 60_000


def main() -> None:
    """One cold start."""
    # CPU time, for the clock says little on a busy computer: an import waits for nothing but its files.
    began = time.process_time()
    from functions.reconcile import handler

    imported = time.process_time()
    from functions.reconcile import wiring
    from functions.reconcile.settings import settings

    wiring.connect(settings(os.environ), Context())
    connected = time.process_time()
    for _ in range(2):
        handler.handle(SCHEDULE, Context())
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = {
        "handler": round((imported - began) * 1000, 1),
        "clients": round((connected - began) * 1000, 1),
        "memory_mib": round(peak_kib / 1024, 1),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
