"""Runs the local AWS until it is told to stop: `python -m rehearsal.aws`.

When it is ready it prints one line of JSON with its endpoint, region and process id. SIGTERM and SIGINT stop it.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import sys

from rehearsal.aws.options import add_options, site
from rehearsal.aws.server import LocalAws
from rehearsal.loopback import reach_directly
from rehearsal.shutdown import shutdown_event


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m rehearsal.aws",
        description=__doc__,
        epilog="exit codes: 0 after a clean stop, 1 when the port cannot be bound, 2 for bad input",
    )
    add_options(parser)
    return parser.parse_args(argv)


def main() -> int:
    """Run until a signal; 0 after a clean stop, 1 when the port cannot be bound."""
    given = arguments()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
    reach_directly()
    stopping = shutdown_event(with_stdin=given.stop_with_stdin)
    aws = LocalAws(given.port, given.speed, given.region, given.log_dir, site(given))
    try:
        aws.start()
    except OSError as error:
        print(f"--port {given.port}: {os.strerror(error.errno or 0)}", file=sys.stderr)
        return 1
    print(json.dumps({"endpoint": aws.endpoint, "region": aws.region, "pid": os.getpid()}), flush=True)
    stopping.wait()
    aws.stop()
    # Python looks for garbage before it ends, and in all that moto has loaded this takes seconds.
    gc.freeze()
    return 0


if __name__ == "__main__":
    sys.exit(main())
