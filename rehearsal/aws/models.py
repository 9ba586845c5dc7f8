"""Reads each of botocore's service models once for the whole process.

Moto makes a session for every backend of every service, and each session reads the models anew: a quarter of what a
deploy costs the local AWS.
"""

from __future__ import annotations

import functools
from typing import Any

from botocore.loaders import JSONFileLoader

_read = JSONFileLoader.load_file


@functools.cache
def _read_once(path: str) -> Any:
    return _read(JSONFileLoader(), path)


def read_once() -> None:
    """Share what was read between all sessions. Calling it again changes nothing."""
    JSONFileLoader.load_file = lambda self, file_path: _read_once(file_path)  # type: ignore[method-assign]
