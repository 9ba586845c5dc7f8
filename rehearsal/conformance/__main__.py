"""`python -m rehearsal.conformance run|page`: conformance tests on a rehearsed cluster, and the page of results."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from imagebuilder.versions import VersionsError
from rehearsal.binaries.failures import BuildFailed, Missing
from rehearsal.cloud.control import Refused
from rehearsal.conformance import page, results
from rehearsal.conformance.conducting import DEFAULT, Conformance, Wanted
from rehearsal.conformance.selection import WrongSelection, groups, part
from rehearsal.local import surroundings
from rehearsal.local.processes import StepFailed
from rehearsal.machines.options import add_network
from rehearsal.output import machine_output

_MINUTES = 55.0
_EXIT_CODES = """exit codes:
  0  every case passed that was to be run
  1  a case did not pass, or something else failed
  2  the call is wrong, or this computer cannot do it
  3  the time was over before every case was run, and none failed; the command that goes on is printed
130  Ctrl-C"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run cases, or write the page."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (Missing, VersionsError, WrongSelection, surroundings.ConfigRefused, results.NoResults) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    except (StepFailed, BuildFailed, Refused, BotoCoreError, ClientError) as failed:
        print(failed, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    wide = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m rehearsal.conformance", description=__doc__, epilog=_EXIT_CODES, formatter_class=wide
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="deploy a cluster, run cases on it, delete it, and keep the results")
    run.add_argument("--config", type=Path, default=DEFAULT, help="configuration (default: %(default)s)")
    run.add_argument("--sig", default="", metavar="auth,apps", help="groups of cases (default: all five)")
    run.add_argument(
        "--cases", default="", metavar="EXPRESSION", help="only cases whose name has this in it (default: all)"
    )
    run.add_argument("--part", metavar="1/3", help="a part of the cases (default: all of them)")
    run.add_argument("--again", action="store_true", help="also cases that have passed at this commit (default: not)")
    run.add_argument(
        "--minutes", type=float, default=_MINUTES, help="when no more cases are begun (default: %(default)s)"
    )
    run.add_argument("--minor", metavar="1.37", help="the Kubernetes minor to boot (default: the newest)")
    add_network(run)
    run.add_argument("--json", action="store_true", help="what came of it as JSON, everything else as errors")
    run.set_defaults(run=_run)
    write = commands.add_parser("page", help="write docs/conformance.md of the results that are kept")
    write.set_defaults(run=_page)
    return parser


def _run(options: argparse.Namespace) -> int:
    wanted = Wanted(
        groups=groups(options.sig),
        sig=options.sig,
        pattern=options.cases,
        part=(1, 1) if options.part is None else part(options.part),
        again=options.again,
        minor=options.minor,
        network=options.network,
        until=time.monotonic() + options.minutes * 60,
    )
    with machine_output(options.json) as out:
        conformance = Conformance(options.config, wanted)
        code = conformance.rehearse()
        if options.json:
            print(json.dumps(conformance.summary()), file=out, flush=True)
    return code


def _page(_: argparse.Namespace) -> int:
    page.PAGE.write_text(page.page(results.kept()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
