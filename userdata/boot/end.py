"""How a boot ends."""

from __future__ import annotations

from enum import Enum


class End(Enum):
    """The value is what the log's line of the whole boot says: nothing where all went well."""

    SERVES = ""
    STOPPED = "this instance was told to stop, and does not serve"
    FAILED = "this instance could not become a node: another one is launched in its place"
