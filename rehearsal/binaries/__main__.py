"""`python -m rehearsal.binaries`: make the machine images of rehearsals, or look after their cache."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence

from imagebuilder import versions
from imagebuilder.versions import Release, VersionsError
from rehearsal.binaries import golang, images
from rehearsal.binaries.failures import BuildFailed, Missing
from rehearsal.binaries.lock import lock
from rehearsal.binaries.store import Store, cache_folder, to_stderr
from rehearsal.binaries.units import HERE, all_units
from rehearsal.machines.model import PodNetwork
from rehearsal.machines.options import add_network


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 1 when a build failed or entries of the cache are damaged, 2 when this computer lacks something."""
    parser = argparse.ArgumentParser(
        prog="python -m rehearsal.binaries",
        description=__doc__,
        epilog="exit codes: 0 done, 1 a build failed or the cache is damaged, 2 something is missing here, 130 Ctrl-C",
    )
    parser.add_argument(
        "--minor", action="append", metavar="1.37", help="only this Kubernetes minor; may be repeated (default: all)"
    )
    parser.add_argument("--newest", action="store_true", help="only the newest Kubernetes minor")
    add_network(parser)
    parser.add_argument("--json", action="store_true", help="print where the images are, as JSON")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--verify", action="store_true", help="read every file of the cache, and say which is damaged")
    action.add_argument(
        "--prune", type=float, metavar="DAYS", help="remove what no run used for so many days (default: nothing)"
    )
    action.add_argument("--lock", action="store_true", help="write every go.mod and go.sum anew from versions.json")
    options = parser.parse_args(arguments)
    try:
        if options.verify:
            return _verify()
        if options.prune is not None:
            return _prune(options.prune)
        if options.lock:
            return _lock()
        known = versions.read()
        releases = [known.release(minor) for minor in options.minor or [each.minor for each in known.releases]]
        return _make([known.newest] if options.newest else releases, options.network, as_json=options.json)
    except (BuildFailed, VersionsError, OSError) as failed:
        print(failed, file=sys.stderr)
        return 1
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _make(releases: Sequence[Release], network: PodNetwork, *, as_json: bool) -> int:
    started = time.monotonic()
    making = images.maker()
    made = [(release.minor, making.image(release, network)) for release in releases]
    seconds = round(time.monotonic() - started, 2)
    if as_json:
        listed = [
            {
                "minor": minor,
                "kubernetes": each.kubernetes,
                "layer": str(each.layer),
                "containerd": str(each.containerd),
            }
            for minor, each in made
        ]
        print(json.dumps({"images": listed, "seconds": seconds}))
    else:
        for _, each in made:
            print(f"Kubernetes {each.kubernetes}: {each.layer}, {each.containerd}")
        print(f"{seconds} s")
    return 0


def _verify() -> int:
    damaged = list(Store(cache_folder(), to_stderr).damaged())
    for entry, fault in damaged:
        print(f"{entry}: {fault}")
    return 1 if damaged else 0


def _prune(days: float) -> int:
    for entry in Store(cache_folder(), to_stderr).prune(days):
        print(f"removed {entry}")
    return 0


def _lock() -> int:
    # A module that is not written yet asks for no version: Go itself says when it is too old for one.
    go = golang.find(HERE, "1.21")
    for unit in all_units(versions.read()):
        if unit.requires:
            lock(unit, go)
            print(unit.folder)
    return 0


if __name__ == "__main__":
    # Whoever ends us by a signal gets the same cleaning up as Ctrl-C.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
