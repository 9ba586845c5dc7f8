"""Whether this machine's clock is synchronised, by the kernel's own word: chrony tells it (`rtcsync`)."""

from __future__ import annotations

import ctypes

# adjtimex(2): the return value when the clock is not synchronised, which is not an error.
_TIME_ERROR = 5
# Larger than struct timex of every architecture. The first field, modes, stays 0: only read.
_TIMEX_BYTES = 512


def is_synchronised() -> bool:
    """Whether it is. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    state: int = library.adjtimex((ctypes.c_byte * _TIMEX_BYTES)())
    if state < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
    return state != _TIME_ERROR
