"""The cluster's settings as they are now: an update of the stack changes them, and rolls no node."""

from __future__ import annotations

from collections.abc import Callable

from coordination.outcomes import Known, Unknown
from userdata.config.settings import ClusterSettings, InvalidSettings
from userdata.logs.lines import StageFailed


def current_settings(read: Callable[[], Known[ClusterSettings] | InvalidSettings | Unknown]) -> ClusterSettings:
    """Those that are read. Raises StageFailed."""
    found = read()
    if not isinstance(found, Known):
        raise StageFailed(found.reason if isinstance(found, Unknown) else "; ".join(found.problems))
    return found.value
