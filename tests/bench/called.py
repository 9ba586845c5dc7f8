"""Calls the function as Lambda does, in a process that has imported nothing of it: a cold start and two calls.

Prints what the function prints, and at the end one line of JSON: milliseconds of CPU of the import, milliseconds of
both calls, MiB at the end. It runs by its path, in the folder of the unpacked zip.
"""

from __future__ import annotations

import json
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

    said = {"import": (time.process_time() - began) * 1000}
    for name in ("first_call", "warm_call"):
        called = time.perf_counter()
        handler.handle(SCHEDULE, Context())
        said[name] = (time.perf_counter() - called) * 1000
    said["memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(said))


if __name__ == "__main__":
    main()
