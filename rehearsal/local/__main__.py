"""`python -m rehearsal.local [CONFIG] [--keep]`."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.local.processes import Processes, StepFailed
from rehearsal.local.steps import Rehearsal
from rehearsal.local.surroundings import ConfigRefused

_WORK = Path(".cache/local")


def main(arguments: Sequence[str] | None = None) -> int:
    """One rehearsal; 0 when every step succeeded, 2 for a configuration that is refused, 130 after Ctrl-C.

    Logs and templates are kept when a step failed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m rehearsal.local",
        description="Deploys a cluster on the local AWS, and deletes it again.",
        epilog="exit codes: 0 done, 1 a step failed (logs are kept), 2 bad input, 130 Ctrl-C",
    )
    example = Path("examples/default.yaml")
    parser.add_argument("config", nargs="?", type=Path, default=example, help="configuration (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave it running until Ctrl-C")
    options = parser.parse_args(arguments)
    _WORK.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{options.config.stem}-", dir=_WORK)).resolve()
    try:
        with Processes(folder) as processes:
            rehearsal = Rehearsal(options.config, folder, processes)
            rehearsal.deploy()
            rehearsal.show(kept=options.keep)
            if options.keep:
                said = "running, with a program in the place of each node (make rehearse boots nodes); Ctrl-C stops it"
                print(said, flush=True)
                with contextlib.suppress(KeyboardInterrupt):
                    signal.pause()
            else:
                rehearsal.delete()
                given = "" if options.config == example else f" CONFIG={shlex.quote(str(options.config))}"
                print(f"to leave it running: make local KEEP=1{given}", flush=True)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        shutil.rmtree(folder)
        return 130
    except ConfigRefused as refused:
        print(refused, file=sys.stderr)
        shutil.rmtree(folder)
        return 2
    except (StepFailed, BotoCoreError, ClientError) as failed:
        print(f"{failed}\nlogs: {os.path.relpath(folder)}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
