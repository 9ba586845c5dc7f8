"""`python -m imagebuilder.addons --root DIR --minor 1.37 --image REFERENCE=REFERENCE …`: write an image's add-ons."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from imagebuilder import addons, versions
from imagebuilder.configure.tree import write
from imagebuilder.versions import VersionsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the manifests below the root and print their containers' images. 1 where they cannot be written."""
    parser = argparse.ArgumentParser(
        prog="python -m imagebuilder.addons",
        description="Writes the manifests of add-ons below a root, and prints the container images that they need.",
        epilog="exit codes: 0 written, 1 they cannot be written, 2 bad input",
    )
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help="where the image's / is")
    parser.add_argument("--minor", required=True, help="of Kubernetes, as 1.37")
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="REFERENCE=REFERENCE",
        help="an image and where it comes from instead, with its digest; once for each (default: all as they are)",
    )
    parser.add_argument("--without-digests", action="store_true", help="for a look at the manifests: not for an image")
    options = parser.parse_args(arguments)
    images = dict(each.split("=", 1) for each in options.image if "=" in each)
    if len(images) < len(options.image):
        print(f"--image: {options.image!r}; allowed: REFERENCE=REFERENCE, each once", file=sys.stderr)
        return 1
    try:
        known = versions.read()
        made = addons.documents(known, known.release(options.minor), images)
        if not options.without_digests:
            addons.check_pinned(made)
        write(options.root, addons.entries(made))
    except (VersionsError, addons.UnknownImages, addons.UnpinnedImages) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print("\n".join(addons.references(made)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
