"""Programs of this computer reach each other without the company's proxy, which knows nothing of loopback addresses."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

_OWN = ("localhost", "127.0.0.1", "::1")
_NAMES = ("no_proxy", "NO_PROXY")
"""Some programs read the one, some the other."""


def reach_directly(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have this process, or one that gets this environment, send nothing that is for this computer to a proxy."""
    for name in _NAMES:
        known = [each for each in environment.get(name, "").split(",") if each]
        environment[name] = ",".join([*known, *(each for each in _OWN if each not in known)])
