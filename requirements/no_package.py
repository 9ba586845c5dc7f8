"""The build backend that pip finds here: it refuses, in one line.

Commands run in a clone, with the Makefile, lock files, examples and templates beside them; a package has none of these.
"""

from __future__ import annotations

from typing import NoReturn


def _refuse(*_: object, **__: object) -> NoReturn:
    raise SystemExit("holdfast is not installed with pip: run `make` in a clone; it creates its own environments")


# https://peps.python.org/pep-0517/: what a frontend calls first, and what it calls where it asks nothing before.
get_requires_for_build_wheel = get_requires_for_build_sdist = get_requires_for_build_editable = _refuse
build_wheel = build_sdist = build_editable = _refuse
