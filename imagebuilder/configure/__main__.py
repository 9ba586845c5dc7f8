"""`python -m imagebuilder.configure --root DIR --sandbox-image NAME [--step NAME …]`: write the configuration of a
machine image, or a part of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from imagebuilder.configure import STEPS, CgroupDriver, Settings, entries, write


def main(arguments: Sequence[str] | None = None) -> int:
    """Write everything below the root and print its paths. 1 where it cannot be written."""
    parser = argparse.ArgumentParser(
        prog="python -m imagebuilder.configure",
        description="Writes the configuration of a machine image below a root.",
        epilog="exit codes: 0 written, 1 it cannot be written, 2 bad input",
    )
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help="where the image's / is")
    parser.add_argument("--sandbox-image", required=True, metavar="NAME", help="kubeadm's pause image")
    drivers = get_args(CgroupDriver)
    parser.add_argument(
        "--cgroup-driver", choices=drivers, default="systemd", help="of kubelet and containerd (default: %(default)s)"
    )
    parser.add_argument("--restrict-oom-score", action="store_true", help="for machines without CAP_SYS_RESOURCE")
    parser.add_argument("--step", action="append", choices=STEPS, help="write this one; may be repeated (default: all)")
    options = parser.parse_args(arguments)
    settings = Settings(options.sandbox_image, options.cgroup_driver, options.restrict_oom_score)
    made = entries(settings, options.step or tuple(STEPS))
    try:
        write(options.root, made)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print("\n".join(sorted(made)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
