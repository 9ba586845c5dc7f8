"""The command line that every program takes which runs a local AWS, and what it says of the site."""

from __future__ import annotations

import argparse
from pathlib import Path

from rehearsal.aws.site import Site


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where it listens, how fast its clock runs, where it keeps logs, what it plays, and when it ends."""
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--speed", type=_speed, default=1.0, help="how fast the clock runs (default: %(default)s, real time)"
    )
    parser.add_argument("--region", default="us-east-1", help="where a request names none (default: %(default)s)")
    parser.add_argument("--log-dir", type=Path, help="folder for the logs of functions (default: none are kept)")
    parser.add_argument("--fresh-account", action="store_true", help="no Auto Scaling group was ever made here")
    parser.add_argument(
        "--sizes-go-back", action="store_true", help="updates put a group without DesiredCapacity back to MinSize"
    )
    parser.add_argument(
        "--processes-stay", action="store_true", help="processes that a failed rolling update suspended stay so"
    )
    parser.add_argument(
        "--slow-targets", action="store_true", help="balancers check a new target three minutes after its registration"
    )
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input is closed")


def site(options: argparse.Namespace) -> Site:
    """The site that the command line describes."""
    return Site(options.fresh_account, options.sizes_go_back, options.processes_stay, options.slow_targets)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if speed <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: a number greater than 0")
    return speed
