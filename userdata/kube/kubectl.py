"""What kubectl says. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_OBJECT = re.compile(r"^\{", re.MULTILINE)


def printed(said: str) -> Mapping[str, Any] | None:
    """The object that kubectl printed as JSON, None where it printed none. Raises ValueError where it is cut off.

    What it says on its other output, warnings of the API server for example, may stand before and behind it.
    """
    begins = _OBJECT.search(said)
    if begins is None:
        return None
    found, _ = json.JSONDecoder().raw_decode(said, begins.start())
    return found  # type: ignore[no-any-return]
