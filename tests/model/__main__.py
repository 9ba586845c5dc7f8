"""`python -m tests.model`: explores every model of the suite on all processors, and prints how many states it saw."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Mapping
from typing import Any

from tests.model import suite
from tests.model.explorer import Result, explore

SUITES: dict[str, Mapping[str, Any]] = {
    "founding": {**suite.FOUNDING_QUICK, **suite.FOUNDING_LONG},
    "restoring": {**suite.RESTORING_QUICK, **suite.RESTORING_LONG},
    "exclusion": {**suite.EXCLUSION_QUICK, **suite.EXCLUSION_LONG},
    "membership": {**suite.MEMBERSHIP_QUICK, **suite.MEMBERSHIP_LONG},
}


def run(case: tuple[str, str]) -> tuple[str, Result[Any]]:
    """Explore one model; a process of its own, so that its memory is given back."""
    subject, name = case
    return f"{subject}: {name}", explore(SUITES[subject][name])


def main() -> int:
    """Explore and print; 1 where a promise is broken, or a model is too large to be seen whole."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.model",
        description=(__doc__ or "").splitlines()[0],
        epilog="exit codes: 0 every promise holds, 1 one is broken or a model is too large, 2 bad input",
    )
    parser.add_argument(
        "words", nargs="*", help="explore only models with all of these words in their names (default: all models)"
    )
    words = parser.parse_args().words
    cases = [(subject, name) for subject, models in SUITES.items() for name in models]
    chosen = [case for case in cases if all(word in ": ".join(case) for word in words)]
    failed, states = False, 0
    with multiprocessing.Pool(maxtasksperchild=1) as pool:
        # The long ones first, so that no processor is left alone with one of them.
        for name, result in pool.imap_unordered(run, reversed(chosen), chunksize=1):
            states += result.states
            whole = "" if result.complete else ", and there are more"
            print(f"{result.states:>8} states {result.seconds:6.1f} s  {name}{whole}", flush=True)
            if result.violation is not None:
                print(result.violation, flush=True)
            failed = failed or result.violation is not None or not result.complete
    print(f"{states:>8} states in {len(chosen)} models")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
