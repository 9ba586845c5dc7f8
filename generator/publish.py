"""Puts generated templates into their directory: all of them or none."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from coordination.names import IDENTITY_METADATA, Identity

_ROOT = "root.json"
# Templates of pools that the configuration no longer has.
_STALE = "workers-*.json"


class PublishError(Exception):
    """The directory cannot be written, or is not one that the generator may replace."""


def differences(files: Mapping[str, str], directory: Path) -> list[str]:
    """Names of files that are missing, differ, or are left from a pool that is gone; sorted."""
    differing = {name for name, text in files.items() if _content(directory / name) != text.encode()}
    stale = {name for name in _entries(directory) if fnmatchcase(name, _STALE) and name not in files}
    return sorted(differing | stale)


def publish(files: Mapping[str, str], directory: Path) -> list[str]:
    """Make `directory` hold exactly `files` and return the names that changed. Raises PublishError.

    The files are written beside the directory, which is then replaced as a whole: a run that fails or is interrupted
    leaves it as it was.
    """
    directory = directory.resolve()
    if not directory.name:
        raise PublishError(f"--out: given {directory}; allowed: a directory of templates only")
    previous = directory.with_name(f".{directory.name}.previous")
    try:
        if previous.exists() and not directory.exists():
            # The machine stopped between the two renames of an earlier run.
            previous.rename(directory)
        changed = differences(files, directory)
        if changed:
            _refuse_foreign(files, directory)
            _refuse_other_cluster(files, directory)
            _replace(files, directory, previous)
    except OSError as error:
        raise PublishError(f"{directory}: {error.strerror or error}") from error
    return changed


def _replace(files: Mapping[str, str], directory: Path, previous: Path) -> None:
    staging = directory.with_name(f".{directory.name}.{os.getpid()}")
    _remove(staging)
    try:
        staging.mkdir(parents=True)
        for name, text in files.items():
            (staging / name).write_bytes(text.encode())
        _remove(previous)
        try:
            if directory.exists():
                directory.rename(previous)
            staging.rename(directory)
        except BaseException:
            if previous.exists() and not directory.exists():
                previous.rename(directory)
            raise
    finally:
        _remove(staging)
    _remove(previous)


def _refuse_foreign(files: Mapping[str, str], directory: Path) -> None:
    """A directory that holds anything else is not ours to replace: perhaps --out was mistyped."""
    foreign = [name for name in _entries(directory) if name not in files and not fnmatchcase(name, _STALE)]
    if foreign:
        raise PublishError(
            f"--out: given {directory}, which holds {foreign[0]}; allowed: a directory of templates only"
        )


def _refuse_other_cluster(files: Mapping[str, str], directory: Path) -> None:
    """A cluster's name never changes: templates of another name are another cluster's."""
    there, new = (_cluster(text) for text in (_content(directory / _ROOT), files.get(_ROOT)))
    if there and new and there != new:
        raise PublishError(
            f"--out: given {directory}, which holds templates of the cluster {there}, and these are of {new}; "
            f"allowed: another directory (OUT=), or this one once it is removed: rm -r {shlex.quote(str(directory))}"
        )


def _cluster(root: str | bytes | None) -> str | None:
    """The cluster that a root template says it is of; None where it says nothing."""
    try:
        return str(json.loads(root or "")["Metadata"][IDENTITY_METADATA][Identity.CLUSTER])
    except (ValueError, KeyError, TypeError):
        return None


def _entries(directory: Path) -> list[str]:
    return sorted(os.listdir(directory)) if directory.exists() else []


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _remove(directory: Path) -> None:
    """Remove a flat directory, if there is one."""
    if directory.exists():
        for entry in directory.iterdir():
            entry.unlink()
        directory.rmdir()
