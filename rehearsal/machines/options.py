"""What every program on the command line takes that boots machines."""

from __future__ import annotations

import argparse

from rehearsal.machines.model import PodNetwork


def add_network(parser: argparse.ArgumentParser) -> None:
    """What carries pods' packets."""
    parser.add_argument(
        "--network",
        type=_network,
        default=PodNetwork.BRIDGE,
        metavar="|".join(PodNetwork),
        help="what carries pods' packets (default: %(default)s)",
    )


def _network(text: str) -> PodNetwork:
    try:
        return PodNetwork(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: {', '.join(PodNetwork)}") from error
