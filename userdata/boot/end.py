"""How a boot ends."""

from __future__ import annotations

from enum import Enum


class End(Enum):
    """The value is what the log's line of the whole boot says: nothing where all went well."""

    SERVES = ""
    STOPPED = "the boot ended without a node in service: its last stage says why"
    FAILED = "this instance could not become a node: another one is launched in its place"
