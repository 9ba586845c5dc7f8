"""The command line that every program takes which runs a local AWS."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where it listens, how fast its clock runs, where it keeps logs, and when it ends."""
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one (default)")
    parser.add_argument("--speed", type=_speed, default=1.0, help="how many times as fast as real time the clock runs")
    parser.add_argument("--region", default="us-east-1", help="region where a request's signature names none")
    parser.add_argument("--log-dir", type=Path, help="folder for the logs of functions")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input is closed")


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if speed <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: a number greater than 0")
    return speed
