"""A folder of files as one value that tests compare."""

from __future__ import annotations

from pathlib import Path


def modes(root: Path) -> dict[str, str]:
    """Every folder and file below `root`: its mode in octal, by its path."""
    return {f"/{path.relative_to(root)}": f"{path.stat().st_mode & 0o7777:o}" for path in sorted(root.rglob("*"))}


def contents(root: Path) -> dict[str, str]:
    """Every file below `root`: its text, by its path."""
    return {f"/{path.relative_to(root)}": path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}
